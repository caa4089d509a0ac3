"""Statistical checks of prices: spikes that come back, extremes far from everything, splits nobody adjusted.

All of it looks at candidates alone: rows whose price moved by more than a floor. So a million ordinary rows
cost one subtraction each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...market.defects import Defect
from ..dimensions import DAILY_BARS, INTRADAY_BARS, INTRADAY_TRADES, MACRO_SERIES, Dimension
from .lines import Floats, Lines, Mask, Whole, lines_of
from .neighbours import after, before, deviation, from_row, median
from .sheet import Sheet

Before = Callable[[pa.Table], pa.Table]
"""The stored rows of each line before its first one in some facts."""

WINDOW = 20
USUAL_KNOWN = 10
"""Rows before a jump that tell the usual turnover; of fewer nobody can say whether something happened."""
LONGEST_SPIKE = 3
"""Rows; what stays away for longer is a move."""
SPLITS = np.log([1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50])


@dataclass(frozen=True, slots=True)
class Limits:
    """How far is too far: `floor` of a move's logarithm, `deviations` beyond the neighbours' own moves.

    `extreme` is the floor for a high or low beyond the other prices, None where there are no bars. `surge` is
    how many times the usual turnover means that something happened. A latest move beyond `implausible` is not
    kept until it is confirmed.
    """

    floor: float
    deviations: float
    extreme: float | None = None
    surge: float = 2.5
    implausible: float = 0.5


LIMITS = {
    DAILY_BARS.name: Limits(floor=0.12, deviations=5, extreme=0.15),
    INTRADAY_BARS.name: Limits(floor=0.01, deviations=8, extreme=0.01, surge=20),
    INTRADAY_TRADES.name: Limits(floor=0.005, deviations=8),
    MACRO_SERIES.name: Limits(floor=0.4, deviations=8, implausible=np.inf),
}
BACK = 0.35
"""A spike is over when the price is back within this share of it."""
LIVELY = 1.5
"""Times the usual turnover."""
SPLIT_SURGE = 4.0
"""Turnover at which a jump by a split's ratio is none."""
SPLIT_TOLERANCE = 0.12


def check_moves(dimension: Dimension, lines: Lines, sheet: Sheet, before_of: Before | None = None) -> None:
    """Spikes, bad extremes and unadjusted splits of sound rows in order; `before_of` looks into the store."""
    limits = LIMITS[dimension.name]
    surge = _surge(lines, "volume") if "volume" in lines.table.schema.names else None
    price = np.log(lines.column("price" if dimension is INTRADAY_TRADES else "close"))
    if dimension is DAILY_BARS:
        _check_splits(lines, sheet, before_of)
    _check_spikes(lines, price, limits, surge, sheet)
    if limits.extreme is not None:
        _check_extremes(lines, limits, limits.extreme, sheet)


def check_values(lines: Lines, sheet: Sheet) -> None:
    """Spikes of macro values, in logarithms where a series is positive throughout."""
    value = lines.column("value")
    rows = np.flatnonzero(~np.isnan(value))
    present = _chosen(lines, rows)
    value = value[rows]
    lowest = np.minimum.reduceat(value, present.starts) if len(rows) else value
    positive = lowest[np.cumsum(present.first) - 1] > 0 if len(rows) else np.zeros(0, bool)
    logarithm = np.where(positive, np.log(np.where(positive, value, 1.0)), np.nan)
    _check_spikes(present, logarithm, LIMITS[MACRO_SERIES.name], None, sheet)
    linear = Limits(floor=0.0, deviations=25, implausible=np.inf)
    _check_spikes(present, np.where(positive, np.nan, value), linear, None, sheet)


