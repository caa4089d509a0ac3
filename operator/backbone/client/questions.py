"""What a program may pass: moments, days, counts and names of every kind, taken or Rejected by name.

Pandas' and numpy's own types are taken without importing pandas.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from os import PathLike
from pathlib import Path
from reprlib import repr as short

import numpy as np
import pyarrow as pa

from ..market.dimensions import DIMENSIONS, Dimension
from ..plain_text import expect_names, is_text
from .errors import Rejected

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
MANY = 2**62
"""More rows than any line has, and a number that every store counts to."""


def words(given: Mapping[str, object], known: Collection[str]) -> None:
    """Raise Rejected for a word that a question does not have, such as one misspelt."""
    for word in given:
        if word not in known:
            raise Rejected(f"there is no {word}=; what can be said is {', '.join(sorted(known))}")


def dimension(given: object) -> Dimension:
    """One of the dimensions. Raises Rejected."""
    if isinstance(given, Dimension) and given in DIMENSIONS:
        return given
    known = ", ".join(item.table.upper() for item in DIMENSIONS)
    raise Rejected(f"{short(given)} is not a dimension: take one of backbone.client, {known}")


def names(given: object) -> tuple[str, ...]:
    """Symbols, series or calendars, each once, in their order. Raises Rejected."""
    if isinstance(given, str | bytes):
        raise Rejected(f"{short(given)} is one name: give a list of names")
    # An array of no dimension has the method, and refuses.
    if not isinstance(given, Iterable) or getattr(given, "ndim", 1) == 0:
        raise Rejected(f"{short(given)} is not a list of names")
    found = tuple(dict.fromkeys(name(item) for item in given))
    if not found:
        raise Rejected("name at least one symbol, series or calendar")
    return found


def name(given: object) -> str:
    """One name, or another text that a store is asked for. Raises Rejected."""
    plain = given.as_py() if isinstance(given, pa.Scalar) else given
    if not isinstance(plain, str):
        raise Rejected(f"{short(plain)} is not a name: names are texts")
    expect_names((plain,))
    return str(plain)


def choice(what: str, given: object) -> str | None:
    """The name of a source, or None for any. Raises Rejected."""
    try:
        return None if given is None else name(given)
    except Rejected as error:
        raise Rejected(f"{what}: {error}") from None


def count(what: str, given: object) -> int | None:
    """A number of rows or seconds, of whatever type; None stays. Raises Rejected."""
    if given is None:
        return None
    plain = given.as_py() if isinstance(given, pa.Scalar) else given
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    try:
        found = operator.index(plain) if not isinstance(plain, bool) else None  # type: ignore[arg-type]
    except TypeError:
        found = None
    if found is None:
        raise Rejected(f"{what}={short(given)} is not a whole number")
    if found < 1:
        raise Rejected(
            f"{what}={found}: ask for one row or more" if what == "last" else f"{what}={found} is below 1"
        )
    return min(found, MANY)


def duration(what: str, given: object) -> timedelta | None:
    """A length of time; None stays. Raises Rejected."""
    if given is None:
        return None
    found = getattr(given, "to_pytimedelta", lambda: given)()
    # A month or a year has no length of its own.
    if isinstance(given, np.timedelta64) and np.datetime_data(given.dtype)[0] not in {"Y", "M", "generic"}:
        found = given.astype("timedelta64[us]").item()
    if not isinstance(found, timedelta):
        raise Rejected(f"{what}={short(given)} is not a length of time: give a timedelta, as of days=1")
    if found < timedelta():
        raise Rejected(f"{what}={found} is negative")
    return found


def earlier(at: datetime, by: timedelta) -> datetime:
    """A moment before another one (UTC); the first of all where no calendar goes back so far."""
    return at - by if by < at - FIRST else FIRST


def moment(what: str, given: object) -> datetime | None:
    """A moment in UTC; a day begins at its midnight UTC, and None stays. Raises Rejected.

    A day or an aware moment, as Python, numpy, pandas and ISO 8601 have them. One outside the years 1 to 9999
    in UTC is the first or the last there is.
    """
    if given is None:
        return None
    found = _plain(what, given)
    if not isinstance(found, datetime):
        return datetime(found.year, found.month, found.day, tzinfo=UTC)
    offset = found.utcoffset()
    if offset is None:
        raise Rejected(f"{what}={found.isoformat()} has no time zone: give it one, such as datetime.UTC")
    return in_utc(found, offset)


def in_utc(aware: datetime, offset: timedelta) -> datetime:
    """An aware moment in UTC, as far as UTC has such years."""
    try:
        return aware.astimezone(UTC)
    except OverflowError:
        return FIRST if offset > timedelta() else LAST


def window(start: datetime | None, end: datetime | None) -> None:
    """Raise Rejected where an end lies before a start."""
    if start is not None and end is not None and end < start:
        raise Rejected(f"end={end.isoformat()} is before start={start.isoformat()}: nothing lies between")


def folder(given: object) -> Path:
    """A folder's path. Raises Rejected."""
    if not isinstance(given, str | PathLike):
        raise Rejected(f"{short(given)} is not a folder: give its path")
    found = Path(given)
    if "\0" in str(found) or not is_text(found):
        raise Rejected(f"{str(found)!a} is not a folder: no path has such a character")
    return found


def table(given: object) -> pa.Table:
    """Rows as `rows` gives them. Raises Rejected."""
    if isinstance(given, pa.RecordBatch):
        return pa.Table.from_batches([given])
    if not isinstance(given, pa.Table):
        raise Rejected(f"{type(given).__name__} is not a pyarrow.Table: give the rows as `rows` gives them")
    return given


def _plain(what: str, given: object) -> date:
    """A day or moment in Python's own types."""
    asked = given
    if isinstance(given, pa.Scalar):
        given = _python(given)
    if isinstance(given, np.datetime64):
        # numpy knows no zones: a day is one, and of a moment nobody can tell where.
        day = np.datetime_data(given.dtype)[0] in {"Y", "M", "W", "D"}
        given = given.astype("datetime64[D]" if day else "datetime64[us]").item()
    if isinstance(given, str):
        given = _read(given)
    # Pandas' NaT is a datetime by its class, and is not itself.
    if isinstance(given, date) and given == given and hasattr(given, "to_pydatetime"):  # noqa: PLR0124
        given = given.to_pydatetime(warn=False)
    if not isinstance(given, date) or given != given:  # noqa: PLR0124
        raise Rejected(
            f"{what}={short(asked)} is not a day or moment: give a date, or a datetime with a time zone"
        )
    return given


def _python(given: pa.Scalar) -> object:
    """Arrow's value as Python has it; the value itself where Python has no such day."""
    try:
        return given.as_py()
    except (OverflowError, ValueError):
        return given


def _read(text: str) -> date | str:
    for kind in (date, datetime):
        try:
            return kind.fromisoformat(text)
        except ValueError:
            continue
    return text
