"""The database of the Federal Reserve Bank of St. Louis through fredapi: series with every vintage."""
