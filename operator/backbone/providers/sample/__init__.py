"""Recorded market data that some Python packages carry; once fetched, it needs no network."""
