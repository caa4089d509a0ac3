"""Exports as tables: partitions, plan, manifest, and what a file has; pure."""
