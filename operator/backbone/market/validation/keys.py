"""Rows of one key: which of them stays, and which contradict each other."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...market.defects import Defect
from ..dimensions import Dimension
from .lines import Whole
from .sheet import Sheet


def check_keys(dimension: Dimension, facts: pa.Table, sheet: Sheet) -> None:
    """One row per key stays: that of the greatest revision, the first of equal ones.

    Rows of that revision which differ contradict each other, and none of them stays.
    """
    rows = np.flatnonzero(sheet.sound)
    if _distinct(dimension, facts.take(pa.array(rows))):
        return
    sound = facts.take(pa.array(rows))
    key = _group(sound, dimension.key)
    content = _group(sound, tuple(name for name in sound.schema.names if name not in dimension.key))
    revision = np.asarray(sound["revision"].to_numpy(), np.int64)
    order = np.lexsort((np.arange(len(rows)), -revision, key))
    key, content, revision, rows = key[order], content[order], revision[order], rows[order]
    head = np.ones(len(rows), bool)
    head[1:] = key[1:] != key[:-1]
    best = np.flatnonzero(head)[np.cumsum(head) - 1]
    contradicts = (revision == revision[best]) & (content != content[best])
    contradicted = np.zeros(len(rows), bool)
    contradicted[best[contradicts]] = True
    spoilt = contradicts | (contradicted[best] & (revision == revision[best]))
    sheet.quarantine(rows[spoilt], Defect.CONFLICTING_ROWS)
    sheet.quarantine(rows[~head], Defect.REPEATED_ROW)


def _distinct(dimension: Dimension, sound: pa.Table) -> bool:
    return bool(sound.group_by(list(dimension.key)).aggregate([]).num_rows == sound.num_rows)


def _group(table: pa.Table, names: tuple[str, ...]) -> Whole:
    """A number per row that is the same exactly where the named columns are."""
    number = np.zeros(table.num_rows, np.int64)
    for name in names:
        codes = pc.fill_null(table[name].combine_chunks().dictionary_encode().indices, -1)
        code = np.asarray(codes.to_numpy(zero_copy_only=False), np.int64) + 1
        _, number = np.unique(number * (int(code.max(initial=0)) + 1) + code, return_inverse=True)
    return number.astype(np.int64)
