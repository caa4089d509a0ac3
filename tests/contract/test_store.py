"""What a store promises, on every tier: what goes in stays, once, and the later version of a row wins."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from backbone.market.dimensions import DAILY_BARS, INTRADAY_TRADES, MACRO_SERIES
from backbone.market.lineage import Lineage, stamp
from backbone.ports.journal import Arrival, Attempt, RunEnd, RunLost, RunStart
from backbone.ports.store import LastAttempt, Line, Selection
from backbone.ports.store_errors import StoreError
from backbone.vocabulary import Outcome
from stores import Tier

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
NO_WAIT = timedelta()


def bar(day: int = 1, close: float = 1.5, revision: int = 0, **changes: object) -> dict[str, object]:
    return {
        "source": "test/bars",
        "symbol": "AAPL",
        "session_date": date(2024, 2, day),
        "open": 1.0,
        "high": 2.0,
        "low": 0.5,
        "close": close,
        "adjusted_close": None,
        "volume": 10,
        "price_basis": "asTraded",
        "revision": revision,
        **changes,
    }


def trade(moment: datetime, ordinal: int) -> dict[str, object]:
    return {
        "source": "test/trades",
        "symbol": "ES",
        "ts": moment,
        "ordinal": ordinal,
        "price": 1640.25,
        "size": 1,
        "price_basis": "asTraded",
        "revision": 0,
    }


def stored(tier: Tier, rows: list[dict[str, object]], run_id: str = "run-1", at: datetime = NOW) -> int:
    """Store bars as one published run; how many changed."""
    facts = pa.Table.from_pylist(rows, schema=DAILY_BARS.facts)
    with tier.store().writer(run_id, NO_WAIT) as writer:
        sequence = writer.journal.begin(RunStart(run_id, "sample", 1, at))
        with writer.batch():
            changed = writer.rows.upsert(DAILY_BARS, stamp(DAILY_BARS, facts, Lineage(run_id, 1, at, "Test")))
            writer.journal.record(sequence, Arrival("dailyBars", "test/bars", "Test", at, len(rows), changed))
            writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, at, len(rows), changed, ""))
        writer.publish()
    return changed


def held(tier: Tier, **wish: object) -> list[dict[str, object]]:
    with tier.reading() as reader:
        selection = Selection(DAILY_BARS, **wish)  # type: ignore[arg-type]
        return [row for batch in reader.batches(selection) for row in batch.to_pylist()]


def test_what_goes_in_comes_out_in_the_schema_of_the_dimension(tier: Tier) -> None:
    assert stored(tier, [bar()]) == 1
    lineage = {"run_id": "run-1", "plan_generation": 1, "schema_version": 3, "observed_at": NOW}
    assert held(tier) == [{**bar(), **lineage, "provider": "Test", "flags": None}]


def test_the_same_rows_again_change_nothing_and_keep_their_lineage(tier: Tier) -> None:
    rows = [bar(day) for day in range(1, 29)]
    assert stored(tier, rows) == 28
    assert stored(tier, rows, "run-2", LATER) == 0
    assert {row["run_id"] for row in held(tier)} == {"run-1"}


@pytest.mark.parametrize(
    ("second", "run_id", "at", "wins"),
    [
        pytest.param(bar(close=9.0), "run-2", LATER, True, id="a later observation"),
        pytest.param(bar(close=9.0), "run-0", NOW - timedelta(days=1), False, id="an earlier observation"),
        pytest.param(bar(close=9.0), "run-2", NOW, True, id="the same moment and the greater run id"),
        pytest.param(bar(close=9.0), "run-0", NOW, False, id="the same moment and the smaller run id"),
        pytest.param(
            bar(close=9.0, revision=1),
            "run-0",
            NOW - timedelta(days=1),
            True,
            id="a greater revision of any age",
        ),
        pytest.param(bar(adjusted_close=1.4), "run-2", LATER, True, id="a value where none was"),
        pytest.param(bar(price_basis="splitAdjusted"), "run-2", LATER, True, id="another price basis"),
    ],
)
def test_one_order_decides_between_two_versions_of_a_row(
    tier: Tier, second: dict[str, object], run_id: str, at: datetime, wins: bool
) -> None:
    stored(tier, [bar(1), bar(2)])
    assert stored(tier, [second], run_id, at) == int(wins)
    row = held(tier, end=datetime(2024, 2, 2, tzinfo=UTC))[0]
    assert {name: row[name] for name in second} == (second if wins else bar(1))
    assert len(held(tier)) == 2


def test_an_older_revision_never_comes_back(tier: Tier) -> None:
    stored(tier, [bar(close=2.0, revision=2)])
    assert stored(tier, [bar(close=1.0, revision=1)], "run-2", LATER) == 0


def test_a_key_twice_in_one_batch_is_refused_and_nothing_of_it_stored(tier: Tier) -> None:
    stored(tier, [bar(1)])
    with pytest.raises(StoreError, match="1 keys come more than once"):
        stored(tier, [bar(2), bar(3, close=1.0), bar(3, close=2.0)], "run-2")
    assert len(held(tier)) == 1


def test_two_deliveries_of_a_new_source_in_one_batch_are_versions_of_the_same_rows(tier: Tier) -> None:
    first = pa.Table.from_pylist([bar(1), bar(2)], schema=DAILY_BARS.facts)
    second = pa.Table.from_pylist([bar(2, close=9.0), bar(3)], schema=DAILY_BARS.facts)
    with tier.store().writer("run-1", NO_WAIT) as writer:
        sequence = writer.journal.begin(RunStart("run-1", "sample", 1, NOW))
        with writer.batch():
            writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, NOW, 4, 4, ""))
            changed = [
                writer.rows.upsert(DAILY_BARS, stamp(DAILY_BARS, facts, Lineage("run-1", 1, at, "Test")))
                for facts, at in ((first, NOW), (second, LATER))
            ]
        writer.publish()
    assert changed == [2, 2]
    assert [row["close"] for row in held(tier)] == [1.5, 9.0, 1.5]


def test_a_new_source_beside_another_takes_none_of_its_rows(tier: Tier) -> None:
    stored(tier, [bar(1)])
    both = [bar(1, close=9.0), bar(1, source="test/other", close=4.0)]
    assert stored(tier, both[1:], "run-2", LATER) == 1
    assert stored(tier, both, "run-3", LATER) == 1
    assert [(row["source"], row["close"]) for row in held(tier)] == [
        ("test/bars", 9.0),
        ("test/other", 4.0),
    ]


def test_equal_trades_are_all_stored(tier: Tier) -> None:
    rows = [trade(NOW, number) for number in range(242)]
    facts = pa.Table.from_pylist(rows, schema=INTRADAY_TRADES.facts)
    with tier.store().writer("run-1", NO_WAIT) as writer:
        lineage = Lineage("run-1", 1, NOW, "Test")
        changed = writer.rows.upsert(INTRADAY_TRADES, stamp(INTRADAY_TRADES, facts, lineage))
    assert changed == 242


def test_rows_of_another_schema_are_refused(tier: Tier) -> None:
    with (
        tier.store().writer("run-1", NO_WAIT) as writer,
        pytest.raises(StoreError, match="not of the dimension's schema"),
    ):
        writer.rows.upsert(MACRO_SERIES, pa.Table.from_pylist([bar()], schema=DAILY_BARS.facts))


def test_a_batch_that_fails_leaves_no_row(tier: Tier) -> None:
    stored(tier, [bar(1)])
    facts = pa.Table.from_pylist([bar(2)], schema=DAILY_BARS.facts)
    with tier.store().writer("run-2", NO_WAIT) as writer:
        with pytest.raises(ZeroDivisionError), writer.batch():
            writer.rows.upsert(DAILY_BARS, stamp(DAILY_BARS, facts, Lineage("run-2", 1, LATER, "Test")))
            raise ZeroDivisionError
        writer.publish()
    assert len(held(tier)) == 1


def test_the_journal_numbers_runs_and_closes_those_that_a_crash_left(tier: Tier) -> None:
    stored(tier, [bar(1)])
    with tier.store().writer("run-2", NO_WAIT) as writer:
        assert writer.journal.begin(RunStart("run-2", "sample", 1, LATER)) == 2
    with tier.store().writer("run-3", NO_WAIT) as writer:
        assert writer.journal.begin(RunStart("run-3", "sample", 1, LATER)) == 3
        assert [(entry.sequence, entry.outcome) for entry in writer.journal.recent(5)] == [
            (2, "DiedWithoutMessage"),
            (1, "Succeeded"),
        ]
        writer.publish()
    with tier.reading() as reader:
        assert [entry.outcome for entry in reader.runs(5)] == [None, "DiedWithoutMessage", "Succeeded"]


def test_holdings_tell_span_and_last_value_per_source(tier: Tier) -> None:
    stored(tier, [bar(1), bar(2, close=3.0), bar(2, symbol="ZZZ"), bar(9, source="test/other", close=4.0)])
    with tier.reading() as reader:
        told = [
            (item.source, item.rows, item.subjects, item.last_subject, item.last_value)
            for item in reader.holdings()
        ]
        first = reader.holdings()[0]
    assert told == [("test/bars", 3, 2, "AAPL", 3.0), ("test/other", 1, 1, "AAPL", 4.0)]
    assert (first.first_at, first.last_at, first.as_of) == (
        datetime(2024, 2, 1, tzinfo=UTC),
        datetime(2024, 2, 2, tzinfo=UTC),
        NOW,
    )


@pytest.mark.parametrize(
    ("wish", "days"),
    [
        pytest.param({}, [1, 2, 3, 4], id="all"),
        pytest.param({"last": 2}, [3, 4], id="the latest two, oldest first"),
        pytest.param({"start": datetime(2024, 2, 3, tzinfo=UTC)}, [3, 4], id="the start is included"),
        pytest.param({"end": datetime(2024, 2, 3, tzinfo=UTC)}, [1, 2], id="the end is not"),
        pytest.param(
            {"end": datetime(2024, 2, 4, tzinfo=UTC), "last": 1}, [3], id="the latest before an end"
        ),
        pytest.param({"subjects": ("IBM",)}, [], id="a symbol that is not held"),
        pytest.param({"source": "test/other"}, [], id="a source that is not held"),
    ],
)
def test_a_selection(tier: Tier, wish: dict[str, object], days: list[int]) -> None:
    stored(tier, [bar(day) for day in (3, 1, 4, 2)])
    found = held(tier, **wish)
    assert [row["session_date"] for row in found] == [date(2024, 2, day) for day in days]


def test_lines_of_a_symbol_come_latest_first(tier: Tier) -> None:
    stored(tier, [bar(1), bar(3), bar(9, source="test/other"), bar(9, symbol="IBM")])
    days = [datetime(2024, 2, day, tzinfo=UTC) for day in range(1, 10)]
    with tier.reading() as reader:
        assert reader.lines(DAILY_BARS, ("AAPL",)) == (
            Line("AAPL", "test/other", None, days[8], days[8]),
            Line("AAPL", "test/bars", None, days[0], days[2]),
        )
        assert [line.subject for line in reader.lines(DAILY_BARS, ())] == ["AAPL", "IBM", "AAPL"]
        assert reader.lines(DAILY_BARS, ("AAPL",), until=days[1]) == (
            Line("AAPL", "test/bars", None, days[0], days[0]),
        )
        assert reader.subjects(DAILY_BARS) == ("AAPL", "IBM")


def test_a_line_as_it_stood_has_no_later_vintages_and_no_rows_without_a_value(tier: Tier) -> None:
    days = [datetime(2024, 2, day, tzinfo=UTC) for day in range(1, 10)]
    readings = [(1, 3, 3.7), (2, 5, 3.8), (3, 3, None)]
    rows = [
        {
            "source": "test/macro",
            "series": "UNRATE",
            "period": days[period - 1].date(),
            "frequency": "monthly",
            "vintage": days[vintage - 1].date(),
            "value": value,
            "revision": 0,
        }
        for period, vintage, value in readings
    ]
    facts = pa.Table.from_pylist(rows, schema=MACRO_SERIES.facts)
    with tier.store().writer("run-1", NO_WAIT) as writer:
        sequence = writer.journal.begin(RunStart("run-1", "sample", 1, NOW))
        writer.rows.upsert(MACRO_SERIES, stamp(MACRO_SERIES, facts, Lineage("run-1", 1, NOW, "Test")))
        writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, NOW, 3, 3, ""))
        writer.publish()
    with tier.reading() as reader:
        told = [
            [line.last_at for line in reader.lines(MACRO_SERIES, ("UNRATE",), until)]
            for until in (days[1], days[3], days[8], None)
        ]
    assert told == [[], [days[0]], [days[1]], [days[2]]]


HOSTILE = (
    "O'Neil",
    'a "quoted" name',
    "with spaces and\ttabs",
    "line\nbreak, and comma",
    "'; DROP TABLE market.daily_bars; --",
    "%s %(name)s {0} \\N \\.",
    "Ünïcödé 株式 🐂",
    "NULL",
    "",
    "\\",
)


def test_a_symbol_is_a_text_whatever_it_holds(tier: Tier) -> None:
    rows = [bar(symbol=name) for name in HOSTILE]
    assert stored(tier, rows) == len(rows)
    assert stored(tier, [{**row, "close": 1.75} for row in rows], "run-2", LATER) == len(rows)
    assert sorted(str(row["symbol"]) for row in held(tier)) == sorted(HOSTILE)
    for name in HOSTILE:
        assert [row["close"] for row in held(tier, subjects=(name,))] == [1.75]
    with tier.reading() as reader:
        assert reader.subjects(DAILY_BARS) == tuple(sorted(HOSTILE))
        assert {line.subject for line in reader.lines(DAILY_BARS, HOSTILE)} == set(HOSTILE)


@pytest.mark.parametrize(
    "day",
    [date(1, 1, 1), date(1883, 11, 18), date(1969, 12, 31), date(2262, 4, 12), date(9999, 12, 31)],
    ids=str,
)
def test_a_day_before_1970_or_far_in_the_future_is_kept(tier: Tier, day: date) -> None:
    stored(tier, [bar(session_date=day)])
    assert stored(tier, [bar(session_date=day, close=9.0)], "run-2", LATER) == 1
    assert [(row["session_date"], row["close"]) for row in held(tier)] == [(day, 9.0)]


@pytest.mark.parametrize(
    "price",
    [float("nan"), float("inf"), float("-inf"), 5e-324, 1.7976931348623157e308, 0.1 + 0.2, -0.0],
    ids=str,
)
def test_a_price_comes_out_as_it_went_in_to_the_last_bit(tier: Tier, price: float) -> None:
    stored(tier, [bar(close=price)])
    assert stored(tier, [bar(close=price)], "run-2", LATER) == 0
    (row,) = held(tier)
    assert struct.pack("d", row["close"]) == struct.pack("d", price)


@pytest.mark.parametrize("volume", [-(2**63), 2**53 + 1, 2**63 - 1], ids=str)
def test_a_volume_of_64_bits_is_kept_whole(tier: Tier, volume: int) -> None:
    stored(tier, [bar(volume=volume)])
    assert [row["volume"] for row in held(tier)] == [volume]


def test_a_volume_beyond_64_bits_is_refused_and_not_cut(tier: Tier) -> None:
    rows = stamp(
        DAILY_BARS, pa.Table.from_pylist([bar()], schema=DAILY_BARS.facts), Lineage("run-1", 1, NOW, "Test")
    )
    place = rows.schema.get_field_index("volume")
    rows = rows.set_column(place, "volume", pa.array([2**64 - 1], pa.uint64()))
    with tier.store().writer("run-1", NO_WAIT) as writer, pytest.raises(StoreError, match="schema"):
        writer.rows.upsert(DAILY_BARS, rows)


def test_the_moment_of_a_trade_is_kept_to_the_microsecond(tier: Tier) -> None:
    moments = [
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2024, 3, 1, 12, 0, 0, 500000, tzinfo=UTC),
        datetime(2024, 3, 1, 12, 0, 0, 1, tzinfo=UTC),
        datetime(2024, 3, 1, 12, 0, tzinfo=UTC),
    ]
    rows = [trade(moment, 0) for moment in moments]
    facts = pa.Table.from_pylist(rows, schema=INTRADAY_TRADES.facts)
    with tier.store().writer("run-1", NO_WAIT) as writer:
        sequence = writer.journal.begin(RunStart("run-1", "sample", 1, NOW))
        writer.rows.upsert(INTRADAY_TRADES, stamp(INTRADAY_TRADES, facts, Lineage("run-1", 1, NOW, "Test")))
        writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, NOW, 4, 4, ""))
        writer.publish()
    with tier.reading() as reader:
        selection = Selection(INTRADAY_TRADES, start=moments[0], end=moments[1])
        found = [row["ts"] for batch in reader.batches(selection) for row in batch.to_pylist()]
    assert found == [moments[0], moments[3], moments[2]]


def test_each_line_gives_its_last_rows(tier: Tier) -> None:
    stored(tier, [bar(day, symbol=name) for name in ("IBM", "AAPL") for day in range(1, 6)])
    found = [(row["symbol"], row["session_date"].day) for row in held(tier, last=2)]  # type: ignore[attr-defined]
    assert found == [("AAPL", 4), ("AAPL", 5), ("IBM", 4), ("IBM", 5)]
    one = held(tier, last=2, subjects=("IBM",), source="test/bars")
    assert [row["session_date"] for row in one] == [date(2024, 2, 4), date(2024, 2, 5)]


def test_the_writer_tells_the_rows_before_a_delivery(tier: Tier) -> None:
    stored(tier, [bar(day, symbol=name) for name in ("IBM", "AAPL") for day in range(1, 8)])
    coming = pa.Table.from_pylist([bar(5), bar(6), bar(3, symbol="IBM")], schema=DAILY_BARS.facts)
    with tier.store().writer("run-2", NO_WAIT) as writer:
        found = writer.rows.preceding(DAILY_BARS, coming, 2)
    assert found.schema.names == DAILY_BARS.facts.names
    told = sorted((row["symbol"], row["session_date"].day) for row in found.to_pylist())
    assert told == [("AAPL", 3), ("AAPL", 4), ("IBM", 1), ("IBM", 2)]


def test_each_plan_tells_how_it_fared_last_with_a_subject(tier: Tier) -> None:
    stored(tier, [bar()])
    with tier.store().writer("run-2", NO_WAIT) as writer:
        sequence = writer.journal.begin(RunStart("run-2", "sample", 1, LATER))
        with writer.batch():
            writer.journal.attempted(
                sequence, DAILY_BARS, [Attempt("dailyBars", "AAPL", "Test", Outcome.RATE_LIMITED)]
            )
            writer.journal.finish(sequence, RunEnd(Outcome.PARTIAL, LATER, 0, 0, ""))
        writer.publish()
    with tier.reading() as reader:
        assert reader.last_attempts(DAILY_BARS, ("AAPL", "IBM")) == (
            LastAttempt("AAPL", "test/bars", "sample", 2, "RateLimited", 2, "Partial"),
        )
        assert reader.undecided(DAILY_BARS, ("AAPL",), LATER) == {}


LOCKS = pytest.mark.parametrize("tier", ["duckdb", "postgres"], indirect=True)


@LOCKS
def test_a_lock_that_is_held_is_told_with_its_holder(tier: Tier) -> None:
    with (
        tier.store().writer("run run-1", NO_WAIT),
        pytest.raises(StoreError, match="waited 0 s for the lock held by run run-1 since") as caught,
        tier.store().writer("run run-2", NO_WAIT),
    ):
        pass
    assert caught.value.outcome is Outcome.STORE_BUSY


@LOCKS
def test_a_run_that_lives_stays_open_when_another_begins_and_is_closed_when_it_died(tier: Tier) -> None:
    store = tier.store()
    with store.running("run-1"):
        with store.writer("run-1", NO_WAIT) as writer:
            assert writer.journal.begin(RunStart("run-1", "sample", 1, NOW)) == 1
        with store.writer("run-2", NO_WAIT) as writer:
            assert writer.journal.begin(RunStart("run-2", "other", 1, LATER)) == 2
        with store.writer("run-1", NO_WAIT) as writer:
            writer.journal.resume(1, "run-1")
            with pytest.raises(RunLost):
                writer.journal.resume(9, "run-1")
            with pytest.raises(RunLost):
                writer.journal.resume(2, "run-1")
    with store.writer("run-3", NO_WAIT) as writer:
        assert writer.journal.begin(RunStart("run-3", "sample", 1, LATER)) == 3
        assert [(entry.run_id, entry.outcome) for entry in writer.journal.recent(5)] == [
            ("run-2", "DiedWithoutMessage"),
            ("run-1", "DiedWithoutMessage"),
        ]
        with pytest.raises(StoreError, match="another run has begun since run 1 did") as caught:
            writer.journal.resume(1, "run-1")
    assert caught.value.outcome is Outcome.STORE_BUSY


@LOCKS
def test_who_waits_for_the_lock_may_give_up(tier: Tier) -> None:
    def give_up(_: float) -> None:
        raise KeyboardInterrupt

    with (
        tier.store().writer("run-1", NO_WAIT),
        pytest.raises(KeyboardInterrupt),
        tier.store(give_up).writer("run-2", timedelta(minutes=5)),
    ):
        pass
