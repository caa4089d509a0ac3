-- Rows that the checks kept out of the market's tables; raw is JSON, each value as text.

CREATE TABLE telemetry.quarantine (
    id TEXT COLLATE "C" PRIMARY KEY,
    dimension TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    "time" TEXT NOT NULL,
    "key" TEXT COLLATE "C" NOT NULL,
    reason TEXT NOT NULL,
    raw TEXT NOT NULL,
    provider TEXT NOT NULL,
    plan TEXT COLLATE "C" NOT NULL,
    plan_generation BIGINT NOT NULL,
    run_id TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    first_seen TIMESTAMPTZ NOT NULL,
    last_seen TIMESTAMPTZ NOT NULL,
    last_run_id TEXT NOT NULL,
    times_seen BIGINT NOT NULL,
    state TEXT NOT NULL,
    state_since TIMESTAMPTZ NOT NULL
);

CREATE INDEX quarantine_by_key ON telemetry.quarantine (dimension, "key");

CREATE INDEX quarantine_by_run ON telemetry.quarantine (last_run_id, dimension);
