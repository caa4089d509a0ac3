"""Rows that retention dropped stay exported; rows that somebody removed do not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.exports import AT, bars

from backbone.market.dimensions import DAILY_BARS, DIMENSIONS, Dimension
from backbone.parts.exports.merging import merged

LIMIT = date(2026, 3, 1)
EARLY, LATE = date(2026, 2, 27), date(2026, 3, 2)


def rows(table: pa.Table) -> list[tuple[str, date, float, str]]:
    found = table.select(["symbol", "session_date", "close", "run_id"]).to_pylist()
    return [tuple(row.values()) for row in found]


def one(day: date, close: float, run: str = "run-1", revision: int = 1, later: int = 0) -> pa.Table:
    at = AT + timedelta(minutes=later)
    return bars([("yahoo", "A", day, close)], run=run, revision=revision, observed_at=at)


NONE = bars([])


def test_a_row_that_retention_dropped_stays() -> None:
    assert rows(merged(DAILY_BARS, one(EARLY, 1.0), NONE, NONE, LIMIT)) == [("A", EARLY, 1.0, "run-1")]


def test_a_row_that_the_store_would_still_have_goes() -> None:
    assert rows(merged(DAILY_BARS, one(LATE, 1.0), NONE, NONE, LIMIT)) == []


@pytest.mark.parametrize("day", [EARLY, LATE])
def test_a_row_that_only_the_store_has_comes(day: date) -> None:
    assert rows(merged(DAILY_BARS, NONE, one(day, 1.0), NONE, LIMIT)) == [("A", day, 1.0, "run-1")]


@pytest.mark.parametrize(
    ("exported", "stored", "close"),
    [
        (one(EARLY, 1.0), one(EARLY, 2.0, revision=2), 2.0),
        (one(EARLY, 1.0, revision=2), one(EARLY, 2.0, later=9), 1.0),
        (one(EARLY, 1.0), one(EARLY, 2.0, later=1), 2.0),
        (one(EARLY, 1.0, later=1), one(EARLY, 2.0), 1.0),
        (one(EARLY, 1.0, "run-2"), one(EARLY, 2.0, "run-1"), 1.0),
        (one(EARLY, 1.0, "run-1"), one(EARLY, 2.0, "run-2"), 2.0),
        (one(EARLY, 1.0), one(EARLY, 2.0), 2.0),
    ],
    ids=[
        "a later revision",
        "an earlier revision",
        "a later answer",
        "an earlier answer",
        "a lesser run",
        "a greater run",
        "the same version",
    ],
)
def test_of_two_versions_the_greater_one_stays(exported: pa.Table, stored: pa.Table, close: float) -> None:
    assert [row[2] for row in rows(merged(DAILY_BARS, exported, stored, NONE, LIMIT))] == [close]


@pytest.mark.parametrize(
    ("removal", "close"),
    [
        (one(EARLY, 0.0, later=1), []),
        (one(EARLY, 0.0), []),
        (one(EARLY, 0.0, later=-1), [1.0]),
        (one(EARLY - timedelta(1), 0.0, later=1), [1.0]),
    ],
    ids=["a greater removal", "one of this version", "a lesser removal", "a removal of another row"],
)
def test_a_row_that_was_removed_before_retention_dropped_it_goes(
    removal: pa.Table, close: list[float]
) -> None:
    found = merged(DAILY_BARS, one(EARLY, 1.0), NONE, removal, LIMIT)
    assert [row[2] for row in rows(found)] == close


def test_a_row_of_the_store_stays_whatever_was_removed() -> None:
    found = merged(DAILY_BARS, one(EARLY, 1.0), one(EARLY, 2.0), one(EARLY, 0.0, later=9), LIMIT)
    assert [row[2] for row in rows(found)] == [2.0], "somebody released it"


def test_rows_are_in_the_order_of_their_key() -> None:
    exported = bars([("yahoo", "C", EARLY, 1.0), ("yahoo", "A", EARLY, 1.0)])
    stored = bars([("yahoo", "B", LATE, 1.0), ("yahoo", "B", EARLY, 1.0), ("fred", "Z", LATE, 1.0)])
    found = merged(DAILY_BARS, exported, stored, NONE, LIMIT).select(["source", "symbol", "session_date"])
    keys = [tuple(row.values()) for row in found.to_pylist()]
    assert keys == sorted(keys)
    assert len(keys) == 5


versions = st.tuples(
    st.sampled_from("AB"),
    st.sampled_from([EARLY, EARLY - timedelta(1), LATE]),
    st.integers(1, 2),
    st.integers(0, 1),
    st.sampled_from(["run-1", "run-2"]),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(versions, max_size=6), st.lists(versions, max_size=6))
def test_merging_is_the_greatest_version_of_each_key(
    old: list[tuple[str, date, int, int, str]], new: list[tuple[str, date, int, int, str]]
) -> None:
    expected: dict[tuple[str, date], tuple[int, int, str]] = {}
    for item in [*(item for item in old if item[1] < LIMIT), *new]:
        expected[item[:2]] = max(expected.get(item[:2], (0, 0, "")), item[2:])
    found = merged(DAILY_BARS, table_of(old), table_of(new), NONE, LIMIT)
    assert found.schema == DAILY_BARS.schema
    keys = found.select(["symbol", "session_date", "revision", "observed_at", "run_id"]).to_pylist()
    assert {
        (row["symbol"], row["session_date"]): (
            row["revision"],
            (row["observed_at"] - AT) // timedelta(minutes=1),
            row["run_id"],
        )
        for row in keys
    } == expected
    assert len(keys) == len(expected)


def table_of(items: list[tuple[str, date, int, int, str]]) -> pa.Table:
    made = [
        bars(
            [("yahoo", symbol, day, 1.0)],
            run=run,
            revision=revision,
            observed_at=AT + timedelta(minutes=later),
        )
        for symbol, day, revision, later, run in items
    ]
    return pa.concat_tables([NONE, *made])


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda item: item.name)
def test_every_dimension_merges(dimension: Dimension) -> None:
    empty = dimension.schema.empty_table()
    assert merged(dimension, empty, empty, empty, datetime(2026, 3, 1, tzinfo=UTC)).schema == dimension.schema
