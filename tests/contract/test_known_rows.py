"""The last row that fitness looks at is the one that a join finds: known by then, and no forecast."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from backbone.client.asof import places
from backbone.market.dimensions import INTRADAY_BARS, INTRADAY_TRADES, MACRO_SERIES, Dimension, moment_of
from small_copies import Row, ingest_into
from stores import Tier

SEED = 6
START = datetime(2024, 2, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOURS = 60 * 24


def projections(random: np.random.Generator) -> list[Row]:
    """Vintages of forty days, each of periods up to thirty days before and after it, some without a value."""
    keys = {
        (int(vintage), int(vintage + ahead))
        for vintage, ahead in random.integers((0, -30), (40, 30), (300, 2))
    }
    return [
        {
            "source": "test/rows",
            "series": "GDPPOT",
            "period": START.date() + timedelta(days=period),
            "frequency": "daily",
            "vintage": START.date() + timedelta(days=vintage),
            "value": None if (vintage + period) % 7 == 0 else float(period),
            "revision": 0,
        }
        for vintage, period in sorted(keys)
    ]


def hours(random: np.random.Generator) -> list[Row]:
    """Bars of five minutes here and there."""
    return [
        {
            "source": "test/rows",
            "symbol": "GDPPOT",
            "interval_seconds": 300,
            "start": START + timedelta(minutes=5 * int(place)),
            **dict.fromkeys(("open", "high", "low", "close"), 1.0),
            "volume": 1,
            "trades": None,
            "price_basis": "asTraded",
            "revision": 0,
        }
        for place in np.unique(random.integers(0, 400, 60))
    ]


def trades(random: np.random.Generator) -> list[Row]:
    return [
        {
            "source": "test/rows",
            "symbol": "GDPPOT",
            "ts": START + timedelta(seconds=int(second)),
            "ordinal": 0,
            "price": 1.0,
            "size": 1,
            "price_basis": "asTraded",
            "revision": 0,
        }
        for second in np.unique(random.integers(0, HOURS * 60, 60))
    ]


def agrees(tier: Tier, dimension: Dimension, rows: list[Row], moments: list[datetime]) -> int:
    """How many moments have a last row, the same by both; fails where they differ."""
    facts = pa.Table.from_pylist(rows, schema=dimension.facts)
    at = np.array([(moment - EPOCH) // timedelta(microseconds=1) for moment in moments])
    joined = [
        moment_of(facts[dimension.time][place].as_py()) if place >= 0 else None
        for place in places(at, dimension, facts).tolist()
    ]
    with tier.reading() as reader:
        looked = [reader.lines(dimension, ("GDPPOT",), until=moment) for moment in moments]
    assert [lines[0].last_at if lines else None for lines in looked] == joined
    return sum(item is not None for item in joined)


def test_fitness_and_a_join_agree_on_the_last_row(tier: Tier) -> None:
    random = np.random.default_rng(SEED)
    made = {MACRO_SERIES: projections, INTRADAY_BARS: hours, INTRADAY_TRADES: trades}
    for number, (dimension, rows_of) in enumerate(made.items(), start=1):
        rows = rows_of(random)
        ingest_into(tier.store(), rows, dimension, number=number)
        days = 40 if dimension is MACRO_SERIES else 1
        moments = [START + timedelta(days=days) * share for share in random.random(25).tolist()]
        moments += [START, START + timedelta(days=1), START + timedelta(minutes=300)]
        assert agrees(tier, dimension, rows, moments) > 20


def test_a_period_ahead_of_the_moment_is_no_last_row(tier: Tier) -> None:
    row = projections(np.random.default_rng(SEED))[0]
    years = [date(year, 1, 1) for year in range(2020, 2036)]
    rows = [{**row, "period": day, "vintage": date(2019, 1, 1), "value": 1.0} for day in years]
    ingest_into(tier.store(), rows, MACRO_SERIES)
    with tier.reading() as reader:
        (line,) = reader.lines(MACRO_SERIES, ("GDPPOT",), until=datetime(2024, 6, 1, tzinfo=UTC))
    assert line.last_at == datetime(2024, 1, 1, tzinfo=UTC)
