"""The store on real DuckDB files: what goes in stays, once, and the later version of a row wins."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from backbone.adapters.duckdb import DuckDBStore
from backbone.adapters.duckdb_reader import published
from backbone.market.dimensions import DAILY_BARS, INTRADAY_TRADES, MACRO_SERIES
from backbone.market.lineage import Lineage, stamp
from backbone.ports.store import (
    Arrival,
    Line,
    NothingPublished,
    RunEnd,
    RunStart,
    Selection,
    StoreError,
)
from backbone.vocabulary import Outcome

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


def stored(folder: Path, rows: list[dict[str, object]], run_id: str = "run-1", at: datetime = NOW) -> int:
    """Store bars as one published run; how many changed."""
    facts = pa.Table.from_pylist(rows, schema=DAILY_BARS.facts)
    with DuckDBStore(folder).writer(run_id, NO_WAIT) as writer:
        sequence = writer.begin(RunStart(run_id, "sample", 1, at))
        with writer.batch():
            changed = writer.upsert(DAILY_BARS, stamp(DAILY_BARS, facts, Lineage(run_id, 1, at, "Test")))
            writer.record(sequence, Arrival("dailyBars", "test/bars", "Test", at, len(rows), changed))
            writer.finish(sequence, RunEnd(Outcome.SUCCEEDED, at, len(rows), changed, ""))
        writer.publish()
    return changed


def held(folder: Path, **wish: object) -> list[dict[str, object]]:
    with published(folder) as reader:
        selection = Selection(DAILY_BARS, **wish)  # type: ignore[arg-type]
        return [row for batch in reader.batches(selection) for row in batch.to_pylist()]


def test_what_goes_in_comes_out_in_the_schema_of_the_dimension(tmp_path: Path) -> None:
    assert stored(tmp_path, [bar()]) == 1
    lineage = {"run_id": "run-1", "plan_generation": 1, "schema_version": 2, "observed_at": NOW}
    assert held(tmp_path) == [{**bar(), **lineage, "provider": "Test", "flags": None}]


def test_the_same_rows_again_change_nothing_and_keep_their_lineage(tmp_path: Path) -> None:
    rows = [bar(day) for day in range(1, 29)]
    assert stored(tmp_path, rows) == 28
    assert stored(tmp_path, rows, "run-2", LATER) == 0
    assert {row["run_id"] for row in held(tmp_path)} == {"run-1"}


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
    tmp_path: Path, second: dict[str, object], run_id: str, at: datetime, wins: bool
) -> None:
    stored(tmp_path, [bar(1), bar(2)])
    assert stored(tmp_path, [second], run_id, at) == int(wins)
    row = held(tmp_path, end=datetime(2024, 2, 2, tzinfo=UTC))[0]
    assert {name: row[name] for name in second} == (second if wins else bar(1))
    assert len(held(tmp_path)) == 2


def test_an_older_revision_never_comes_back(tmp_path: Path) -> None:
    stored(tmp_path, [bar(close=2.0, revision=2)])
    assert stored(tmp_path, [bar(close=1.0, revision=1)], "run-2", LATER) == 0


def test_a_key_twice_in_one_batch_is_refused_and_nothing_of_it_stored(tmp_path: Path) -> None:
    stored(tmp_path, [bar(1)])
    with pytest.raises(StoreError, match="1 keys come more than once"):
        stored(tmp_path, [bar(2), bar(3, close=1.0), bar(3, close=2.0)], "run-2")
    assert len(held(tmp_path)) == 1


def test_two_deliveries_of_a_new_source_in_one_batch_are_versions_of_the_same_rows(tmp_path: Path) -> None:
    first = pa.Table.from_pylist([bar(1), bar(2)], schema=DAILY_BARS.facts)
    second = pa.Table.from_pylist([bar(2, close=9.0), bar(3)], schema=DAILY_BARS.facts)
    with DuckDBStore(tmp_path).writer("run-1", NO_WAIT) as writer:
        with writer.batch():
            changed = [
                writer.upsert(DAILY_BARS, stamp(DAILY_BARS, facts, Lineage("run-1", 1, at, "Test")))
                for facts, at in ((first, NOW), (second, LATER))
            ]
        writer.publish()
    assert changed == [2, 2]
    assert [row["close"] for row in held(tmp_path)] == [1.5, 9.0, 1.5]


def test_a_new_source_beside_another_takes_none_of_its_rows(tmp_path: Path) -> None:
    stored(tmp_path, [bar(1)])
    both = [bar(1, close=9.0), bar(1, source="test/other", close=4.0)]
    assert stored(tmp_path, both[1:], "run-2", LATER) == 1
    assert stored(tmp_path, both, "run-3", LATER) == 1
    assert [(row["source"], row["close"]) for row in held(tmp_path)] == [
        ("test/bars", 9.0),
        ("test/other", 4.0),
    ]


def test_equal_trades_are_all_stored(tmp_path: Path) -> None:
    row = {
        "source": "test/trades",
        "symbol": "ES",
        "ts": NOW,
        "price": 1640.25,
        "size": 1,
        "price_basis": "asTraded",
        "revision": 0,
    }
    facts = pa.Table.from_pylist(
        [{**row, "ordinal": number} for number in range(242)], schema=INTRADAY_TRADES.facts
    )
    with DuckDBStore(tmp_path).writer("run-1", NO_WAIT) as writer:
        lineage = Lineage("run-1", 1, NOW, "Test")
        changed = writer.upsert(INTRADAY_TRADES, stamp(INTRADAY_TRADES, facts, lineage))
    assert changed == 242


def test_rows_of_another_schema_are_refused(tmp_path: Path) -> None:
    with (
        DuckDBStore(tmp_path).writer("run-1", NO_WAIT) as writer,
        pytest.raises(StoreError, match="not of the dimension's schema"),
    ):
        writer.upsert(MACRO_SERIES, pa.Table.from_pylist([bar()], schema=DAILY_BARS.facts))


def test_readers_see_nothing_before_it_is_published(tmp_path: Path) -> None:
    with DuckDBStore(tmp_path).writer("run-1", NO_WAIT) as writer:
        writer.begin(RunStart("run-1", "sample", 1, NOW))
        with pytest.raises(NothingPublished), published(tmp_path):
            pass


def test_a_batch_that_fails_leaves_no_row(tmp_path: Path) -> None:
    stored(tmp_path, [bar(1)])
    facts = pa.Table.from_pylist([bar(2)], schema=DAILY_BARS.facts)
    with DuckDBStore(tmp_path).writer("run-2", NO_WAIT) as writer:
        with pytest.raises(ZeroDivisionError), writer.batch():
            writer.upsert(DAILY_BARS, stamp(DAILY_BARS, facts, Lineage("run-2", 1, LATER, "Test")))
            raise ZeroDivisionError
        writer.publish()
    assert len(held(tmp_path)) == 1


def test_the_journal_numbers_runs_and_closes_those_that_a_crash_left(tmp_path: Path) -> None:
    stored(tmp_path, [bar(1)])
    with DuckDBStore(tmp_path).writer("run-2", NO_WAIT) as writer:
        assert writer.begin(RunStart("run-2", "sample", 1, LATER)) == 2
    with DuckDBStore(tmp_path).writer("run-3", NO_WAIT) as writer:
        assert writer.begin(RunStart("run-3", "sample", 1, LATER)) == 3
        assert [(entry.sequence, entry.outcome) for entry in writer.recent(5)] == [
            (2, "DiedWithoutMessage"),
            (1, "Succeeded"),
        ]
        writer.publish()
    with published(tmp_path) as reader:
        assert [entry.outcome for entry in reader.runs(5)] == [None, "DiedWithoutMessage", "Succeeded"]


def test_a_lock_that_is_held_is_told_with_its_holder(tmp_path: Path) -> None:
    with (
        DuckDBStore(tmp_path).writer("run run-1", NO_WAIT),
        pytest.raises(StoreError, match="waited 0 s for the lock held by run run-1 since") as caught,
        DuckDBStore(tmp_path).writer("run run-2", NO_WAIT),
    ):
        pass
    assert caught.value.outcome is Outcome.STORE_BUSY


def test_who_waits_for_the_lock_may_give_up(tmp_path: Path) -> None:
    def give_up(_: float) -> None:
        raise KeyboardInterrupt

    with (
        DuckDBStore(tmp_path).writer("run-1", NO_WAIT),
        pytest.raises(KeyboardInterrupt),
        DuckDBStore(tmp_path, give_up).writer("run-2", timedelta(minutes=5)),
    ):
        pass


def test_holdings_tell_span_and_last_value_per_source(tmp_path: Path) -> None:
    stored(
        tmp_path, [bar(1), bar(2, close=3.0), bar(2, symbol="ZZZ"), bar(9, source="test/other", close=4.0)]
    )
    with published(tmp_path) as reader:
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
def test_a_selection(tmp_path: Path, wish: dict[str, object], days: list[int]) -> None:
    stored(tmp_path, [bar(day) for day in (3, 1, 4, 2)])
    found = held(tmp_path, **wish)
    assert [row["session_date"] for row in found] == [date(2024, 2, day) for day in days]


def test_lines_of_a_symbol_come_latest_first(tmp_path: Path) -> None:
    stored(tmp_path, [bar(1), bar(3), bar(9, source="test/other"), bar(9, symbol="IBM")])
    days = [datetime(2024, 2, day, tzinfo=UTC) for day in range(1, 10)]
    with published(tmp_path) as reader:
        assert reader.lines(DAILY_BARS, ("AAPL",)) == (
            Line("AAPL", "test/other", None, days[8], days[8]),
            Line("AAPL", "test/bars", None, days[0], days[2]),
        )
        assert [line.subject for line in reader.lines(DAILY_BARS, ())] == ["AAPL", "IBM", "AAPL"]
        assert reader.lines(DAILY_BARS, ("AAPL",), until=days[1]) == (
            Line("AAPL", "test/bars", None, days[0], days[0]),
        )
        assert reader.subjects(DAILY_BARS) == ("AAPL", "IBM")
