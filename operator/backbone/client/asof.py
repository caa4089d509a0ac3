"""Joining what was known at a time, without looking ahead.

Every row is known from a moment on, and never before:

    daily bars      the midnight UTC after their session's day
    intraday bars   their end
    trades          their own time
    macro series    the midnight UTC after their vintage's day

Of a macro series a period may lie ahead, as potential output and projections do: it is a forecast, and is not
joined before its first day has begun, unless forecasts are asked for.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import Rejected
from ..market.dimensions import DAILY_BARS, INTRADAY_BARS, INTRADAY_TRADES, LINEAGE, MACRO_SERIES, Dimension

Moments = npt.NDArray[np.int64]
"""Microseconds since 1970, UTC."""
Places = npt.NDArray[np.int64]
"""Of each row the place of another one, or -1."""

DAY = 86_400_000_000
SECOND = 1_000_000
JOINABLE = (DAILY_BARS, INTRADAY_BARS, INTRADAY_TRADES, MACRO_SERIES)
_UNJOINED = frozenset(field.name for field in LINEAGE) | {"revision", "source"}


def known_from(dimension: Dimension, rows: pa.Table) -> Moments:
    """The moment from which each row is known. Raises Rejected for other rows than these, and for events."""
    if dimension == MACRO_SERIES:
        return (_integers(dimension, rows, "vintage") + 1) * DAY
    if dimension == DAILY_BARS:
        return (_integers(dimension, rows, "session_date") + 1) * DAY
    if dimension == INTRADAY_BARS:
        seconds = _integers(dimension, rows, "interval_seconds")
        return _integers(dimension, rows, "start") + seconds * SECOND
    if dimension == INTRADAY_TRADES:
        return _integers(dimension, rows, "ts")
    raise Rejected(f"{dimension.name} cannot be joined; what can be is {', '.join(_names())}")


def places(at: Moments, dimension: Dimension, rows: pa.Table, *, forecasts: bool = False) -> Places:
    """For each moment the place in `rows` of what was known then, or -1.

    `rows` are one line of the dimension. Of the rows that are known the one of the latest time counts, of a
    macro series the latest period, and of that its latest vintage; rows without a value are passed over.
    Without `forecasts` no period counts that begins after the moment.
    """
    known, time = known_from(dimension, rows), _integers(dimension, rows, dimension.time)
    counts = known if forecasts or dimension != MACRO_SERIES else np.maximum(known, time * DAY)
    order = np.lexsort((known, time, counts))
    if dimension.value is not None:
        present = rows[dimension.value].is_valid().to_numpy()
        order = order[present[order]]
    # A later vintage of an earlier period, as a revision is, does not take the place of a later period.
    order = order[time[order] >= np.maximum.accumulate(time[order])]
    latest = np.searchsorted(counts[order], at, side="right") - 1
    return np.where(latest < 0, -1, np.append(order, -1)[latest])


def joined(rows: pa.Table, dimension: Dimension, subject: str, added: pa.Table, found: Places) -> pa.Table:
    """`rows` with a column `<subject>.<column>` per fact of the row of `added` that `found` has for each.

    Raises Rejected where such a column is there already.
    """
    indices = pa.array(found, mask=found < 0)
    for name in (item for item in added.column_names if item not in {*_UNJOINED, dimension.subject}):
        title = f"{subject}.{name}"
        if title in rows.column_names:
            raise Rejected(f"the rows have a column {title} already")
        rows = rows.append_column(title, added[name].take(indices))
    return rows


def _integers(dimension: Dimension, rows: pa.Table, name: str) -> Moments:
    """A column as it counts: days, microseconds or seconds. Raises Rejected where it has something else."""
    kind = dimension.facts.field(name).type
    try:
        column = rows[name]
        if pa.types.is_timestamp(kind) and not (pa.types.is_timestamp(column.type) and column.type.tz):
            raise Rejected(f"the column {name} has {column.type} instead of moments with a time zone")
        plain = column.cast(kind)
        if plain.null_count:
            raise Rejected(f"the column {name} has rows without a value")
        through = pa.int32() if pa.types.is_date(kind) else pa.int64()
        return np.asarray(plain.cast(through).to_numpy(), np.int64)
    except KeyError as error:
        raise Rejected(f"these are not rows of {dimension.name}: {error.args[0]}") from None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise Rejected(
            f"the column {name} has {rows[name].type} where {dimension.name} have {kind}"
        ) from None


def _names() -> list[str]:
    return [item.name for item in JOINABLE]
