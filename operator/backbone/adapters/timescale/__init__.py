"""The store on TimescaleDB."""
