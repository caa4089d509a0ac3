"""Bars that say nothing new: repeats of the one before, and bars without trading."""

from __future__ import annotations

import numpy as np

from ...market.defects import Defect
from .lines import Floats, Lines, Mask, Whole
from .sheet import Sheet

TOLD = ("open", "high", "low", "close", "volume", "trades")
FROZEN = 5
"""Bars in a row of one price and one volume that no market makes."""


def check_repeats(lines: Lines, sheet: Sheet) -> None:
    """Stale repeats, and bars without volume on lines that have some.

    A bar with a range never comes twice with the same volume; a bar of one price may, a few times. Without
    volume either may: currencies and indices have none, and stand still for a minute.
    """
    volume = lines.column("volume")
    same = _repeats(lines)
    ranged = lines.column("high")[same] > lines.column("low")[same]
    frozen = _run_length(same) >= FROZEN
    sheet.quarantine(lines.places_of(same[(volume[same] > 0) & (ranged | frozen)]), Defect.STALE_REPEAT)
    silent = np.flatnonzero(volume == 0)
    if len(silent):
        trades = np.add.reduceat((volume > 0).astype(np.int64), lines.starts) > 0
        number = np.searchsorted(lines.starts, silent, side="right") - 1
        sheet.flag(lines.places_of(silent[trades[number]]), Defect.NO_VOLUME)


def _repeats(lines: Lines) -> Whole:
    """The rows that repeat the one before on their line, in all that a bar tells."""
    first, *others = (name for name in TOLD if name in lines.table.schema.names)
    column = lines.column(first)
    rows = np.flatnonzero(_alike(column[1:], column[:-1]) & ~lines.first[1:]) + 1
    # Of those that repeat one price few repeat the next.
    for name in others:
        column = lines.column(name)
        rows = rows[_alike(column[rows], column[rows - 1])]
    return rows


def _alike(one: Floats, other: Floats) -> Mask:
    same: Mask = (one == other) | (np.isnan(one) & np.isnan(other))
    return same


def _run_length(same: Whole) -> Whole:
    """For each of the rows how many in a row, itself included, repeat the one before."""
    counted = np.arange(len(same))
    begins = np.ones(len(same), bool)
    begins[1:] = same[1:] != same[:-1] + 1
    length: Whole = counted - np.maximum.accumulate(np.where(begins, counted, 0)) + 1
    return length
