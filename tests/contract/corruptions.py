"""Corruptions that are planted in recorded data, one in each of a thousand deliveries.

TABLE fixes for each class how large a corruption is, and whether it is structural (wrong by definition) or
statistical (wrong by what stands around it). A delivery is a window of one recorded line under a name of its
own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from backbone.market.defects import Defect
from backbone.market.dimensions import (
    DAILY_BARS,
    INTRADAY_BARS,
    INTRADAY_TRADES,
    MACRO_EVENTS,
    MACRO_SERIES,
    Dimension,
)

PLANTED = 1000
WINDOWS = {
    DAILY_BARS.name: 120,
    INTRADAY_BARS.name: 240,
    INTRADAY_TRADES.name: 200,
    MACRO_SERIES.name: 100,
    MACRO_EVENTS.name: 80,
}
"""Rows of a delivery."""
MARGIN = 25
"""Rows before and after a planted one, for a class that is judged by its neighbours."""
PRICES = ("open", "high", "low", "close")
OF_BARS = (*PRICES, "adjusted_close")
RELEASED = ("actual", "expected", "prior", "revised")
"""Numbers of events, most of them null: pandas makes these NaN."""


@dataclass
class Deliveries:
    """Rows of all deliveries, one after the other, and per delivery where something is planted.

    `targets` are the rows in which it has to be found, by (delivery, time).
    """

    dimension: Dimension
    rows: pd.DataFrame
    at: np.ndarray
    targets: pd.DataFrame | None = None

    def where(self, rows: np.ndarray) -> pd.DataFrame:
        """Some rows as targets."""
        return self.rows.iloc[rows][["delivery", self.dimension.time]].rename(
            columns={self.dimension.time: "time"}
        )

    def table(self) -> pa.Table:
        """The rows as a provider would deliver them."""
        columns = {
            field.name: _column(self.rows[field.name], field.type, absent=field.name in RELEASED)
            for field in self.dimension.facts
        }
        if "value" in columns:
            absent = pa.array(self.rows["absent"].to_numpy())
            columns["value"] = pc.if_else(absent, pa.scalar(None, pa.float64()), columns["value"])
        return pa.table(columns)


def _column(values: pd.Series, kind: pa.DataType, absent: bool) -> pa.Array:
    """Values as they are: text makes a column of numbers one of text, NaN stays where it is not `absent`."""
    if absent or not pa.types.is_floating(kind):
        return pa.array(values, kind, from_pandas=True)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return pa.array(values.to_numpy(np.float64), kind, from_pandas=False)
    text = values.map(type).eq(str).any()
    return pa.array(values.to_list(), pa.string() if text else kind, from_pandas=False)


Plant = Callable[[Deliveries, np.random.Generator], Deliveries]


@dataclass(frozen=True)
class Corruption:
    """A class of corruptions: how large, of what kind, and under which name it has to be found."""

    name: str
    size: str
    kind: Literal["structural", "statistical"]
    found_as: frozenset[Defect]
    plant: Plant
    dimensions: tuple[Dimension, ...]


def deliveries(dimension: Dimension, facts: pa.Table, random: np.random.Generator) -> Deliveries:
    """A thousand windows of the recorded lines, at random places, each under a name of its own."""
    width = WINDOWS[dimension.name]
    frame = facts.to_pandas(date_as_object=False).reset_index(drop=True)
    subject = dimension.subject
    frame = frame.sort_values(["source", subject, dimension.time], kind="stable").reset_index(drop=True)
    spans = frame.groupby(["source", subject], sort=False).indices
    possible = np.concatenate([places[: len(places) - width + 1] for places in spans.values()])
    starts = random.choice(possible, PLANTED)
    rows = frame.iloc[(starts[:, None] + np.arange(width)[None, :]).ravel()].reset_index(drop=True)
    rows["delivery"] = np.repeat(np.arange(PLANTED), width)
    for name in {subject, "event"} & set(rows):
        rows[name] = rows[name] + "~" + rows["delivery"].astype(str)
    at = np.arange(PLANTED) * width + random.integers(MARGIN, width - MARGIN, PLANTED)
    if dimension is MACRO_SERIES:
        rows["absent"] = rows["value"].isna()
        observed = ~rows["absent"].to_numpy()
        at = np.array([next(place for place in range(start, start + 9) if observed[place]) for start in at])
    return Deliveries(dimension, rows, at)


def _set(names: tuple[str, ...], value: object) -> Plant:
    """Put a value into one of the columns, a random one in each delivery."""

    def plant(given: Deliveries, random: np.random.Generator) -> Deliveries:
        rows = given.rows.copy()
        present = [name for name in names if name in rows]
        which = random.integers(0, len(present), PLANTED)
        for number, name in enumerate(present):
            if value is None or isinstance(value, str):
                rows[name] = rows[name].astype(object)
            rows.iloc[given.at[which == number], rows.columns.get_loc(name)] = value
        planted = replace(given, rows=rows)
        planted.targets = planted.where(given.at)
        return planted

    return plant


def _text(given: Deliveries, random: np.random.Generator) -> Deliveries:
    rows = given.rows.copy()
    rows["close"] = rows["close"].astype(str)
    rows.iloc[given.at, rows.columns.get_loc("close")] = "n/a"
    return replace(given, rows=rows, targets=given.where(given.at))


def _scale(names: tuple[str, ...], factors: tuple[float, ...]) -> Plant:
    """Multiply columns of one row, by a random one of the factors in each delivery."""

    def plant(given: Deliveries, random: np.random.Generator) -> Deliveries:
        rows = given.rows.copy()
        factor = random.choice(factors, PLANTED)
        for name in (name for name in names if name in rows):
            values = rows[name].to_numpy(np.float64, copy=True)
            values[given.at] *= factor
            rows[name] = values
        return replace(given, rows=rows, targets=given.where(given.at))

    return plant


def _extreme(by: float) -> Plant:
    """Push the high up, or the low down."""

    def plant(given: Deliveries, random: np.random.Generator) -> Deliveries:
        rows = given.rows.copy()
        up = random.random(PLANTED) < 0.5
        for name, chosen, factor in (("high", up, 1 + by), ("low", ~up, 1 / (1 + by))):
            values = rows[name].to_numpy(copy=True)
            values[given.at[chosen]] *= factor
            rows[name] = values
        return replace(given, rows=rows, targets=given.where(given.at))

    return plant


def _order(given: Deliveries, random: np.random.Generator) -> Deliveries:
    """The high below the low, or the close above the high: by one tick, or by the whole range."""
    rows = given.rows.copy()
    high, low, close = (rows[name].to_numpy(copy=True) for name in ("high", "low", "close"))
    at, swap = given.at, random.random(PLANTED) < 0.5
    close[at[~swap]] = high[at[~swap]] + 0.01
    flat = high[at] == low[at]
    high[at[swap]], low[at[swap]] = low[at[swap]] - np.where(flat[swap], 0.25, 0), high[at[swap]]
    rows["high"], rows["low"], rows["close"] = high, low, close
    return replace(given, rows=rows, targets=given.where(at))


def _again(change: Callable[[pd.DataFrame, Dimension], None] | None) -> Plant:
    """Deliver a row twice, the second time changed or not."""

    def plant(given: Deliveries, random: np.random.Generator) -> Deliveries:
        extra = given.rows.iloc[given.at].copy()
        if change is not None:
            change(extra, given.dimension)
        rows = pd.concat([given.rows, extra], ignore_index=True)
        return replace(given, rows=rows, targets=given.where(given.at))

    return plant


def _differently(extra: pd.DataFrame, dimension: Dimension) -> None:
    if dimension is MACRO_EVENTS:
        extra["kind"] = extra["kind"] + "-other"
        return
    for name in (*PRICES, "price", "value"):
        if name in extra:
            extra[name] = extra[name] * 1.001 + 0.001


def _move_time(names: tuple[str, ...], to: pd.Timestamp) -> Plant:
    """Date a row later than the run."""

    def plant(given: Deliveries, random: np.random.Generator) -> Deliveries:
        rows = given.rows.copy()
        for name in (name for name in names if name in rows):
            moment = to if str(rows[name].dtype).endswith("UTC]") else to.tz_localize(None).normalize()
            rows.iloc[given.at, rows.columns.get_loc(name)] = moment
        planted = replace(given, rows=rows)
        planted.targets = planted.where(given.at)
        return planted

    return plant


def _closed(given: Deliveries, random: np.random.Generator) -> Deliveries:
    """Move a row to the Saturday of its week, at its own time of the day."""
    rows = given.rows.copy()
    time = rows[given.dimension.time]
    chosen = time.iloc[given.at]
    moved = chosen + pd.to_timedelta((5 - chosen.dt.day_of_week) % 7, unit="D")
    rows.iloc[given.at, rows.columns.get_loc(given.dimension.time)] = moved.to_numpy()
    planted = replace(given, rows=rows)
    planted.targets = planted.where(given.at)
    return planted


def _zone(given: Deliveries, random: np.random.Generator) -> Deliveries:
    """Shift the whole delivery: days by one, moments as if the clock in Chicago had been taken for UTC."""
    rows = given.rows.copy()
    name = given.dimension.time
    if given.dimension.dated:
        days = np.repeat(random.choice((-1, 1), PLANTED), WINDOWS[given.dimension.name])
        rows[name] = rows[name] + pd.to_timedelta(days, unit="D")
    else:
        rows[name] = rows[name].dt.tz_convert("America/Chicago").dt.tz_localize(None).dt.tz_localize("UTC")
    planted = replace(given, rows=rows)
    planted.targets = planted.where(np.arange(len(rows)))
    return planted


def _gap(given: Deliveries, random: np.random.Generator) -> Deliveries:
    """Leave out one session or period; of a daily macro series six values, of intraday bars forty."""
    length = np.ones(PLANTED, int)
    if given.dimension is INTRADAY_BARS:
        length[:] = 40
    if given.dimension is MACRO_SERIES:
        length[given.rows["frequency"].iloc[given.at].to_numpy() == "daily"] = 6
    at = given.at - 1
    if given.dimension is INTRADAY_BARS:
        at = _within_a_session(given, at // 240 * 240 + (at % 240) * 3 // 4)
    gone = np.concatenate([np.arange(start, start + count) for start, count in zip(at, length, strict=True)])
    targets = given.where(at + length)
    return replace(given, rows=given.rows.drop(index=gone).reset_index(drop=True), targets=targets)


def _within_a_session(given: Deliveries, at: np.ndarray) -> np.ndarray:
    """Places from which forty bars lie in one session: at its start where the holiday halt is among them."""
    time = given.rows["start"].astype("datetime64[us, UTC]").astype("int64").to_numpy()
    spans = time[at + 41] - time[at - 1]
    return np.where(spans > 7_200_000_000, at // 240 * 240 + 2, at)


def _stale(given: Deliveries, random: np.random.Generator) -> Deliveries:
    """Repeat the bar before, one with a range."""
    rows = given.rows.copy()
    ranged = (rows["high"] > rows["low"]).to_numpy() & (rows["volume"] > 0).to_numpy()
    at = np.array(
        [next(place for place in range(first, first + 20) if ranged[place - 1]) for first in given.at]
    )
    for name in (*OF_BARS, "volume", "trades"):
        if name in rows:
            values = rows[name].to_numpy(copy=True)
            values[at] = values[at - 1]
            rows[name] = values
    return replace(given, rows=rows, targets=given.where(at))


def _split(given: Deliveries, random: np.random.Generator) -> Deliveries:
    """From a day on prices are divided by 2, 3, 4, 5, 10 or 20, and volumes multiplied."""
    rows = given.rows.copy()
    width = WINDOWS[given.dimension.name]
    ratio = random.choice((2, 3, 4, 5, 10, 20), PLANTED)
    place = np.arange(len(rows))
    after = place >= np.repeat(given.at, width)
    factor = np.where(after, np.repeat(ratio, width), 1)
    for name in OF_BARS:
        rows[name] = rows[name] / factor
    rows["volume"] = rows["volume"] * factor
    return replace(given, rows=rows, targets=given.where(np.flatnonzero(after)))


LATER = pd.Timestamp("2031-03-04 15:00", tz="UTC")
TRADED = (DAILY_BARS, INTRADAY_BARS, INTRADAY_TRADES)
BARS = (DAILY_BARS, INTRADAY_BARS)
NUMBERS = (*PRICES, "price", "value")
ALL = (*TRADED, MACRO_SERIES, MACRO_EVENTS)
_S: Literal["structural"] = "structural"
_T: Literal["statistical"] = "statistical"


def _one(*defects: Defect) -> frozenset[Defect]:
    return frozenset(defects)


TABLE = (
    Corruption(
        "a value is missing",
        "null in a column that needs one",
        _S,
        _one(Defect.SCHEMA_MISMATCH),
        _set((*PRICES, "price", "frequency", "kind"), None),
        ALL,
    ),
    Corruption("text in a number", "n/a", _S, _one(Defect.SCHEMA_MISMATCH), _text, BARS),
    Corruption(
        "NaN",
        "one price or value",
        _S,
        _one(Defect.NOT_FINITE),
        _set(NUMBERS, np.nan),
        (*TRADED, MACRO_SERIES),
    ),
    Corruption(
        "infinity",
        "one price or value",
        _S,
        _one(Defect.NOT_FINITE),
        _set(NUMBERS, np.inf),
        (*TRADED, MACRO_SERIES),
    ),
    Corruption(
        "zero price", "one price", _S, _one(Defect.NON_POSITIVE_PRICE), _set((*PRICES, "price"), 0.0), TRADED
    ),
    Corruption(
        "negative price",
        "one price",
        _S,
        _one(Defect.NON_POSITIVE_PRICE),
        _set((*PRICES, "price"), -1.0),
        TRADED,
    ),
    Corruption("negative size", "-1", _S, _one(Defect.NEGATIVE_SIZE), _set(("volume", "size"), -1), TRADED),
    Corruption("prices out of order", "one tick to a range", _S, _one(Defect.PRICE_ORDER), _order, BARS),
    Corruption("the row again", "same values", _S, _one(Defect.REPEATED_ROW), _again(None), ALL),
    Corruption(
        "the row again, other values",
        "0.1 %",
        _S,
        _one(Defect.CONFLICTING_ROWS),
        _again(_differently),
        ALL,
    ),
    Corruption(
        "from the future",
        "years",
        _S,
        _one(Defect.FUTURE_ROW),
        _move_time(("session_date", "start", "ts", "vintage"), LATER),
        ALL,
    ),
    Corruption("exchange closed", "a Saturday", _S, _one(Defect.OFF_SESSION), _closed, TRADED),
    Corruption("zone error", "a day, or five hours, all rows", _S, _one(Defect.ZONE_ERROR), _zone, BARS),
    Corruption(
        "gap",
        "1 session or period, 6 days, 40 bars",
        _S,
        _one(Defect.GAP_BEFORE),
        _gap,
        (*BARS, MACRO_SERIES),
    ),
    Corruption("stale repeat", "a bar with a range", _S, _one(Defect.STALE_REPEAT), _stale, BARS),
    Corruption(
        "price spike, daily",
        "all prices x1.5 or /1.5",
        _T,
        _one(Defect.PRICE_SPIKE),
        _scale(OF_BARS, (1.5, 1 / 1.5)),
        (DAILY_BARS,),
    ),
    Corruption(
        "price spike, intraday",
        "all prices +3 % or -3 %",
        _T,
        _one(Defect.PRICE_SPIKE),
        _scale((*OF_BARS, "price"), (1.03, 1 / 1.03)),
        (INTRADAY_BARS, INTRADAY_TRADES),
    ),
    Corruption(
        "decimal slip",
        "value x10 or /10",
        _T,
        _one(Defect.PRICE_SPIKE),
        _scale(("value",), (10.0, 0.1)),
        (MACRO_SERIES,),
    ),
    Corruption(
        "bad extreme, daily",
        "high or low by 40 %",
        _T,
        _one(Defect.BAD_EXTREME),
        _extreme(0.4),
        (DAILY_BARS,),
    ),
    Corruption(
        "bad extreme, intraday",
        "high or low by 3 %",
        _T,
        _one(Defect.BAD_EXTREME),
        _extreme(0.03),
        (INTRADAY_BARS,),
    ),
    Corruption(
        "unadjusted split",
        "2, 3, 4, 5, 10, 20 to 1",
        _T,
        _one(Defect.UNADJUSTED_SPLIT),
        _split,
        (DAILY_BARS,),
    ),
)
