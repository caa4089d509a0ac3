"""Exports as tables in a folder: data files, manifests, and the commit."""
