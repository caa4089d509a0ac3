"""How much is traded in a row against what is usual on its line: a true event has turnover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .lines import Floats, Lines, Mask, Whole
from .neighbours import before, median

WINDOW = 20
USUAL_KNOWN = 10
"""Rows before a jump that tell the usual turnover; of fewer nobody can say whether something happened."""


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


def surge_of(lines: Lines) -> Surge:
    """The turnover of bars."""
    return Surge(lines.column("volume"), lines.column("close"))
