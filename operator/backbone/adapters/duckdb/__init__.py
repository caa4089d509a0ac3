"""The store on one DuckDB file of a volume."""
