-- Answers that found rows as they are stored: which versions they confirm, packed as market.confirmations does it. They
-- stay until no run is open that could still bring an older answer.

CREATE TABLE telemetry.confirmations (
    dimension TEXT COLLATE "C" NOT NULL,
    observed_at TIMESTAMPTZ NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    versions TEXT NOT NULL
);
