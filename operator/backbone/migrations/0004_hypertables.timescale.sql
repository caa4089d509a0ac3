-- A chunk is what retention drops and the columnstore packs, and each one that a batch touches costs it time. The
-- widths keep a chunk of a few hundred symbols near a million rows, and decades of macro data in a few chunks.

SELECT create_hypertable('market.daily_bars', by_range('session_date', INTERVAL '365 days'),
                         create_default_indexes => FALSE);

SELECT create_hypertable('market.intraday_bars', by_range('start', INTERVAL '30 days'),
                         create_default_indexes => FALSE);

SELECT create_hypertable('market.intraday_trades', by_range('ts', INTERVAL '7 days'),
                         create_default_indexes => FALSE);

SELECT create_hypertable('market.macro_series', by_range('period', INTERVAL '3650 days'),
                         create_default_indexes => FALSE);

SELECT create_hypertable('market.macro_events', by_range('period', INTERVAL '3650 days'),
                         create_default_indexes => FALSE);
