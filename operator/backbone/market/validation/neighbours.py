"""What stands around a row on its own line: windows of values before and after it."""

from __future__ import annotations

import warnings

import numpy as np

from .lines import Floats, Lines, Mask, Whole

NORMAL = 1.4826
"""Makes the median absolute deviation of normal values their standard deviation."""


def before(lines: Lines, values: Floats, rows: Whole, count: int) -> Floats:
    """The `count` values before each row, NaN beyond its line; one row of the result per row."""
    return _window(lines, values, rows, np.arange(-count, 0))


def after(lines: Lines, values: Floats, rows: Whole, count: int, skip: int = 0) -> Floats:
    """The `count` values after each row and the `skip` rows behind it, NaN beyond its line."""
    return _window(lines, values, rows, np.arange(1 + skip, count + skip + 1))


def from_row(lines: Lines, values: Floats, rows: Whole, count: int) -> Floats:
    """The row's own value and the `count - 1` after it, NaN beyond its line."""
    return _window(lines, values, rows, np.arange(count))


def median(windows: Floats) -> Floats:
    """The median of each window, NaN where it is empty."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmedian(windows, axis=1), np.float64)


def deviation(windows: Floats) -> Floats:
    """The robust standard deviation of each window: from the median absolute deviation."""
    return NORMAL * median(np.abs(windows - median(windows)[:, None]))


def steps(lines: Lines, values: Floats) -> Floats:
    """The change from the row before; NaN where a line begins."""
    step = np.full(len(values), np.nan)
    step[1:] = values[1:] - values[:-1]
    step[lines.first] = np.nan
    return step


def marked(rows: Whole, count: int) -> Mask:
    """Some rows as a mask over all."""
    found = np.zeros(count, bool)
    found[rows] = True
    return found


def _window(lines: Lines, values: Floats, rows: Whole, steps: Whole) -> Floats:
    places = rows[:, None] + steps[None, :]
    bounded = np.clip(places, 0, len(values) - 1)
    same = (places == bounded) & (lines.line[bounded] == lines.line[rows][:, None])
    return np.where(same, values[bounded], np.nan)
