-- What a plan came to when a run began, as JSON: for example the topics of its dimensions. Empty for runs of earlier versions.

ALTER TABLE telemetry.ingest_runs ADD COLUMN plan_metadata TEXT NOT NULL DEFAULT '{}';
