"""Yahoo Finance through yfinance: daily bars, intraday bars and the economic calendar."""
