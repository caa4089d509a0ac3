"""On which days rows are, whatever their order, their source and the side of 1970."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from backbone.market.changed_days import changed_days
from backbone.market.dimensions import DAILY_BARS, INTRADAY_TRADES, Dimension

MIDNIGHT = datetime(1970, 1, 1, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def days(dimension: Dimension, rows: list[tuple[str, date]]) -> set[tuple[str, date]]:
    schema = pa.schema([("source", pa.string()), dimension.schema.field(dimension.time)])
    columns = [[row[place] for row in rows] for place in (0, 1)]
    table = pa.table(
        [pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)], schema
    )
    halves = pa.concat_tables([table.slice(0, len(rows) // 2), table.slice(len(rows) // 2)])
    found = changed_days(dimension, halves)
    assert found.schema.field("day").type == pa.date32()
    told = [(row["source"], row["day"]) for row in found.to_pylist()]
    assert len(told) == len(set(told)), "each once"
    return set(told)


@pytest.mark.parametrize("sources", ["a", "ab"])
@pytest.mark.parametrize("seed", range(20))
def test_days_are_those_that_python_says(seed: int, sources: str) -> None:
    chance = random.Random(seed)
    near = [
        timedelta(days=chance.randint(-3, 3)) + chance.choice([-MOMENT, MOMENT, 0 * MOMENT])
        for _ in range(30)
    ]
    rows: list[tuple[str, date]] = [(chance.choice(sources), MIDNIGHT + offset) for offset in near]
    wanted = {(source, moment.date()) for source, moment in rows if isinstance(moment, datetime)}
    assert days(INTRADAY_TRADES, rows) == wanted
    assert days(DAILY_BARS, [(source, day) for source, day in wanted]) == wanted


def test_of_no_rows_there_is_none() -> None:
    assert days(DAILY_BARS, []) == days(INTRADAY_TRADES, []) == set()
