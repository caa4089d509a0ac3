"""One ingest run, from plan to stored rows and a report."""
