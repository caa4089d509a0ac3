"""Windows that answers held whole, and what they keep from being stored."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS, Dimension
from backbone.market.lineage import Lineage, stamp
from backbone.market.verdicts import VERDICT, greater, packed_windows, window_schema, without_withdrawn

AT = datetime(2024, 3, 28, 22, tzinfo=UTC)
OPENS = datetime(2024, 3, 28, 14, 30, tzinfo=UTC)


def row(dimension: Dimension, place: int, revision: int = 0, symbol: str = "AAPL") -> dict[str, object]:
    time = date(2024, 3, 1) + timedelta(days=place) if dimension.dated else OPENS + timedelta(minutes=place)
    prices = dict.fromkeys(("open", "high", "low", "close"), 100.0)
    return {
        "source": "test/bars",
        "symbol": symbol,
        dimension.time: time,
        "interval_seconds": 60,
        "volume": 1,
        "price_basis": "asTraded",
        "revision": revision,
        **prices,
    }


def rows(dimension: Dimension, *given: dict[str, object]) -> pa.Table:
    facts = pa.Table.from_pylist(list(given), schema=dimension.facts)
    return stamp(dimension, facts, Lineage("run-1", 1, AT, "Test"))


def window(dimension: Dimension, first: int, last: int, revision: int = 0, symbol: str = "AAPL") -> str:
    ends = (row(dimension, place)[dimension.time] for place in (first, last))
    written = {**row(dimension, 0, revision, symbol), "first": next(ends), "last": next(ends), "rows": 0}
    return packed_windows(pa.Table.from_pylist([written], schema=window_schema(dimension)))


@pytest.mark.parametrize("dimension", [DAILY_BARS, INTRADAY_BARS], ids=lambda item: str(item.name))
@pytest.mark.parametrize(
    ("given", "later", "left"),
    [
        pytest.param((2, 4), True, [0, 1, 5, 6], id="both ends are inside"),
        pytest.param((2, 4), False, [0, 1, 2, 3, 4, 5, 6], id="of an earlier answer"),
        pytest.param((2, 4, 1), False, [0, 1, 5, 6], id="of an earlier answer under a greater revision"),
        pytest.param((2, 4, -1), True, [0, 1, 2, 3, 4, 5, 6], id="of a later answer under a lesser one"),
        pytest.param((2, 4, 0, "IBM"), True, [0, 1, 2, 3, 4, 5, 6], id="of another symbol"),
        pytest.param((9, 12), True, [0, 1, 2, 3, 4, 5, 6], id="of another time"),
        pytest.param((0, 6), True, [], id="of everything"),
    ],
)
def test_a_window_is_a_version_of_every_key_inside(
    dimension: Dimension, given: tuple[int, int], later: bool, left: list[int]
) -> None:
    every = [row(dimension, place) for place in range(7)]
    found = without_withdrawn(dimension, rows(dimension, *every), [(window(dimension, *given), later)])
    assert found[dimension.time].to_pylist() == [every[place][dimension.time] for place in left]
    assert found.schema.equals(dimension.schema)


@pytest.mark.parametrize(
    ("revision", "at", "run", "expected"),
    [
        pytest.param(0, AT, "run-1", False, id="the same version"),
        pytest.param(0, AT, "run-0", True, id="an earlier run"),
        pytest.param(0, AT, "run-2", False, id="a later run"),
        pytest.param(0, AT - timedelta(microseconds=1), "run-9", True, id="an earlier moment"),
        pytest.param(0, AT + timedelta(microseconds=1), "run-0", False, id="a later moment"),
        pytest.param(-1, AT + timedelta(days=1), "run-9", True, id="a lesser revision"),
        pytest.param(1, AT - timedelta(days=1), "run-0", False, id="a greater revision"),
    ],
)
def test_revision_moment_and_run_say_which_is_greater(
    revision: int, at: datetime, run: str, expected: bool
) -> None:
    stored = rows(DAILY_BARS, row(DAILY_BARS, 0)).append_column(VERDICT, pa.array([revision]))
    assert greater(stored, VERDICT, at, run).to_pylist() == [expected]
