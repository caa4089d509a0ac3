"""Bars that say nothing new: repeats of the one before, and bars without trading."""

from __future__ import annotations

import numpy as np

from ...vocabulary import Defect
from .lines import Lines, Mask
from .sheet import Sheet

TOLD = ("open", "high", "low", "close", "volume", "trades")
FROZEN = 5
"""Bars in a row of one price and one volume that no market makes."""


def check_repeats(lines: Lines, sheet: Sheet) -> None:
    """Stale repeats, and bars without volume on lines that have some.

    A bar with a range never comes twice with the same volume; a bar of one price may, a few times. Without
    volume either may: currencies and indices have none, and stand still for a minute.
    """
    names = [name for name in TOLD if name in lines.table.schema.names]
    same = ~lines.first
    for name in names:
        column = lines.column(name)
        same[1:] &= (column[1:] == column[:-1]) | (np.isnan(column[1:]) & np.isnan(column[:-1]))
    ranged = lines.column("high") > lines.column("low")
    volume = lines.column("volume")
    frozen = _run_length(same) >= FROZEN
    sheet.quarantine(lines.places(same & (volume > 0) & (ranged | frozen)), Defect.STALE_REPEAT)
    if len(volume):
        trades = np.add.reduceat((volume > 0).astype(np.int64), lines.starts) > 0
        sheet.flag(lines.places((volume == 0) & trades[np.cumsum(lines.first) - 1]), Defect.NO_VOLUME)


def _run_length(same: Mask) -> np.ndarray:
    """For each row how many rows in a row, itself included, repeat the one before."""
    places = np.arange(len(same))
    last_new = np.maximum.accumulate(np.where(same, -1, places))
    return places - last_new
