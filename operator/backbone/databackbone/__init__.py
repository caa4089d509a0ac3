"""The DataBackbone kind: the store, its volume and the tier that serves."""
