"""Sources of market data behind one Protocol."""
