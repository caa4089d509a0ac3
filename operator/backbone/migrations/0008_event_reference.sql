-- One name is released more than once a day, for different periods: what a release is about is part of its key, and an
-- empty text where it says nothing. Entries of the quarantine name their row by the key as it is now.

ALTER TABLE market.macro_events DROP CONSTRAINT macro_events_pkey;

UPDATE market.macro_events SET reference = '' WHERE reference IS NULL;

ALTER TABLE market.macro_events ALTER COLUMN reference TYPE TEXT COLLATE "C";

ALTER TABLE market.macro_events ALTER COLUMN reference SET NOT NULL;

ALTER TABLE market.macro_events ADD PRIMARY KEY (event, source, period, vintage, reference);

UPDATE telemetry.quarantine
SET "key" = "key" || '|' || coalesce(raw::json ->> 'reference', '')
WHERE dimension = 'macroEvents' AND position('\u0000' IN raw) = 0;
