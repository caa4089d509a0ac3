-- What speaks against rows: the version of each verdict, by the entry of the quarantine that it is on. A value restricts it
-- to rows that say the same; without one it is on the whole key. And windows that answers held whole, packed as
-- market.verdicts does it, for as long as an older answer can come.

CREATE TABLE telemetry.verdicts (
    id TEXT COLLATE "C" PRIMARY KEY,
    dimension TEXT COLLATE "C" NOT NULL,
    "key" TEXT COLLATE "C" NOT NULL,
    value DOUBLE PRECISION,
    revision BIGINT NOT NULL,
    observed_at TIMESTAMPTZ NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL
);

CREATE INDEX verdicts_by_key ON telemetry.verdicts (dimension, "key");

CREATE TABLE telemetry.whole_windows (
    dimension TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    observed_at TIMESTAMPTZ NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    windows TEXT NOT NULL
);
