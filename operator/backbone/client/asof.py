"""Joining what was known at a time, without looking ahead.

Every row is known from a moment on, and never before:

    daily bars      the midnight UTC after their session's day
    intraday bars   their end
    trades          their own time
    macro series    the midnight UTC after their vintage's day
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import Rejected
from ..market.dimensions import DAILY_BARS, INTRADAY_BARS, INTRADAY_TRADES, LINEAGE, MACRO_SERIES, Dimension

Moments = npt.NDArray[np.int64]
"""Microseconds since 1970, UTC."""

DAY = 86_400_000_000
SECOND = 1_000_000
JOINABLE = (DAILY_BARS, INTRADAY_BARS, INTRADAY_TRADES, MACRO_SERIES)
_UNJOINED = frozenset(field.name for field in LINEAGE) | {"revision", "source"}


def known_from(dimension: Dimension, rows: pa.Table) -> Moments:
    """The moment from which each row is known. Raises Rejected for other rows than these, and for events."""
    try:
        if dimension == MACRO_SERIES:
            return (_integers(rows["vintage"], pa.int32()) + 1) * DAY
        if dimension == DAILY_BARS:
            return (_integers(rows["session_date"], pa.int32()) + 1) * DAY
        if dimension == INTRADAY_BARS:
            return _integers(rows["start"], pa.int64()) + _integers(rows["interval_seconds"]) * SECOND
        if dimension == INTRADAY_TRADES:
            return _integers(rows["ts"], pa.int64())
    except KeyError as error:
        raise Rejected(f"these are no rows of {dimension.name}: {error.args[0]}") from None
    raise Rejected(f"{dimension.name} cannot be joined; what can be is {', '.join(_names())}")


def places(at: Moments, dimension: Dimension, rows: pa.Table) -> npt.NDArray[np.int64]:
    """For each moment the place in `rows` of what was known then, or -1.

    `rows` are one line of the dimension. Of the rows that are known the one of the latest time counts, of a
    macro series the latest period, and of that its latest vintage; rows without a value are passed over.
    """
    known, time = known_from(dimension, rows), _times(dimension, rows)
    order = np.lexsort((np.arange(len(known)), time, known))
    if dimension.value is not None:
        present = rows[dimension.value].is_valid().to_numpy()
        order = order[present[order]]
    # A later vintage of an earlier period, as a revision is, does not take the place of a later period.
    order = order[time[order] >= np.maximum.accumulate(time[order])]
    latest = np.searchsorted(known[order], at, side="right") - 1
    return np.where(latest < 0, -1, np.append(order, -1)[latest])


def joined(rows: pa.Table, at: Moments, dimension: Dimension, subject: str, added: pa.Table) -> pa.Table:
    """`rows` with a column `<subject>.<column>` per fact of what was known `at` the moment of each.

    Raises Rejected where such a column is there already.
    """
    found = places(at, dimension, added)
    indices = pa.array(found, mask=found < 0)
    for name in (item for item in added.column_names if item not in {*_UNJOINED, dimension.subject}):
        title = f"{subject}.{name}"
        if title in rows.column_names:
            raise Rejected(f"the rows have a column {title} already")
        rows = rows.append_column(title, added[name].take(indices))
    return rows


def _times(dimension: Dimension, rows: pa.Table) -> Moments:
    column = rows[dimension.time]
    return _integers(column, pa.int32() if pa.types.is_date(column.type) else pa.int64())


def _integers(column: pa.ChunkedArray, through: pa.DataType | None = None) -> Moments:
    plain = column if through is None else column.cast(through)
    return np.asarray(plain.to_numpy(), np.int64)


def _names() -> list[str]:
    return [item.name for item in JOINABLE]
