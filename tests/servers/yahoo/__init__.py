"""A server that speaks Yahoo's protocol from recorded data."""
