"""Statistical checks of prices: spikes that come back, extremes far from everything.

All of it looks at candidates alone: rows whose price moved by more than a floor. So a million ordinary rows
cost one subtraction each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...market.defects import Defect
from ..dimensions import DAILY_BARS, INTRADAY_BARS, INTRADAY_TRADES, MACRO_SERIES, Dimension
from ..symbols import Kind, told_kind
from .bases import IMPLAUSIBLE, SETTLED
from .lines import Floats, Lines, Mask, Whole
from .neighbours import after, before, deviation, from_row, marked, median, steps
from .sheet import Sheet
from .turnover import WINDOW, Surge, surge_of

LONGEST_SPIKE = 3
"""Rows; what stays away for longer is a move."""


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
    implausible: float = IMPLAUSIBLE


LIMITS = {
    DAILY_BARS.name: Limits(floor=0.12, deviations=5, extreme=0.15),
    INTRADAY_BARS.name: Limits(floor=0.01, deviations=8, extreme=0.01, surge=20),
    INTRADAY_TRADES.name: Limits(floor=0.005, deviations=8),
    MACRO_SERIES.name: Limits(floor=0.4, deviations=8, implausible=np.inf),
}
NEAR = 0.1
"""A price below this share of its line's highest is close to zero."""
_BY_DIFFERENCE = frozenset({Kind.RATE, Kind.SPREAD})
"""What is quoted around zero: its moves are differences and no ratios."""
BACK = 0.35
"""A spike is over when the price is back within this share of it."""
LIVELY = 1.5
"""Times the usual turnover."""


def check_moves(dimension: Dimension, lines: Lines, sheet: Sheet, kinds: Mapping[str, Kind]) -> None:
    """Spikes and bad extremes of sound rows in order.

    Rates, spreads and futures near zero, by their source's word in `kinds` or by their spelling, are not
    judged: there a price moves by any ratio, and nobody can say how far is too far.
    """
    limits = LIMITS[dimension.name]
    surge = surge_of(lines) if "volume" in lines.table.schema.names else None
    name = "price" if dimension is INTRADAY_TRADES else "close"
    near = _near_zero(lines, name, kinds)
    _check_spikes(lines, np.where(near, np.nan, lines.logarithm(name)), limits, surge, sheet)
    if limits.extreme is not None:
        _check_extremes(lines, limits, limits.extreme, near, sheet)


def _near_zero(lines: Lines, name: str, kinds: Mapping[str, Kind]) -> Mask:
    """Rows of rates and spreads, and those of futures around prices that are below zero or close to it."""
    kind = [told_kind(subject, kinds) for _, subject in lines.names]
    found: Mask = np.array([item in _BY_DIFFERENCE for item in kind], bool)[lines.line]
    futures = np.array([item is Kind.FUTURE for item in kind], bool)
    if futures.any():
        price = np.nan_to_num(lines.column(name))
        highest = np.maximum.reduceat(price, lines.starts)[np.cumsum(lines.first) - 1]
        close = np.flatnonzero(futures[lines.line] & (price < NEAR * highest))
        around = np.clip(close[:, None] + np.arange(-WINDOW, WINDOW + 1), 0, len(price) - 1)
        found[around[lines.line[around] == lines.line[close][:, None]]] = True
    return found


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
    step = steps(lines, price)
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
    sheet.quarantine(lines.places(marked(rows[wild], len(price))), Defect.PRICE_SPIKE)
    waiting = _at_the_end(lines, rows, behind, moved, limits) & calm[:, None]
    sheet.quarantine(lines.places(marked(_following(rows, waiting), len(price))), Defect.PRICE_SPIKE)
    sheet.flag(lines.places(marked(rows[last & ~wild], len(price))), Defect.UNCONFIRMED_MOVE)


def _at_the_end(lines: Lines, rows: Whole, behind: Floats, moved: Floats, limits: Limits) -> Mask:
    """Which of the rows from a wild move on wait for a later one: two wrong rows do not confirm each other.

    A few rows with nothing behind them that are on one level, as after a change of basis, or beyond all
    belief. `behind` is how far from the level before the move they are; the result has its shape.
    """
    found = np.zeros(behind.shape, bool)
    for length in range(2, LONGEST_SPIKE + 1):
        away = np.sign(moved)[:, None] * behind[:, :length]
        at_end = np.isnan(behind[:, length]) & ~np.isnan(behind[:, length - 1])
        wild = (away > limits.implausible).all(axis=1) & (np.abs(moved) > limits.implausible)
        level = np.ptp(away, axis=1) < SETTLED
        beyond = (away > 2 * limits.implausible).all(axis=1)
        found[at_end & wild & (level | beyond), :length] = True
    return found


def _following(rows: Whole, chosen: Mask) -> Whole:
    """The chosen of the rows from each of some on."""
    which, offset = np.nonzero(chosen)
    found: Whole = rows[which] + offset
    return found


@np.errstate(divide="ignore", invalid="ignore")
def _check_extremes(lines: Lines, limits: Limits, floor: float, near: Mask, sheet: Sheet) -> None:
    """Highs and lows beyond the bar's other prices and beyond those of the bars around it.

    With lively turnover they may have been traded, as in a flash crash: the row is kept under a flag.
    """
    surge = surge_of(lines)
    opened, high, low, close = (lines.column(name) for name in ("open", "high", "low", "close"))
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    if not bool(((high > top * np.exp(floor)) | (low < bottom * np.exp(-floor))).any()):
        return
    # Below zero every price is further down than any above: there nobody can say how far is too far.
    top, bottom, high, low = (np.log(np.maximum(item, 0)) for item in (top, bottom, high, low))
    for beyond, extreme in ((high - top, high), (bottom - low, -low)):
        rows = np.flatnonzero((beyond > floor) & ~near)
        around = np.concatenate([before(lines, extreme, rows, 2), after(lines, extreme, rows, 2)], axis=1)
        highest = np.max(np.nan_to_num(around, nan=-np.inf), axis=1, initial=-np.inf)
        earlier = before(lines, beyond, rows, WINDOW)
        usual = np.nan_to_num(median(earlier) + deviation(earlier))
        far = (extreme[rows] - highest > floor / 2) & (beyond[rows] > limits.deviations * usual)
        found = rows[far]
        lively = surge.ratio(lines, found) > LIVELY
        sheet.quarantine(lines.places(marked(found[~lively], len(high))), Defect.BAD_EXTREME)
        sheet.flag(lines.places(marked(found[lively], len(high))), Defect.BAD_EXTREME)


def _usual(lines: Lines, step: Floats, rows: Whole) -> Floats:
    """The usual size of the moves around each row, its own and the next few left out."""
    around = np.concatenate(
        [before(lines, step, rows, WINDOW), after(lines, step, rows, WINDOW, LONGEST_SPIKE)], axis=1
    )
    return np.nan_to_num(deviation(around))


def _chosen(lines: Lines, rows: Whole) -> Lines:
    line = lines.line[rows]
    first = np.ones(len(rows), bool)
    first[1:] = line[1:] != line[:-1]
    return Lines(lines.table, lines.place[rows], line, lines.names, lines.time[rows], first, lines.distinct)
