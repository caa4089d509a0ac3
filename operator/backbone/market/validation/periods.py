"""Gaps of macro series: periods that their frequency promises and that did not come."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from ...market.defects import Defect
from .lines import Lines, Whole
from .sheet import Sheet

LONGEST_STEP = {
    "daily": 5,
    "weekly": 10,
    "biweekly": 18,
    "monthly": 32,
    "quarterly": 93,
    "semiannual": 185,
    "annual": 367,
}
"""Days from one period to the next, at most: a daily series pauses over a long weekend."""
UNBOUNDED = int(np.iinfo(np.int64).max)


def check_periods(lines: Lines, sheet: Sheet) -> None:
    """Flag values before which periods lack; a frequency that nobody named is not checked."""
    if len(lines.line) < 2:  # noqa: PLR2004 - one value has none before it
        return
    frequency = lines.table["frequency"].combine_chunks().dictionary_encode()
    steps = [LONGEST_STEP.get(name, UNBOUNDED) for name in frequency.dictionary.to_pylist()]
    longest = np.array(steps, np.int64)
    codes: Whole = np.asarray(pc.fill_null(frequency.indices, 0).to_numpy(zero_copy_only=False), np.int64)
    found = np.zeros(len(lines.line), bool)
    found[1:] = ~lines.first[1:] & (lines.time[1:] - lines.time[:-1] > longest[codes][1:])
    sheet.flag(lines.places(found), Defect.GAP_BEFORE)
