-- What a backbone was asked to be, each time that it changed: its spec, the tier that served, and which credentials.
-- Of a credential there is a salted hash, which tells that it changed and nothing more.

CREATE TABLE telemetry.configuration_changes (
    backbone TEXT COLLATE "C" NOT NULL,
    "sequence" BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL DEFAULT now(),
    name TEXT NOT NULL,
    generation BIGINT NOT NULL,
    changes JSONB NOT NULL,
    state JSONB NOT NULL,
    PRIMARY KEY (backbone, "sequence")
);

CREATE TABLE telemetry.configuration_salt (
    only_one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_one),
    salt TEXT NOT NULL
);
