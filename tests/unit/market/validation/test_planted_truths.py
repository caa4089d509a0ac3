"""What is right though it looks wrong, and what is wrong beside it, a thousand times each."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from support.judged_rows import told

from backbone.market.calendars import calendar
from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS, MACRO_SERIES, Dimension
from backbone.market.validation.judge import Context, Judgement, judge

PLANTED = 1000
SEED = 20261130
NOW = datetime(2026, 11, 28, tzinfo=UTC)
MINUTE = 60_000_000
WIDTH = 5 * MINUTE
PRICES = ("open", "high", "low", "close")


def judged(dimension: Dimension, columns: dict[str, object], **context: object) -> Judgement:
    count = len(columns["symbol" if "symbol" in columns else "series"])  # type: ignore[arg-type]
    same = {"source": "planted", "price_basis": "asTraded", "revision": 0, "frequency": "quarterly"}
    arrays = [
        pa.array(columns[field.name]).cast(field.type)
        if field.name in columns
        else pa.repeat(pa.scalar(same.get(field.name), field.type), count)
        for field in dimension.facts
    ]
    return judge(dimension, pa.table(arrays, schema=dimension.facts), Context(NOW, **context))  # type: ignore[arg-type]


def prices(random: np.random.Generator, count: int, length: int) -> np.ndarray:
    """Random walks of small steps, one in each row."""
    return 100 * np.exp(np.cumsum(random.normal(0, 0.0004, (count, length)), axis=1))


def bars(close: np.ndarray, random: np.random.Generator) -> dict[str, object]:
    close = close.ravel()
    return {
        **dict.fromkeys(("open", "close"), close),
        "high": close * 1.0005,
        "low": close * 0.9995,
        "volume": random.integers(1_000, 9_000_000, len(close)),
    }


def days_of(exchange: str, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts of five-minute bars on a thousand random whole days, one in each row; and their closes."""
    found = calendar(exchange)
    recent = np.flatnonzero(found.whole)[-1200:-260]
    places = random.choice(recent, PLANTED)
    first = found.stretch_of(found.opens[places])
    last = found.stretch_of(found.closes[places] - 1)
    stretches = int((last - first).max()) + 1
    chosen = [
        np.concatenate([np.arange(found.starts[a + n], found.ends[a + n], WIDTH) for n in range(stretches)])
        for a in first.tolist()
    ]
    length = min(len(item) for item in chosen)
    return np.stack([item[:length] for item in chosen]), found.ends[first], found.closes[places]


def planted(exchange: str, suffix: str, plant: str) -> Judgement:
    """A thousand days of a thousand names, with a bar planted in each."""
    random = np.random.default_rng(SEED)
    starts, noon, closes = days_of(exchange, random)
    step = random.integers(0, 3, PLANTED) * WIDTH
    extra = {"auction": closes + step, "lunch": noon + 3 * WIDTH + step, "evening": closes + 12 * WIDTH}
    if plant != "nothing":
        starts = np.column_stack([starts, extra[plant]])
    names = [f"{number:04}.{suffix}" for number in range(PLANTED)]
    close = prices(random, *starts.shape)
    columns = {
        "symbol": np.repeat(names, starts.shape[1]),
        "start": pa.array(starts.ravel(), pa.timestamp("us", "UTC")),
        "interval_seconds": np.full(starts.size, 300),
        **bars(close, random),
    }
    return judged(INTRADAY_BARS, columns)


EXCHANGES = [("XHKG", "HK"), ("XTKS", "T"), ("XSHG", "SS")]


@pytest.mark.parametrize(("exchange", "suffix"), [*EXCHANGES, ("XASX", "AX"), ("XLON", "L"), ("XBOM", "NS")])
@pytest.mark.parametrize("plant", ["nothing", "auction"])
def test_days_with_breaks_and_auctions_are_no_alarm(exchange: str, suffix: str, plant: str) -> None:
    found = planted(exchange, suffix, plant)
    assert (found.quarantined_counts, found.flagged_counts) == ({}, {})


@pytest.mark.parametrize(("exchange", "suffix"), EXCHANGES)
@pytest.mark.parametrize("plant", ["lunch", "evening"])
def test_bars_in_the_break_and_in_the_evening_are_found(exchange: str, suffix: str, plant: str) -> None:
    found = planted(exchange, suffix, plant)
    assert {str(defect): count for defect, count in found.quarantined_counts.items()} == {
        "OffSession": PLANTED
    }


def below_zero(suffix: str) -> Judgement:
    """A month of a thousand names, each with a day or two at prices of zero and below."""
    random = np.random.default_rng(SEED)
    found = calendar("XNYS")
    days = found.sessions[-400:-360]
    close = prices(random, PLANTED, len(days)) / 4
    at = random.integers(10, 35, PLANTED)
    for row, place in enumerate(at.tolist()):
        close[row, place : place + 1 + row % 2] = -random.uniform(0, 40) if row % 5 else 0.0
    columns = bars(close, random)
    columns |= {"high": close.ravel() + 0.01, "low": close.ravel() - 0.01, "adjusted_close": close.ravel()}
    names = np.repeat([f"C{number:04}{suffix}" for number in range(PLANTED)], len(days))
    return judged(
        DAILY_BARS,
        {"symbol": names, "session_date": np.tile(days, PLANTED).astype("datetime64[D]"), **columns},
    )


def test_futures_below_zero_are_kept_and_anything_else_is_not() -> None:
    kept = below_zero("=F")
    assert (kept.quarantined_counts, {str(item) for item in kept.flagged_counts}) == (
        {},
        {"NonPositivePrice"},
    )
    refused = below_zero(".ZZ")
    assert {str(item): count for item, count in refused.quarantined_counts.items()} == {
        "NonPositivePrice": PLANTED * 3 // 2
    }


def test_forecasts_are_no_alarm_and_a_vintage_ahead_is_found() -> None:
    random = np.random.default_rng(SEED)
    quarters = np.arange("2015-01", "2041-01", 3, dtype="datetime64[M]").astype("datetime64[D]")
    names = np.repeat([f"POT{number:04}" for number in range(PLANTED)], len(quarters))
    value = np.cumsum(random.normal(50, 5, (PLANTED, len(quarters))), axis=1).ravel() + 10_000
    vintage = np.repeat(np.datetime64("2026-02-01") + random.integers(0, 250, PLANTED), len(quarters))
    columns = {"series": names, "period": np.tile(quarters, PLANTED), "vintage": vintage, "value": value}
    found = judged(MACRO_SERIES, columns)
    assert (found.quarantined_counts, found.flagged_counts) == ({}, {})
    at = np.arange(PLANTED) * len(quarters) + random.integers(0, len(quarters), PLANTED)
    vintage[at] = np.datetime64("2026-12-24")
    assert told(judged(MACRO_SERIES, columns)) == {"FutureRow": PLANTED}
