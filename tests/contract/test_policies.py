"""Policies on TimescaleDB follow what is wished, whoever else changes them, and lose nothing unasked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backbone.adapters.timescale.policies import Policies
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.market.dimensions import DIMENSIONS
from backbone.ports.database import DatabaseError, DatabaseFault
from backbone.ports.policies import (
    Aggregate,
    AggregatePolicy,
    DesiredPolicies,
    HypertablePolicy,
    PolicyReport,
)
from databases import Database, on_postgres_migrated, packaged
from policy_database import ALL, FULL, LINEAGE, OTHER, PolicyDatabase, days_ago, desired

MINUTE = timedelta(minutes=1)
RETENTION, COMPRESSION, REFRESH = (
    "policy_retention",
    "policy_compression",
    "policy_refresh_continuous_aggregate",
)


@pytest.fixture
def place(timescale: ConnectionSettings) -> PolicyDatabase:
    """A migrated database."""
    database = Database("timescale", timescale, packaged())
    database.migrator().migrate()
    return PolicyDatabase(database)


def told(report: PolicyReport) -> list[tuple[str, str, bool]]:
    return [(item.table.removeprefix("market."), item.what, item.drift) for item in report.changes]


def test_every_policy_is_made_and_a_second_look_changes_nothing(place: PolicyDatabase) -> None:
    planned = Policies(place.database.settings, FULL).plan()
    done = place.reconcile(FULL)
    assert told(planned) == told(done)
    assert not any(item.drift for item in done.changes)
    assert place.jobs == {
        ("daily_bars", RETENTION, "3650 days", None, True),
        ("daily_bars", COMPRESSION, "400 days", None, True),
        ("intraday_trades", RETENTION, "90 days", None, True),
        ("intraday_trades", COMPRESSION, "14 days", None, True),
        ("trade_minute_bars", REFRESH, "90 days", 3600, True),
        ("trade_daily_bars", REFRESH, "90 days", 3600, True),
        ("weekly_bars", REFRESH, "3650 days", 3600, True),
    }
    widths, views, stores, _ = place.state
    assert dict(widths) == {
        "daily_bars": timedelta(days=180),
        "intraday_bars": timedelta(days=30),
        "intraday_trades": timedelta(days=2),
        "macro_events": timedelta(days=3650),
        "macro_series": timedelta(days=3650),
    }
    assert views == [("trade_daily_bars", True), ("trade_minute_bars", True), ("weekly_bars", True)]
    assert stores == [
        ("market.daily_bars", "symbol,source", "session_date"),
        ("market.intraday_trades", "symbol,source", "ts,ordinal"),
    ]
    before = place.state
    again = place.reconcile(FULL)
    assert (again.changes, again.unconfirmed, place.state) == ((), (), before)


def test_a_changed_wish_changes_the_database_and_what_is_no_longer_wished_goes(place: PolicyDatabase) -> None:
    place.reconcile(FULL)
    report = place.reconcile(OTHER)
    assert set(told(report)) == {
        ("daily_bars", "chunk width: 180 days → 365 days", False),
        ("daily_bars", "compression: 400 days → 500 days", False),
        ("daily_bars", "retention: 3650 days → none", False),
        ("intraday_trades", "chunk width: 2 days → 7 days", False),
        ("intraday_trades", "compression: 14 days → none", False),
        ("intraday_trades", "retention: 90 days → 60 days", False),
        ("trade_daily_bars", "continuous aggregate: materialized → none", False),
        ("trade_minute_bars", "continuous aggregate: materialized → none", False),
        (
            "weekly_bars",
            "refresh: of the last 3650 days, every 3600 s → of the last 3650 days, every 60 s",
            False,
        ),
    }
    assert place.jobs == {
        ("daily_bars", COMPRESSION, "500 days", None, True),
        ("intraday_trades", RETENTION, "60 days", None, True),
        ("weekly_bars", REFRESH, "3650 days", 60, True),
    }
    assert place.state[1] == [("weekly_bars", True)]
    assert place.reconcile(OTHER).changes == ()


HANDS = {
    "a retention removed": (
        "SELECT remove_retention_policy('market.daily_bars')",
        "retention: none → 3650 days",
    ),
    "a retention altered": (
        "SELECT alter_job(job_id, config => jsonb_set(config, '{drop_after}', '\"10 days\"')) "
        "FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention' "
        "AND hypertable_name = 'daily_bars'",
        "retention: 10 days → 3650 days",
    ),
    "a job paused": (
        "SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs "
        "WHERE proc_name = 'policy_compression' AND hypertable_name = 'intraday_trades'",
        "compression: 14 days, paused → 14 days",
    ),
    "a retention added": (
        "SELECT add_retention_policy('market.macro_series', INTERVAL '36 hours')",
        "retention: 1 day, 12:00:00 → none",
    ),
    "a retention added to an aggregate": (
        "SELECT add_retention_policy('market.weekly_bars', INTERVAL '5000 days')",
        "retention: 5000 days → none",
    ),
    "a compression added": (
        "ALTER TABLE market.intraday_bars SET (timescaledb.enable_columnstore); "
        "CALL add_columnstore_policy('market.intraday_bars', after => INTERVAL '5 days')",
        "compression: 5 days → none",
    ),
    "a refresh of another window": (
        "SELECT remove_continuous_aggregate_policy('market.weekly_bars'), "
        "add_continuous_aggregate_policy('market.weekly_bars', NULL, INTERVAL '1 hour', INTERVAL '2 hours')",
        "refresh: of everything, every 7200 s, of another window → of the last 3650 days, every 3600 s",
    ),
    "chunks of another width": (
        "SELECT set_chunk_time_interval('market.daily_bars', INTERVAL '5 days')",
        "chunk width: 5 days → 180 days",
    ),
    "a columnstore laid out otherwise": (
        "ALTER TABLE market.daily_bars SET (timescaledb.segmentby = 'source')",
        "columnstore: by source, in the order of session_date → "
        "by symbol,source, in the order of session_date",
    ),
    "an aggregate in real time": (
        "ALTER MATERIALIZED VIEW market.weekly_bars SET (timescaledb.materialized_only = false)",
        "continuous aggregate: in real time → materialized",
    ),
}


@pytest.mark.parametrize("hand", HANDS)
def test_drift_is_put_back_and_told(place: PolicyDatabase, hand: str) -> None:
    statement, what = HANDS[hand]
    place.reconcile(FULL)
    before = place.state
    for part in statement.split(";"):
        place.execute(part)
    assert place.state != before
    report = place.reconcile(FULL)
    assert (what, True) in [(item.what, item.drift) for item in report.changes]
    assert report.unconfirmed == ()
    if hand == "a retention altered":
        # It may have dropped rows meanwhile, which no refresh is to meet.
        assert ("weekly_bars", REFRESH, "10 days", 3600, True) in place.jobs
    elif hand != "a compression added":
        assert place.state == before
    assert place.reconcile(FULL).changes == ()


def test_a_lost_aggregate_is_made_and_filled_again(place: PolicyDatabase) -> None:
    place.add_bars(days_ago(100).date(), 90)
    place.reconcile(FULL)
    weeks = "SELECT count(*) FROM market.weekly_bars"
    before = place.execute(weeks)
    assert before[0][0] > 12
    place.execute("DROP MATERIALIZED VIEW market.weekly_bars")
    report = place.reconcile(FULL)
    assert ("weekly_bars", "continuous aggregate: none → materialized", True) in told(report)
    assert place.execute(weeks) == before


BY_HAND = {
    "trade_minute_bars": """
        SELECT source, symbol, date_trunc('minute', ts), (array_agg(price ORDER BY ts, ordinal))[1],
               max(price), min(price), (array_agg(price ORDER BY ts DESC, ordinal DESC))[1],
               sum(size), count(*), price_basis
        FROM market.intraday_trades GROUP BY 1, 2, 3, 10
    """,
    "trade_daily_bars": """
        SELECT source, symbol, date_trunc('day', ts), (array_agg(price ORDER BY ts, ordinal))[1],
               max(price), min(price), (array_agg(price ORDER BY ts DESC, ordinal DESC))[1],
               sum(size), count(*), price_basis
        FROM market.intraday_trades GROUP BY 1, 2, 3, 10
    """,
    "weekly_bars": """
        SELECT source, symbol, date_trunc('week', session_date)::date,
               (array_agg("open" ORDER BY session_date))[1], max(high), min(low),
               (array_agg("close" ORDER BY session_date DESC))[1],
               (array_agg(adjusted_close ORDER BY session_date DESC))[1], sum(volume), count(*), price_basis
        FROM market.daily_bars GROUP BY 1, 2, 3, 11
    """,
}


def assert_as_by_hand(place: PolicyDatabase) -> None:
    for view, statement in BY_HAND.items():
        wanted = place.execute(statement)
        assert len(wanted) > 10
        assert sorted(place.execute(f"SELECT * FROM market.{view}")) == sorted(wanted), view


def test_aggregates_are_what_a_group_by_counts(place: PolicyDatabase) -> None:
    """Once filled, and once refreshed with late and corrected rows and those of a symbol that is new."""
    place.add_bars(days_ago(3000).date(), 200)
    place.add_trades(days_ago(80), 3000, 17 * MINUTE)
    place.reconcile(FULL)
    assert_as_by_hand(place)

    place.add_bars(days_ago(3001).date(), 300, "B''B")
    place.add_bars(days_ago(3002).date(), 2)
    place.execute("UPDATE market.daily_bars SET close = 7 WHERE volume = 1100")
    place.add_trades(days_ago(85), 2000, 11 * MINUTE, "B''B")
    place.execute("DELETE FROM market.intraday_trades WHERE size = 9")
    with pytest.raises(AssertionError):
        assert_as_by_hand(place)
    for view in BY_HAND:
        place.run_job(view, REFRESH)
    assert_as_by_hand(place)


def test_a_retention_that_would_drop_rows_waits_and_then_drops_exactly_those(place: PolicyDatabase) -> None:
    wide = desired(trades=(1, None, None), aggregates=ALL)
    place.reconcile(wide)
    place.add_trades(days_ago(100), 3 * 100 * 24, timedelta(hours=1))
    place.run_job("trade_minute_bars", REFRESH)
    place.execute(
        "INSERT INTO market.intraday_trades SELECT source, 'LATE', ts, ordinal, price, size, "
        "price_basis, revision, run_id, plan_generation, schema_version, observed_at, provider, flags "
        "FROM market.intraday_trades"
    )
    short = desired(trades=(1, 30, None), aggregates=ALL)

    asked = place.reconcile(short)
    assert asked.changes == ()
    (question,) = asked.unconfirmed
    rows, kept = 2 * 3 * 24 * 70, 2 * 3 * 24 * 30
    assert (question.table, question.what) == ("market.intraday_trades", "retention: none → 30 days")
    assert (question.rows, question.cutoff) == (rows, days_ago(30))
    assert question.token == f"intradayTrades-30d-{rows}"
    assert not any(item[1] == RETENTION for item in place.jobs)
    for token in ("intradayTrades-30d-1", "dailyBars-30d-10080", ""):
        assert place.reconcile(short, token).unconfirmed == (question,)

    done = place.reconcile(short, question.token)
    assert done.unconfirmed == ()
    assert told(done)[-1] == ("intraday_trades", "retention: none → 30 days", False)
    bars = sorted(place.execute("SELECT * FROM market.trade_daily_bars"))
    assert len(bars) == 200
    place.run_job("intraday_trades", RETENTION)
    counted = "SELECT count(*), min(ts) FROM market.intraday_trades"
    assert place.execute(counted) == [(kept, days_ago(30))]

    # What was dropped stays in the aggregates, however often they are refreshed.
    for _ in range(2):
        for view in ("trade_minute_bars", "trade_daily_bars"):
            place.run_job(view, REFRESH)
        assert sorted(place.execute("SELECT * FROM market.trade_daily_bars")) == bars
        # And also where retention becomes longer than what is left.
        place.reconcile(desired(trades=(1, 90, None), aggregates=ALL))
    assert ("trade_minute_bars", REFRESH, "30 days", 3600, True) in place.jobs


def test_a_retention_that_was_confirmed_is_not_asked_of_again(place: PolicyDatabase) -> None:
    place.add_bars(days_ago(1000).date(), 900)
    wish = desired(bars=(10, 365, None))
    place.reconcile(desired(bars=(10, None, None)))
    place.add_bars(days_ago(1000).date(), 900, "BBB")
    (question,) = place.reconcile(wish).unconfirmed
    assert place.reconcile(wish, question.token).unconfirmed == ()
    place.run_job("daily_bars", RETENTION)
    # Chunks that were there before are as wide as they were: the one that begins a year ago stays whole.
    left = place.execute("SELECT count(*), min(session_date) FROM market.daily_bars")
    assert question.cutoff is not None
    assert left == [(1800 - question.rows, question.cutoff.date())]
    assert 0 < question.rows < 2 * (1000 - 365)
    place.execute("SELECT remove_retention_policy('market.daily_bars')")
    report = place.reconcile(wish)
    assert told(report) == [("daily_bars", "retention: none → 365 days", True)]
    assert report.unconfirmed == ()
    # A shorter one is another question; until it is answered the one before stays, and is put back too.
    place.execute("SELECT remove_retention_policy('market.daily_bars')")
    report = place.reconcile(desired(bars=(10, 200, None)), question.token)
    assert [item.token.startswith("dailyBars-200d-") for item in report.unconfirmed] == [True]
    assert told(report) == [("daily_bars", "retention: none → 365 days", True)]
    # A longer one asks nothing.
    assert place.reconcile(desired(bars=(10, 500, None))).unconfirmed == ()
    assert ("daily_bars", RETENTION, "500 days", None, True) in place.jobs


def test_an_aggregate_with_bars_is_dropped_once_that_is_confirmed(place: PolicyDatabase) -> None:
    place.add_trades(days_ago(3), 300, 5 * MINUTE)
    place.reconcile(desired(aggregates=ALL))
    ((minutes,),) = place.execute("SELECT count(*) FROM market.trade_minute_bars")
    fewer = desired(aggregates=(AggregatePolicy(Aggregate.WEEKLY_BARS),))
    report = place.reconcile(fewer)
    # The bars of minutes are what those of days are made of: they are not asked about as long as these stand.
    assert [item.token for item in report.unconfirmed] == ["tradeDays-drop-1"]
    assert report.changes == ()
    report = place.reconcile(fewer, "tradeDays-drop-1")
    assert [item.token for item in report.unconfirmed] == [f"minuteBars-drop-{minutes}"]
    assert place.reconcile(fewer, f"minuteBars-drop-{minutes}").unconfirmed == ()
    assert place.state[1] == [("weekly_bars", True)]


def test_spans_tell_what_is_there(place: PolicyDatabase) -> None:
    place.add_bars(days_ago(500).date(), 300)
    wish = desired(bars=(365, 3650, 400), aggregates=(AggregatePolicy(Aggregate.WEEKLY_BARS),))
    report = place.reconcile(wish)
    spans = {item.name: item for item in report.tables}
    bars, other = spans["dailyBars"], spans["macroEvents"]
    assert (bars.oldest, bars.newest) == (days_ago(500), days_ago(201))
    assert (bars.chunk_days, bars.retention_days, bars.compress_after_days) == (365, 3650, 400)
    assert report.aggregates == (Aggregate.WEEKLY_BARS,)
    assert bars.rows in {None, 300}
    assert (other.oldest, other.newest, other.rows, other.retention_days) == (None, None, 0, None)
    place.execute("ANALYZE market.daily_bars")
    report = place.reconcile(wish)
    assert {item.rows for item in report.tables if item.oldest} == {300}


def test_rows_of_packed_chunks_are_told_and_those_that_came_since(place: PolicyDatabase) -> None:
    wish = desired(bars=(180, None, 400))
    place.add_bars(days_ago(2000).date(), 2000)
    place.execute("ANALYZE market.daily_bars")
    place.reconcile(wish)
    place.run_job("daily_bars", COMPRESSION)
    assert _estimate(place, wish) == 2000
    place.add_bars(days_ago(2000).date(), 100, symbol="BBB")
    place.execute("ANALYZE market.daily_bars")
    assert 2000 < _estimate(place, wish) <= 2100


def _estimate(place: PolicyDatabase, wish: DesiredPolicies) -> int:
    (bars,) = [item for item in place.reconcile(wish).tables if item.oldest]
    return bars.rows or 0


def test_every_table_can_be_packed_and_takes_late_rows_then(place: PolicyDatabase) -> None:
    wish = DesiredPolicies(tuple(HypertablePolicy(item, 30, None, 1) for item in DIMENSIONS))
    place.reconcile(wish)
    place.add_bars(days_ago(100).date(), 90)
    place.add_trades(days_ago(100), 300, timedelta(hours=6))
    every = [
        ("macro_series", "'test', 'cpi', day::date, 'daily', day::date, 1, NULL"),
        ("macro_events", "'test', 'us', 'cpi', 'release', day::date, day::date, '', day, 1, 1, 1, 1"),
        ("intraday_bars", "'test', 'AAA', 60, day, 1, 1, 1, 1, 1, 1, 'adjusted'"),
    ]
    for table, values in every:
        lineage = LINEAGE.partition(", ")[2]
        place.execute(
            f"INSERT INTO market.{table} SELECT {values}, {lineage} "
            "FROM generate_series(now() - INTERVAL '100 days', now() - INTERVAL '40 days', '1 day') AS day"
        )
    for item in DIMENSIONS:
        place.run_job(item.table, COMPRESSION)
        packed = (
            "SELECT bool_and(is_compressed) FROM timescaledb_information.chunks WHERE hypertable_name = %s"
        )
        bounds = " AND range_end < now() - INTERVAL '1 day'"
        assert place.execute(packed + bounds, item.table) == [(True,)], item.name
        one = f"SELECT * FROM market.{item.table} LIMIT 1"
        place.execute(f"INSERT INTO market.{item.table} {one} ON CONFLICT DO NOTHING")


def test_what_cannot_be_is_refused_before_anything_is_set(
    place: PolicyDatabase, postgres: ConnectionSettings
) -> None:
    before = place.state
    place.execute("CREATE VIEW market.weekly_bars AS SELECT 1")
    faults = [(place.database.settings, desired(aggregates=ALL), DatabaseFault.POLICY_REFUSED, "rename that")]
    on_postgres_migrated(postgres)
    faults.append((postgres, desired(), DatabaseFault.EXTENSION_MISSING, "CREATE EXTENSION timescaledb"))
    for settings, wish, fault, words in faults:
        for call in (Policies(settings, wish).plan, Policies(settings, wish).reconcile):
            with pytest.raises(DatabaseError, match=words) as caught:
                call()
            assert caught.value.fault is fault
    assert place.state == before


def test_a_database_that_was_not_migrated_is_told_so(timescale: ConnectionSettings) -> None:
    with pytest.raises(DatabaseError, match="run emp-runtime database") as caught:
        Policies(timescale, desired()).reconcile()
    assert caught.value.fault is DatabaseFault.SCHEMA_REFUSED
