-- A table with a columnstore takes fewer changes than the next migration makes. Policies pack it again, as the spec
-- says, and have to remember nothing of before: nobody else has changed it.

CALL remove_columnstore_policy('market.macro_events', if_exists => true);

SELECT decompress_chunk(format('%I.%I', chunk_schema, chunk_name)::regclass)
FROM timescaledb_information.chunks
WHERE hypertable_schema = 'market' AND hypertable_name = 'macro_events' AND is_compressed;

ALTER TABLE market.macro_events SET (timescaledb.enable_columnstore = false);

DELETE FROM telemetry.policies WHERE "table" = 'market.macro_events' AND kind IN ('COLUMNSTORE', 'COMPRESSION');
