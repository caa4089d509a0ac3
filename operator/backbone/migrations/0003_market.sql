-- The five dimensions. Columns stand in the order of market.dimensions, so that a row is copied as it is. A key
-- begins with the subject, which nearly every read names; its texts compare by their bytes, whatever the database's
-- language, so that rows come in the order of the bootstrap tier.

CREATE SCHEMA IF NOT EXISTS market;

CREATE TABLE market.daily_bars (
    source TEXT COLLATE "C" NOT NULL,
    symbol TEXT COLLATE "C" NOT NULL,
    session_date DATE NOT NULL,
    "open" DOUBLE PRECISION NOT NULL,
    high DOUBLE PRECISION NOT NULL,
    low DOUBLE PRECISION NOT NULL,
    "close" DOUBLE PRECISION NOT NULL,
    adjusted_close DOUBLE PRECISION,
    volume BIGINT NOT NULL,
    price_basis TEXT NOT NULL,
    revision BIGINT NOT NULL,
    run_id TEXT NOT NULL,
    plan_generation BIGINT NOT NULL,
    schema_version INTEGER NOT NULL,
    observed_at TIMESTAMPTZ NOT NULL,
    provider TEXT NOT NULL,
    flags TEXT,
    PRIMARY KEY (symbol, source, session_date)
);

CREATE TABLE market.intraday_bars (
    source TEXT COLLATE "C" NOT NULL,
    symbol TEXT COLLATE "C" NOT NULL,
    interval_seconds INTEGER NOT NULL,
    "start" TIMESTAMPTZ NOT NULL,
    "open" DOUBLE PRECISION NOT NULL,
    high DOUBLE PRECISION NOT NULL,
    low DOUBLE PRECISION NOT NULL,
    "close" DOUBLE PRECISION NOT NULL,
    volume BIGINT NOT NULL,
    trades BIGINT,
    price_basis TEXT NOT NULL,
    revision BIGINT NOT NULL,
    run_id TEXT NOT NULL,
    plan_generation BIGINT NOT NULL,
    schema_version INTEGER NOT NULL,
    observed_at TIMESTAMPTZ NOT NULL,
    provider TEXT NOT NULL,
    flags TEXT,
    PRIMARY KEY (symbol, source, interval_seconds, "start")
);

CREATE TABLE market.intraday_trades (
    source TEXT COLLATE "C" NOT NULL,
    symbol TEXT COLLATE "C" NOT NULL,
    ts TIMESTAMPTZ NOT NULL,
    ordinal BIGINT NOT NULL,
    price DOUBLE PRECISION NOT NULL,
    size BIGINT NOT NULL,
    price_basis TEXT NOT NULL,
    revision BIGINT NOT NULL,
    run_id TEXT NOT NULL,
    plan_generation BIGINT NOT NULL,
    schema_version INTEGER NOT NULL,
    observed_at TIMESTAMPTZ NOT NULL,
    provider TEXT NOT NULL,
    flags TEXT,
    PRIMARY KEY (symbol, source, ts, ordinal)
);

CREATE TABLE market.macro_series (
    source TEXT COLLATE "C" NOT NULL,
    series TEXT COLLATE "C" NOT NULL,
    period DATE NOT NULL,
    frequency TEXT NOT NULL,
    vintage DATE NOT NULL,
    value DOUBLE PRECISION,
    licence TEXT,
    revision BIGINT NOT NULL,
    run_id TEXT NOT NULL,
    plan_generation BIGINT NOT NULL,
    schema_version INTEGER NOT NULL,
    observed_at TIMESTAMPTZ NOT NULL,
    provider TEXT NOT NULL,
    flags TEXT,
    PRIMARY KEY (series, source, period, vintage)
);

CREATE TABLE market.macro_events (
    source TEXT COLLATE "C" NOT NULL,
    calendar TEXT COLLATE "C" NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    kind TEXT NOT NULL,
    period DATE NOT NULL,
    vintage DATE NOT NULL,
    reference TEXT,
    "at" TIMESTAMPTZ,
    actual DOUBLE PRECISION,
    expected DOUBLE PRECISION,
    prior DOUBLE PRECISION,
    revised DOUBLE PRECISION,
    revision BIGINT NOT NULL,
    run_id TEXT NOT NULL,
    plan_generation BIGINT NOT NULL,
    schema_version INTEGER NOT NULL,
    observed_at TIMESTAMPTZ NOT NULL,
    provider TEXT NOT NULL,
    flags TEXT,
    PRIMARY KEY (event, source, period, vintage)
);

CREATE INDEX macro_events_by_calendar ON market.macro_events (calendar, source, period);
