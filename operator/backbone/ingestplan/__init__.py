"""The IngestPlan kind: what data to keep fresh, from where, and how the last run went."""
