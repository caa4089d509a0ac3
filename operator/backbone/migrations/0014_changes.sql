-- On which days rows changed, and the last run that changed any there: what an export has to write again. One row per day
-- bounds the table by what is stored. Days of rows that are there already are those of the last run of which a row is left.
-- Which runs tell their changes stands with them, since those of earlier versions do not: after one an export compares.

CREATE TABLE telemetry.ingest_changes (
    dimension TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    day DATE NOT NULL,
    "sequence" BIGINT NOT NULL,
    PRIMARY KEY (dimension, source, day)
);

INSERT INTO telemetry.ingest_changes
SELECT 'dailyBars', item.source, item.session_date, coalesce(max(run."sequence"), 0)
FROM market.daily_bars AS item LEFT JOIN telemetry.ingest_runs AS run USING (run_id) GROUP BY 2, 3;

INSERT INTO telemetry.ingest_changes
SELECT 'intradayBars', item.source, (item.start AT TIME ZONE 'UTC')::date, coalesce(max(run."sequence"), 0)
FROM market.intraday_bars AS item LEFT JOIN telemetry.ingest_runs AS run USING (run_id) GROUP BY 2, 3;

INSERT INTO telemetry.ingest_changes
SELECT 'intradayTrades', item.source, (item.ts AT TIME ZONE 'UTC')::date, coalesce(max(run."sequence"), 0)
FROM market.intraday_trades AS item LEFT JOIN telemetry.ingest_runs AS run USING (run_id) GROUP BY 2, 3;

INSERT INTO telemetry.ingest_changes
SELECT 'macroSeries', item.source, item.period, coalesce(max(run."sequence"), 0)
FROM market.macro_series AS item LEFT JOIN telemetry.ingest_runs AS run USING (run_id) GROUP BY 2, 3;

INSERT INTO telemetry.ingest_changes
SELECT 'macroEvents', item.source, item.period, coalesce(max(run."sequence"), 0)
FROM market.macro_events AS item LEFT JOIN telemetry.ingest_runs AS run USING (run_id) GROUP BY 2, 3;

ALTER TABLE telemetry.ingest_runs ADD COLUMN tells_changes BOOLEAN NOT NULL DEFAULT FALSE;
