"""Jumps of a price to another basis: a split that nobody adjusted, pounds where pence were.

A right row ends what a jump began, or a person does who releases it: rows on the new level do not confirm one
another, however many they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...market.defects import Defect
from ..dimensions import DAILY_BARS, INTRADAY_TRADES, Dimension
from ..symbols import Kind, told_kind
from .lines import Floats, Lines, Mask, Whole, lines_of
from .neighbours import before, from_row, marked, median, steps
from .sheet import Sheet
from .turnover import surge_of

Before = Callable[[pa.Table], pa.Table]
"""The stored rows of each line before its first one in some facts."""

SPLITS = np.log([1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50, 100])
"""Ratios by which prices jump where their basis changes: of splits, and of pence to pounds."""
SPLIT_TOLERANCE = 0.12
SETTLED = SPLIT_TOLERANCE + 0.05
"""How far apart rows of one basis may be, within a few of them."""
IMPLAUSIBLE = 0.5
"""A move of a day without unusual turnover that is farther is none of the market's."""
BELIEVED = np.log(60)
"""No split and no market goes farther from one row to the next, whatever is known of turnover."""
SPLIT_SURGE = 4.0
"""Turnover at which a jump by a split's ratio is none."""


@dataclass(frozen=True, slots=True)
class Jumps:
    """Rows that lead to another level, and the change from row to row by which they were found."""

    rows: Whole
    step: Floats


def check_bases(
    dimension: Dimension,
    lines: Lines,
    sheet: Sheet,
    before_of: Before | None,
    kinds: Mapping[str, Kind],
) -> None:
    """Quarantine rows from a jump to the next one back, which are on another basis than those before.

    A jump that is stored was kept or released, and is none. `before_of` looks into the store. What trades at
    zero and below, by its source's word in `kinds` or by its spelling, is never split, and near zero it
    moves by any ratio.
    """
    ratios = np.array([told_kind(subject, kinds) is None for _, subject in lines.names], bool)
    judged = lines.delivered & ratios[lines.line]
    if dimension is DAILY_BARS:
        jumps = _splits(lines, judged, sheet)
    else:
        series = _series(dimension, lines)
        step = steps(lines, series)
        far = (np.abs(step) > BELIEVED) & judged
        jumps = Jumps(np.flatnonzero(far & _stays(lines, series, step)), step)
    if before_of is not None and len(jumps.rows):
        jumps = Jumps(jumps.rows[~_stored_too(dimension, lines, jumps, before_of)], jumps.step)
    sheet.quarantine(lines.places(_on_other_basis(lines, jumps)), Defect.UNADJUSTED_SPLIT)


def _splits(lines: Lines, judged: Mask, sheet: Sheet) -> Jumps:
    """Jumps by a split's ratio, without unusual turnover, that the adjusted price does not explain.

    So are those by any ratio that is farther than a market goes.
    """
    series, unknown = _adjusted(lines)
    step = steps(lines, series)
    rows = np.flatnonzero((np.abs(step) > SPLITS[0] - SPLIT_TOLERANCE) & judged)
    if not len(rows):
        return Jumps(rows, step)
    ratio = np.abs(np.abs(step[rows])[:, None] - SPLITS[None, :]).min(axis=1)
    stays = _stays(lines, series, step)[rows]
    surge = surge_of(lines)
    calm = surge.ratio(lines, rows) < SPLIT_SURGE
    usual = ratio < SPLIT_TOLERANCE
    far = np.abs(step[rows]) > IMPLAUSIBLE
    found = (usual | far) & stays & calm
    jumps = rows[found]
    bases = np.asarray(lines.table["price_basis"].take(pa.array(jumps)).to_pylist(), object)
    possible = unknown[jumps] & (bases == "asTraded") | ~surge.known(lines, jumps)
    possible &= np.abs(step[jumps]) < BELIEVED
    sheet.flag(lines.places(marked(jumps[possible], len(step))), Defect.POSSIBLE_SPLIT)
    return Jumps(jumps[~possible], step)


def _stays(lines: Lines, series: Floats, step: Floats) -> Mask:
    """Which rows move to a level on which the next ones are too; judged where they move far."""
    found = np.zeros(len(step), bool)
    rows = np.flatnonzero(np.abs(step) > SPLITS[0] - SPLIT_TOLERANCE)
    level = median(before(lines, series, rows, 3))
    settled = median(from_row(lines, series, rows, 3))
    found[rows] = np.abs(settled - level - step[rows]) < SETTLED
    return found


def _adjusted(lines: Lines) -> tuple[Floats, Mask]:
    """The logarithm of the adjusted price, and which rows have none.

    To and from these the series goes as the close does: a price that is missing is no jump.
    """
    adjusted = lines.logarithm("adjusted_close")
    unknown = np.isnan(adjusted)
    if not unknown.any():
        return adjusted, unknown
    close = lines.logarithm("close")
    if unknown.all():
        return close, unknown
    step = np.diff(adjusted, prepend=np.nan)
    step = np.where(np.isnan(step), np.diff(close, prepend=0), step)
    # Where a line begins nobody looks at the step; a price that is not above zero is on no basis.
    return np.where(np.isnan(close), np.nan, np.cumsum(np.nan_to_num(step))), unknown


def _series(dimension: Dimension, lines: Lines) -> Floats:
    """The logarithm of the price that jumps are told by."""
    if dimension is DAILY_BARS:
        return _adjusted(lines)[0]
    return lines.logarithm("price" if dimension is INTRADAY_TRADES else "close")


def _stored_too(dimension: Dimension, lines: Lines, jumps: Jumps, before_of: Before) -> Mask:
    """Which jumps the store holds as well: the last of each line, and those within a history before it."""
    line = lines.line[jumps.rows]
    last = np.append(line[1:] != line[:-1], True)
    rows = lines.table.take(pa.array(jumps.rows[last]))
    field = rows.schema.field(dimension.time)
    unit = pa.int32() if dimension.dated else pa.int64()
    behind = pc.add(rows[dimension.time].cast(unit), pa.scalar(1, unit)).cast(field.type)
    found = before_of(rows.set_column(rows.schema.get_field_index(dimension.time), field, behind))
    stored = lines_of(dimension, found, np.ones(found.num_rows, bool), None)
    known = dict(zip(_keys(stored), steps(stored, _series(dimension, stored)).tolist(), strict=True))
    found_there = np.array([known.get(key, np.nan) for key in _keys(lines, jumps.rows)])
    same: Mask = np.abs(found_there - jumps.step[jumps.rows]) < SPLIT_TOLERANCE
    return same


def _keys(lines: Lines, rows: Whole | None = None) -> list[tuple[tuple[str, str], int]]:
    """Source, subject and time of some rows, or of all."""
    chosen = slice(None) if rows is None else rows
    pairs = zip(lines.line[chosen].tolist(), lines.time[chosen].tolist(), strict=True)
    return [(lines.names[line], day) for line, day in pairs]


def _on_other_basis(lines: Lines, jumps: Jumps) -> Mask:
    """Rows from a jump to the end of its line, or to the jump that undoes it."""
    step = jumps.step
    found = np.zeros(len(step), bool)
    ends = lines.ends[np.cumsum(lines.first) - 1]
    position = 0
    for row in jumps.rows.tolist():
        if row < position:
            continue
        end = int(ends[row])
        undone = np.abs(step[row + 1 : end] + step[row]) < 2 * SPLIT_TOLERANCE
        back = row + 1 + int(np.argmax(undone)) if bool(undone.any()) else end
        found[row:back] = True
        # The way back is a jump too, and leads to no other basis.
        position = back + 1
    return found
