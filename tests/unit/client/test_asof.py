"""What was known at a time is joined, and never what came later."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backbone.client.asof import joined, known_from, places
from backbone.errors import Rejected
from backbone.market.dimensions import (
    DAILY_BARS,
    INTRADAY_BARS,
    INTRADAY_TRADES,
    MACRO_EVENTS,
    MACRO_SERIES,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def series(*readings: tuple[date, date, float | None]) -> pa.Table:
    """Readings as (period, vintage, value)."""
    period, vintage, value = zip(*readings, strict=True) if readings else ((), (), ())
    return pa.table(
        {
            "period": pa.array(period, pa.date32()),
            "vintage": pa.array(vintage, pa.date32()),
            "value": pa.array(value, pa.float64()),
        }
    )


def known(rows: pa.Table, *days: date, forecasts: bool = False) -> list[float | None]:
    """The values known at the midnight UTC that begins each day."""
    at = np.array([micros(datetime(day.year, day.month, day.day, tzinfo=UTC)) for day in days])
    values = rows["value"].to_pylist()
    return [
        None if place < 0 else values[place] for place in places(at, MACRO_SERIES, rows, forecasts=forecasts)
    ]


JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)
FIRST, REVISED, NEXT = date(2024, 2, 10), date(2024, 3, 5), date(2024, 3, 10)


@pytest.mark.parametrize(
    ("readings", "day", "value"),
    [
        pytest.param([(JANUARY, FIRST, 1.0)], FIRST, None, id="nothing is known on the day of publication"),
        pytest.param([(JANUARY, FIRST, 1.0)], date(2024, 2, 11), 1.0, id="it is known the day after"),
        pytest.param(
            [(JANUARY, FIRST, 1.0), (JANUARY, REVISED, 1.5)], REVISED, 1.0, id="a revision is not foreseen"
        ),
        pytest.param(
            [(JANUARY, FIRST, 1.0), (JANUARY, REVISED, 1.5)], date(2024, 3, 6), 1.5, id="then it counts"
        ),
        pytest.param(
            [(FEBRUARY, FIRST, 2.0), (JANUARY, REVISED, 1.5)],
            date(2024, 3, 6),
            2.0,
            id="a revision of an earlier period does not take the place of a later one",
        ),
        pytest.param(
            [(JANUARY, FIRST, 1.0), (FEBRUARY, NEXT, 2.0)], date(2024, 3, 11), 2.0, id="the latest period"
        ),
        pytest.param(
            [(JANUARY, FIRST, 1.0), (FEBRUARY, FIRST, 2.0)],
            date(2024, 2, 11),
            2.0,
            id="of two periods published on one day the later",
        ),
        pytest.param(
            [(JANUARY, FIRST, 1.0), (FEBRUARY, NEXT, None)],
            date(2024, 3, 11),
            1.0,
            id="a period without a value is passed over",
        ),
        pytest.param(
            [(JANUARY, date(2023, 12, 1), 1.0), (FEBRUARY, date(2023, 12, 1), 2.0)],
            date(2024, 1, 31),
            1.0,
            id="a forecast waits for its period",
        ),
        pytest.param([(FEBRUARY, JANUARY, 2.0)], FEBRUARY, 2.0, id="which counts from its first day on"),
        pytest.param(
            [(FEBRUARY, date(2023, 12, 1), 2.0), (FEBRUARY, date(2024, 1, 9), 3.0)],
            FEBRUARY,
            3.0,
            id="of two forecasts of a period the later",
        ),
        pytest.param([], FIRST, None, id="no reading at all"),
    ],
)
def test_a_macro_series_is_joined_by_vintage(
    readings: list[tuple[date, date, float | None]], day: date, value: float | None
) -> None:
    assert known(series(*readings), day) == [value]
    assert known(series(*reversed(readings)), day) == [value]


DAYS = st.integers(min_value=0, max_value=40).map(lambda number: JANUARY + timedelta(days=number))
READINGS = st.lists(
    st.tuples(DAYS, DAYS, st.one_of(st.none(), st.floats(-9, 9))),
    max_size=25,
    unique_by=lambda reading: reading[:2],
)


@settings(deadline=None)  # of a wall clock; a busy machine proves nothing about the join
@given(READINGS, st.lists(DAYS, min_size=1, max_size=10), st.booleans())
def test_the_join_finds_what_a_look_at_every_reading_finds(
    readings: list[tuple[date, date, float | None]], days: list[date], forecasts: bool
) -> None:
    def looked_up(day: date) -> float | None:
        seen = [item for item in readings if item[1] < day and item[2] is not None]
        seen = [item for item in seen if forecasts or item[0] <= day]
        return max(seen, key=lambda item: item[:2])[2] if seen else None

    assert known(series(*readings), *days, forecasts=forecasts) == [looked_up(day) for day in days]


def test_every_row_has_a_moment_from_which_it_is_known() -> None:
    start = datetime(2024, 3, 1, 14, 30, tzinfo=UTC)
    day = pa.table({"session_date": pa.array([date(2024, 3, 1)], pa.date32())})
    intraday = pa.table(
        {
            "start": pa.array([start], pa.timestamp("us", "UTC")),
            "interval_seconds": pa.array([300], pa.int32()),
        }
    )
    trade = pa.table({"ts": pa.array([start], pa.timestamp("us", "UTC"))})
    assert known_from(DAILY_BARS, day).tolist() == [micros(datetime(2024, 3, 2, tzinfo=UTC))]
    assert known_from(INTRADAY_BARS, intraday).tolist() == [micros(start + timedelta(minutes=5))]
    assert known_from(INTRADAY_TRADES, trade).tolist() == [micros(start)]


def test_columns_are_named_for_what_they_tell() -> None:
    bars = pa.table({"session_date": pa.array([FIRST, NEXT], pa.date32())})
    added = series((JANUARY, FIRST, 3.7))
    at = known_from(DAILY_BARS, bars)
    found = joined(bars, MACRO_SERIES, "UNRATE", added, places(at, MACRO_SERIES, added))
    assert found.column_names == ["session_date", "UNRATE.period", "UNRATE.vintage", "UNRATE.value"]
    assert found["UNRATE.value"].to_pylist() == [3.7, 3.7]


def test_a_series_is_joined_once() -> None:
    bars = pa.table({"session_date": pa.array([NEXT], pa.date32()), "CPI.period": [1]})
    with pytest.raises(Rejected, match=r"have a column CPI\.period already"):
        joined(bars, MACRO_SERIES, "CPI", series((JANUARY, FIRST, 1.0)), np.array([0]))


def test_rows_of_another_dimension_and_events_are_refused() -> None:
    with pytest.raises(Rejected, match="not rows of intradayBars"):
        known_from(INTRADAY_BARS, pa.table({"close": [1.0]}))
    with pytest.raises(Rejected, match="macroEvents cannot be joined"):
        known_from(MACRO_EVENTS, pa.table({"period": [1]}))