def _check_spikes(lines: Lines, price: Floats, limits: Limits, surge: Surge | None, sheet: Sheet) -> None:
    """Rows that leave their neighbourhood together and are back after at most LONGEST_SPIKE rows."""
    step = _steps(lines, price)
    rows = np.flatnonzero(np.abs(step) > limits.floor)
    if not len(rows):
        return
    level = median(before(lines, price, rows, 3))
    moved = step[rows]
    bound = np.maximum(limits.floor, limits.deviations * _usual(lines, step, rows))
    # Of a value that mostly stands still nobody can say how far is too far.
    bound[bound == 0] = np.inf
    behind = from_row(lines, price, rows, LONGEST_SPIKE + 1) - level[:, None]
    calm = np.ones(len(rows), bool) if surge is None else surge.ratio(lines, rows) < limits.surge
    found = np.zeros(len(price), bool)
    for length in range(1, LONGEST_SPIKE + 1):
        away = (np.sign(behind[:, :length]) == np.sign(moved)[:, None]).all(axis=1)
        away &= (np.abs(behind[:, :length]) > bound[:, None]).all(axis=1)
        returned = np.abs(behind[:, length]) < BACK * np.abs(behind[:, :length]).min(axis=1)
        for offset in range(length):
            found[rows[away & returned & calm] + offset] = True
    sheet.quarantine(lines.places(found), Defect.PRICE_SPIKE)
    last = np.isnan(behind[:, 1]) & (np.abs(behind[:, 0]) > bound) & (np.abs(moved) > bound) & calm
    wild = last & (np.abs(moved) > limits.implausible)
    sheet.quarantine(lines.places(_at(rows[wild], len(price))), Defect.PRICE_SPIKE)
    sheet.flag(lines.places(_at(rows[last & ~wild], len(price))), Defect.UNCONFIRMED_MOVE)


def _check_extremes(lines: Lines, limits: Limits, floor: float, sheet: Sheet) -> None:
    """Highs and lows beyond the bar's other prices and beyond those of the bars around it.

    With lively turnover they may have been traded, as in a flash crash: the row is kept under a flag.
    """
    surge = _surge(lines, "volume")
    opened, high, low, close = (lines.column(name) for name in ("open", "high", "low", "close"))
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    if not bool(((high > top * np.exp(floor)) | (low < bottom * np.exp(-floor))).any()):
        return
    top, bottom, high, low = np.log(top), np.log(bottom), np.log(high), np.log(low)
    for beyond, extreme in ((high - top, high), (bottom - low, -low)):
        rows = np.flatnonzero(beyond > floor)
        around = np.concatenate([before(lines, extreme, rows, 2), after(lines, extreme, rows, 2)], axis=1)
        highest = np.max(np.nan_to_num(around, nan=-np.inf), axis=1, initial=-np.inf)
        earlier = before(lines, beyond, rows, WINDOW)
        usual = np.nan_to_num(median(earlier) + deviation(earlier))
        far = (extreme[rows] - highest > floor / 2) & (beyond[rows] > limits.deviations * usual)
        found = rows[far]
        lively = surge.ratio(lines, found) > LIVELY
        sheet.quarantine(lines.places(_at(found[~lively], len(high))), Defect.BAD_EXTREME)
        sheet.flag(lines.places(_at(found[lively], len(high))), Defect.BAD_EXTREME)


def _check_splits(lines: Lines, sheet: Sheet, before_of: Before | None) -> None:
    """Jumps by a split's ratio, without unusual turnover, that the adjusted price does not explain.

    All rows from the jump to the next one back are on another basis than those before. A jump that is stored
    was kept or released, and is none. One by another ratio is kept under a flag if no market goes so far.
    """
    series, unknown = _adjusted(lines)
    step = _steps(lines, series)
    rows = np.flatnonzero((np.abs(step) > SPLITS[0] - SPLIT_TOLERANCE) & lines.delivered)
    if not len(rows):
        return
    ratio = np.abs(np.abs(step[rows])[:, None] - SPLITS[None, :]).min(axis=1)
    level = median(before(lines, series, rows, 3))
    settled = median(from_row(lines, series, rows, 3))
    stays = np.abs(settled - level - step[rows]) < SPLIT_TOLERANCE + 0.05
    surge = _surge(lines, "volume")
    calm = surge.ratio(lines, rows) < SPLIT_SURGE
    usual = ratio < SPLIT_TOLERANCE
    far = np.abs(step[rows]) > LIMITS[DAILY_BARS.name].implausible
    found = (usual | far) & stays & calm
    jumps, usual = rows[found], usual[found]
    bases = np.asarray(lines.table["price_basis"].take(pa.array(jumps)).to_pylist(), object)
    possible = unknown[jumps] & (bases == "asTraded") | ~surge.known(lines, jumps) | ~usual
    sheet.flag(lines.places(_at(jumps[possible], len(step))), Defect.POSSIBLE_SPLIT)
    jumps = jumps[~possible]
    if before_of is not None and len(jumps):
        jumps = jumps[~_stored_too(lines, step, jumps, before_of)]
    sheet.quarantine(lines.places(_on_other_basis(lines, step, jumps)), Defect.UNADJUSTED_SPLIT)


