"""What a program may pass is taken, or Rejected by name; nothing else comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from backbone.client import questions
from backbone.client.asof import known_from
from backbone.client.errors import Rejected
from backbone.client.snapshot import Condition, Window
from backbone.market.dimensions import DAILY_BARS, DIMENSIONS, INTRADAY_TRADES

DAY = datetime(2024, 3, 1, tzinfo=UTC)
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(None, None, id="none"),
        pytest.param(NOON, NOON, id="a moment in UTC"),
        pytest.param(
            datetime(2024, 3, 1, 7, tzinfo=ZoneInfo("America/New_York")), NOON, id="one in New York"
        ),
        pytest.param(date(2024, 3, 1), DAY, id="a day"),
        pytest.param("2024-03-01", DAY, id="a day as a text"),
        pytest.param("20240301", DAY, id="a day as a short text"),
        pytest.param("2024-03-01T12:00Z", NOON, id="a moment as a text"),
        pytest.param("2024-03-01T13:00:00+01:00", NOON, id="one with an offset"),
        pytest.param(np.str_("2024-03-01"), DAY, id="numpy's text"),
        pytest.param(np.datetime64("2024-03-01"), DAY, id="numpy's day"),
        pytest.param(np.datetime64("2024-03"), DAY, id="numpy's month"),
        pytest.param(pd.Timestamp("2024-03-01 12:00", tz="UTC"), NOON, id="pandas' moment"),
        pytest.param(pd.Timestamp("2024-03-01 21:00", tz="Asia/Tokyo"), NOON, id="pandas' moment in Tokyo"),
        pytest.param(pa.scalar(date(2024, 3, 1)), DAY, id="Arrow's day"),
        pytest.param(pa.scalar(NOON, pa.timestamp("us", "UTC")), NOON, id="Arrow's moment"),
        pytest.param(date.max, datetime(9999, 12, 31, tzinfo=UTC), id="the last day"),
        pytest.param(
            datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))), questions.LAST, id="an open end"
        ),
        pytest.param(
            datetime.min.replace(tzinfo=timezone(timedelta(hours=5))), questions.FIRST, id="an open beginning"
        ),
    ],
)
def test_days_and_moments_of_every_kind_are_taken(given: object, expected: datetime | None) -> None:
    found = questions.moment("start", given)
    assert found == expected
    assert found is None or (type(found) is datetime and found.utcoffset() == timedelta())


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(datetime(2024, 3, 1), id="a naive moment"),  # noqa: DTZ001
        pytest.param(pd.Timestamp("2024-03-01"), id="pandas' naive moment"),
        pytest.param(np.datetime64("2024-03-01T12:00"), id="numpy's moment"),
        pytest.param("2024-03-01T12:00", id="a naive text"),
        pytest.param("yesterday", id="a word"),
        pytest.param("", id="an empty text"),
        pytest.param(pd.NaT, id="pandas' none"),
        pytest.param(np.datetime64("NaT"), id="numpy's none"),
        pytest.param(np.datetime64(10**17, "D"), id="a day beyond the calendar"),
        pytest.param(pd.Period("2024-03"), id="a period"),
        pytest.param(pd.DatetimeIndex(["2024-03-01"], tz="UTC"), id="an index"),
        pytest.param(pd.Series([NOON]), id="a series"),
        pytest.param(1709251200, id="a number"),
        pytest.param(float("nan"), id="NaN"),
        pytest.param(True, id="a truth"),
        pytest.param((2024, 3, 1), id="a tuple"),
        pytest.param(object(), id="an object"),
    ],
)
def test_what_is_no_day_or_moment_is_rejected_by_name(given: object) -> None:
    with pytest.raises(Rejected, match=r"^start="):
        questions.moment("start", given)


@pytest.mark.parametrize(
    "given",
    [3, 3.0, np.int8(3), np.uint64(3), np.float64(3), pytest.param(pa.scalar(3), id="a scalar of Arrow")],
    ids=repr,
)
def test_counts_of_every_kind_are_taken(given: object) -> None:
    found = questions.count("last", given)
    assert (found, type(found)) == (3, int)


def test_a_count_beyond_all_is_as_many_as_there_are() -> None:
    assert questions.count("last", 10**30) == questions.MANY


@pytest.mark.parametrize(
    "given", ["3", 2.5, float("inf"), float("nan"), True, np.True_, 0, -1, [3], pd.NA, b"3", 3j], ids=repr
)
def test_what_is_no_count_is_rejected_by_name(given: object) -> None:
    with pytest.raises(Rejected, match=r"^last="):
        questions.count("last", given)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(["A", "B", "A"], id="a list"),
        pytest.param((name for name in ("A", "B")), id="a generator"),
        pytest.param(dict.fromkeys(("A", "B")), id="a dictionary"),
        pytest.param(np.array(["A", "B"]), id="numpy's"),
        pytest.param(pd.Index(["A", "B"]), id="pandas' index"),
        pytest.param(pd.Series(["A", "B"]), id="pandas' series"),
        pytest.param(pa.array(["A", "B"]), id="Arrow's array"),
        pytest.param(pa.chunked_array([["A"], ["B"]]), id="Arrow's column"),
    ],
)
def test_names_of_every_kind_are_taken(given: object) -> None:
    found = questions.names(given)
    assert found == ("A", "B")
    assert {type(name) for name in found} == {str}


@pytest.mark.parametrize(
    "given",
    [
        "A",
        b"A",
        None,
        7,
        [],
        ["A", None],
        [7],
        [b"A"],
        [["A"]],
        [float("nan")],
        ["A\0"],
        ["\udcff"],
        [pd.NA],
        pytest.param(pa.array([None], pa.string()), id="an array of nothing"),
    ],
    ids=ascii,
)
def test_what_are_no_names_is_rejected(given: object) -> None:
    with pytest.raises(Rejected):
        questions.names(given)


@pytest.mark.parametrize(
    "given",
    [timedelta(days=2), pd.Timedelta(days=2), np.timedelta64(2, "D"), np.timedelta64(48, "h")],
    ids=repr,
)
def test_lengths_of_time_of_every_kind_are_taken(given: object) -> None:
    found = questions.duration("max_age", given)
    assert found == timedelta(days=2)
    assert type(found) is timedelta


@pytest.mark.parametrize(
    "given",
    [
        86_400,
        1.5,
        "2 days",
        pd.NaT,
        np.timedelta64("NaT"),
        np.timedelta64("NaT", "D"),
        np.timedelta64(1, "M"),
        True,
        timedelta(days=-1),
        NOON,
    ],
    ids=repr,
)
def test_what_is_no_length_of_time_is_rejected_by_name(given: object) -> None:
    with pytest.raises(Rejected, match=r"^grace="):
        questions.duration("grace", given)


def test_an_age_beyond_the_calendar_reaches_its_beginning() -> None:
    assert questions.earlier(NOON, timedelta.max) == questions.FIRST
    assert questions.earlier(NOON, timedelta(hours=12)) == DAY


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        pytest.param(lambda: questions.dimension("dailyBars"), "DAILY_BARS", id="a dimension's name"),
        pytest.param(
            lambda: questions.dimension(replace(DAILY_BARS, table="x; DROP")), "DAILY_BARS", id="another"
        ),
        pytest.param(lambda: questions.dimension(np.zeros(2)), "DAILY_BARS", id="an array"),
        pytest.param(
            lambda: questions.words({"limit": 5}, Window.__annotations__), r"no limit=.*last", id="a word"
        ),
        pytest.param(
            lambda: questions.words({"age": 5}, Condition.__annotations__),
            r"no age=.*max_age",
            id="another word",
        ),
        pytest.param(lambda: questions.choice("source", 7), "^source: 7 is not a name", id="a source"),
        pytest.param(
            lambda: questions.window(NOON, DAY), "nothing lies between", id="an end before its start"
        ),
        pytest.param(
            lambda: questions.table(pd.DataFrame()), r"DataFrame is not a pyarrow.Table", id="a frame"
        ),
        pytest.param(lambda: questions.folder(None), "is not a folder", id="no folder"),
        pytest.param(lambda: questions.folder("a\0b"), r"'a\\x00b' is not a folder", id="a path with NUL"),
        pytest.param(
            lambda: questions.folder(Path("\ud800")), r"ud800' is not a folder", id="a path of no text"
        ),
        pytest.param(lambda: questions.names(np.array("A")), "is not a list", id="an array of no dimension"),
        pytest.param(
            lambda: questions.moment("end", pa.scalar(2**31 - 1, pa.date32())),
            r"^end=.*Date32",
            id="a far day",
        ),
        pytest.param(
            lambda: questions.moment("end", np.datetime64("30000-01-01")),
            r"^end=.*30000-01-01",
            id="a far year",
        ),
    ],
)
def test_what_else_is_wrong_is_rejected_by_name(ask: Callable[[], object], told: str) -> None:
    with pytest.raises(Rejected, match=told):
        ask()


def test_what_else_is_right_is_taken() -> None:
    assert [questions.dimension(item) for item in DIMENSIONS] == list(DIMENSIONS)
    assert questions.folder("data") == Path("data")
    assert questions.table(pa.RecordBatch.from_pydict({"a": [1]})).num_rows == 1
    questions.window(DAY, DAY)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        pytest.param("session_date", pa.array(["soon"]), id="a text"),
        pytest.param("session_date", pa.array([None], pa.date32()), id="no day"),
        pytest.param("session_date", pa.array([[1]]), id="a list"),
        pytest.param("session_date", pa.array([1.5]), id="a number"),
    ],
)
def test_rows_to_join_have_the_days_of_their_dimension(column: str, values: pa.Array) -> None:
    with pytest.raises(Rejected, match=column):
        known_from(DAILY_BARS, pa.table({column: values}))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_rows_to_join_may_have_come_through_pandas(unit: str) -> None:
    moments = pa.table({"ts": pa.array([NOON], pa.timestamp("us", "UTC")).cast(pa.timestamp(unit, "UTC"))})
    assert known_from(INTRADAY_TRADES, moments).tolist() == [int(NOON.timestamp()) * 1_000_000]
    days = pa.table({"session_date": pa.array([date(2024, 3, 1)]).cast(pa.timestamp(unit))})
    assert known_from(DAILY_BARS, days).tolist() == [int((DAY + timedelta(days=1)).timestamp()) * 1_000_000]
    with pytest.raises(Rejected, match="time zone"):
        known_from(INTRADAY_TRADES, pa.table({"ts": moments["ts"].cast(pa.timestamp(unit))}))
