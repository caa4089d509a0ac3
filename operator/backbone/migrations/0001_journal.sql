-- What runs leave behind: the runs, what each source brought, how each name fared last.

CREATE SCHEMA IF NOT EXISTS telemetry;

CREATE TABLE telemetry.ingest_runs (
    "sequence" BIGINT PRIMARY KEY,
    run_id TEXT NOT NULL,
    plan TEXT COLLATE "C" NOT NULL,
    plan_generation BIGINT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    outcome TEXT,
    "rows" BIGINT NOT NULL DEFAULT 0,
    changed BIGINT NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT ''
);

CREATE INDEX ingest_runs_by_run ON telemetry.ingest_runs (run_id);

CREATE TABLE telemetry.ingest_arrivals (
    "sequence" BIGINT NOT NULL,
    dimension TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    provider TEXT NOT NULL,
    as_of TIMESTAMPTZ NOT NULL,
    "rows" BIGINT NOT NULL,
    changed BIGINT NOT NULL
);

CREATE INDEX ingest_arrivals_by_source ON telemetry.ingest_arrivals (dimension, source, "sequence");

CREATE TABLE telemetry.ingest_attempts (
    plan TEXT COLLATE "C" NOT NULL,
    dimension TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    provider TEXT NOT NULL,
    "sequence" BIGINT NOT NULL,
    outcome TEXT NOT NULL
);

CREATE INDEX ingest_attempts_by_plan ON telemetry.ingest_attempts (plan, dimension);

CREATE INDEX ingest_attempts_by_subject ON telemetry.ingest_attempts (dimension, subject);
