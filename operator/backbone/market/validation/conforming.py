"""From a delivery as it came to the dimension's columns, telling the rows in which a value does not fit."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..dimensions import Dimension
from .lines import joined

_NUMBER = r"^\s*[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|[nN]a[nN]|[iI]nf)\s*$"
_WHOLE = r"^\s*[+-]?\d{1,18}\s*$"
DERIVED = ("adjusted_close",)
"""Columns that a source reckons from others: one that does not read costs itself alone."""
_DAY = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])$"


def conform(dimension: Dimension, delivered: pa.Table) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    """The facts' columns in their types, and which rows do not fit.

    A value of another type is taken where it can be read as the column's, else it is null. A row does not fit
    where such a value, or one that has to be there, is null or an empty text, where a text holds the
    character of number 0, which no text of PostgreSQL can, and where a time lies outside the years 1 to 9999.
    """
    count = delivered.num_rows
    misfits = np.zeros(count, bool)
    columns = []
    named = {*dimension.key, dimension.subject} - {dimension.blank}
    for field in dimension.facts:
        found = joined(delivered[field.name]) if field.name in delivered.schema.names else pa.nulls(count)
        column = _in_calendar(_as_type(found, field.type))
        missing = column.null_count > 0
        if missing and not field.nullable:
            misfits |= _array(pc.is_null(column))
        elif missing and field.name not in DERIVED and column.null_count > found.null_count:
            misfits |= _array(pc.and_(pc.is_null(column), pc.is_valid(found)))
        empty, zero = _odd_texts(column)
        if empty and field.name in named:
            misfits |= _array(pc.fill_null(pc.equal(column, ""), False))
        if zero:
            misfits |= _array(pc.fill_null(pc.match_substring(column, "\0"), False))
        columns.append(column)
    return pa.table(columns, names=dimension.facts.names), misfits


def keyed(dimension: Dimension, facts: pa.Table) -> npt.NDArray[np.bool_]:
    """Which rows tell their whole key, whatever else is wrong with them."""
    whole = np.ones(facts.num_rows, bool)
    for name in {*dimension.key, dimension.subject}:
        column = joined(facts[name])
        if column.null_count:
            whole &= _array(pc.is_valid(column))
    return whole


def _odd_texts(column: pa.Array) -> tuple[bool, bool]:
    """Whether any text is empty or null, and whether any byte of them is 0: hardly ever."""
    if column.type != pa.string() or not len(column):
        return False, False
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    empty = bool(np.diff(ends).min() == 0)
    if data is None or ends[0] == ends[-1]:
        return empty, False
    return empty, bool(np.frombuffer(data, np.uint8)[ends[0] : ends[-1]].min() == 0)


def _in_calendar(column: pa.Array) -> pa.Array:
    """Times that a calendar counts, and the stores with it; the rest, which hardly ever comes, is null."""
    if not pa.types.is_temporal(column.type) or column.null_count == len(column):
        return column
    kind = date if pa.types.is_date(column.type) else datetime
    first, last = (pa.scalar(kind(*day), column.type) for day in ((1, 1, 1), (9999, 12, 31)))
    ends = pc.min_max(column)
    if pc.and_(pc.greater_equal(ends["min"], first), pc.less_equal(ends["max"], last)).as_py():
        return column
    return _only(column, pc.and_(pc.greater_equal(column, first), pc.less_equal(column, last)))


def _as_type(column: pa.Array, kind: pa.DataType) -> pa.Array:
    column = _plain(column)
    if column.type == kind:
        return column
    if pa.types.is_temporal(column.type) and not pa.types.is_temporal(kind):
        return pa.nulls(len(column), kind)  # a time is no number, though Arrow has one for it
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return _value_by_value(column, kind)


def _plain(column: pa.Array) -> pa.Array:
    """The same values, without an encoding around them."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    return column


def _value_by_value(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """What can be read of a column that does not cast as a whole; the rest is null."""
    try:
        readable = _readable(column, kind)
        return pa.nulls(len(column), kind) if readable is None else readable.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(len(column), kind)


def _readable(column: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """The column with null for what is none of that type; None where nothing can be."""
    if pa.types.is_string(column.type):
        pattern = _pattern(kind)
        if pattern is None:
            return column
        found = pc.utf8_ltrim(
            pc.utf8_trim_whitespace(_only(column, pc.match_substring_regex(column, pattern))), "+"
        )
        return _readable(found.cast(pa.int64()), kind) if pattern == _WHOLE else found
    if not _is_number(column.type):
        return None
    numbers = column.cast(pa.float64(), safe=False)
    # Beyond that a double is not what was delivered, unless it was a double.
    exact = 62 if pa.types.is_floating(column.type) else 53
    if pa.types.is_floating(kind):
        return _only(numbers, pc.less_equal(pc.abs(numbers), float(1 << exact)))
    if kind == column.type:
        return column
    largest = float(1 << min(exact, kind.bit_width - 1))
    return _only(numbers, pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), largest)))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def _pattern(kind: pa.DataType) -> str | None:
    if pa.types.is_floating(kind):
        return _NUMBER
    if pa.types.is_integer(kind):
        return _WHOLE
    return _DAY if pa.types.is_date(kind) else None


def _only(column: pa.Array, where: pa.Array) -> pa.Array:
    return pc.if_else(pc.fill_null(where, False), column, pa.scalar(None, column.type))


def _array(column: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(column.to_numpy(zero_copy_only=False), bool)