def _adjusted(lines: Lines) -> tuple[Floats, Mask]:
    """The logarithm of the adjusted price, and of the close in rows that have none: which are these."""
    adjusted = np.log(lines.column("adjusted_close"))
    unknown = np.isnan(adjusted)
    if not unknown.any():
        return adjusted, unknown
    return np.where(unknown, np.log(lines.column("close")), adjusted), unknown


def _stored_too(lines: Lines, step: Floats, jumps: Whole, before_of: Before) -> Mask:
    """Which jumps the store holds as well: the last of each line, and those within a history before it."""
    line = lines.line[jumps]
    last = np.append(line[1:] != line[:-1], True)
    rows = lines.table.take(pa.array(jumps[last]))
    place = rows.schema.get_field_index(DAILY_BARS.time)
    behind = pc.add(rows[DAILY_BARS.time].cast(pa.int32()), pa.scalar(1, pa.int32())).cast(pa.date32())
    found = before_of(rows.set_column(place, DAILY_BARS.time, behind))
    stored = lines_of(DAILY_BARS, found, np.ones(found.num_rows, bool), None)
    known = dict(zip(_keys(stored), _steps(stored, _adjusted(stored)[0]).tolist(), strict=True))
    steps = np.array([known.get(key, np.nan) for key in _keys(lines, jumps)])
    same: Mask = np.abs(steps - step[jumps]) < SPLIT_TOLERANCE
    return same


def _keys(lines: Lines, rows: Whole | None = None) -> list[tuple[tuple[str, str], int]]:
    """Source, subject and day of some rows, or of all."""
    chosen = slice(None) if rows is None else rows
    pairs = zip(lines.line[chosen].tolist(), lines.time[chosen].tolist(), strict=True)
    return [(lines.names[line], day) for line, day in pairs]


def _on_other_basis(lines: Lines, step: Floats, jumps: Whole) -> Mask:
    """Rows from a jump to the end of its line, or to the jump that undoes it."""
    found = np.zeros(len(step), bool)
    ends = lines.ends[np.cumsum(lines.first) - 1]
    position = 0
    for row in jumps.tolist():
        if row < position:
            continue
        end = int(ends[row])
        undone = np.abs(step[row + 1 : end] + step[row]) < 2 * SPLIT_TOLERANCE
        position = row + 1 + int(np.argmax(undone)) if bool(undone.any()) else end
        found[row:position] = True
    return found


@dataclass(frozen=True, slots=True)
class Surge:
    """Turnover of each row, in pieces and in money; the latter is reckoned where it is looked at."""

    pieces: Floats
    price: Floats

    def ratio(self, lines: Lines, rows: Whole) -> Floats:
        """How many times the usual turnover a row has: in pieces and in money, whichever is less.

        A wrong price swells the money alone, a split the pieces alone. 1 where nothing is known.
        """
        ratios = []
        pieces, earlier = self.pieces[rows], before(lines, self.pieces, rows, WINDOW)
        money = earlier * before(lines, self.price, rows, WINDOW)
        for now, usual in ((pieces, median(earlier)), (pieces * self.price[rows], median(money))):
            with np.errstate(divide="ignore", invalid="ignore"):
                ratios.append(now / usual)
        least = np.minimum(*ratios)
        return np.where(np.isfinite(least), least, 1.0)

    def known(self, lines: Lines, rows: Whole) -> Mask:
        """Before which rows there are enough others to tell the usual turnover."""
        return np.asarray(np.isfinite(before(lines, self.pieces, rows, USUAL_KNOWN)).all(axis=1), bool)


def _surge(lines: Lines, volume: str) -> Surge:
    return Surge(lines.column(volume), lines.column("close"))


def _usual(lines: Lines, step: Floats, rows: Whole) -> Floats:
    """The usual size of the moves around each row, its own and the next few left out."""
    around = np.concatenate(
        [before(lines, step, rows, WINDOW), after(lines, step, rows, WINDOW, LONGEST_SPIKE)], axis=1
    )
    return np.nan_to_num(deviation(around))


def _steps(lines: Lines, values: Floats) -> Floats:
    """The change from the row before; NaN where a line begins."""
    step = np.full(len(values), np.nan)
    step[1:] = values[1:] - values[:-1]
    step[lines.first] = np.nan
    return step


def _chosen(lines: Lines, rows: Whole) -> Lines:
    line = lines.line[rows]
    first = np.ones(len(rows), bool)
    first[1:] = line[1:] != line[:-1]
    return Lines(lines.table, lines.place[rows], line, lines.names, lines.time[rows], first, lines.distinct)


def _at(rows: Whole, count: int) -> Mask:
    found = np.zeros(count, bool)
    found[rows] = True
    return found
