"""The cache that processes share."""
