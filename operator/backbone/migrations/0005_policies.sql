-- What was last wished of the tables over time and came to be. It tells a new wish from somebody else's change,
-- and a retention that was confirmed from one that was not.

CREATE TABLE telemetry.policies (
    kind TEXT COLLATE "C" NOT NULL,
    "table" TEXT COLLATE "C" NOT NULL,
    setting TEXT NOT NULL,
    since TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY ("table", kind)
);
