"""The unit that an export rewrites: the rows of one dimension and source in one year, month or day (UTC)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from ...market.dimensions import Dimension

Moment = date | datetime
"""A value of a dimension's time column: a day of a calendar, or a moment (UTC)."""


class PartitionBy(StrEnum):
    """How long a partition is."""

    YEAR = "Year"
    MONTH = "Month"
    DAY = "Day"


_PARTS = {PartitionBy.YEAR: 1, PartitionBy.MONTH: 2, PartitionBy.DAY: 3}
"""How many numbers of a date name the period."""


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One partition of one dimension, which the export names.

    `period` is 2026, 2026-03 or 2026-03-09.
    """

    source: str
    period: str

    @classmethod
    def of(cls, source: str, day: date, by: PartitionBy) -> Self:
        """The partition in which a day is."""
        return cls(source, "-".join(day.isoformat().split("-")[: _PARTS[by]]))

    @property
    def first(self) -> date:
        """The first day. Raises ValueError for a period that is none."""
        numbers = [*self.period.split("-"), "01", "01"]
        return date.fromisoformat("-".join(numbers[:3]))

    @property
    def end(self) -> date | None:
        """The first day after it; None where there is no such date."""
        first, parts = self.first, self.period.count("-") + 1
        try:
            if parts == _PARTS[PartitionBy.YEAR]:
                return first.replace(year=first.year + 1)
            days = 31 if parts == _PARTS[PartitionBy.MONTH] else 1
            later = first + timedelta(days)
        except (ValueError, OverflowError):
            return None
        return later.replace(day=1) if parts == _PARTS[PartitionBy.MONTH] else later

    def bounds(self, dimension: Dimension) -> tuple[Moment, Moment | None]:
        """The first value of the dimension's time column, and the one after the last, in the column's type.

        A database prunes by values of that type alone. None is no bound.
        """
        end = self.end
        return in_type(dimension, self.first), None if end is None else in_type(dimension, end)

    def begins_before(self, dimension: Dimension, moment: Moment | None) -> bool:
        """Whether it begins before a value of the time column; None is before everything."""
        return moment is not None and in_type(dimension, self.first) < in_type(dimension, moment)

    def path(self, dimension: Dimension) -> str:
        """Its folder below `data/`."""
        return f"{dimension.name}/{spelled(self.source)}/{self.period}"


def in_type(dimension: Dimension, moment: Moment) -> Moment:
    """A day or a moment as the dimension's time column has it.

    A day begins at midnight UTC; a moment inside a day counts as the day after it where the column has days,
    because the day is not whole.
    """
    if isinstance(moment, datetime):
        moment = moment.astimezone(UTC)
        if not dimension.dated:
            return moment
        return moment.date() if moment.time() == time.min else moment.date() + timedelta(1)
    return moment if dimension.dated else datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


LONGEST_NAME = 200
"""Characters of one folder's name; file systems take 255 bytes."""
_PLAIN = re.compile("[A-Za-z0-9._-]")
_ESCAPED = re.compile("!([0-9A-F]{2})")
_CONTINUED = "!/"


def spelled(text: str) -> str:
    """A text as the name of a folder, which every file system, object store and reader takes as it is.

    Letters and digits of ASCII, dots, underscores and hyphens stay; each other byte of the UTF-8 is ! and two
    hexadecimal digits. So is a dot or an underscore at the beginning: readers skip such files. A name that is
    too long goes on in a folder inside, and the outer one ends with !. Raises ValueError for an empty text.
    """
    if not text:
        raise ValueError("an empty text is not the name of a folder")
    names = [""]
    for letter in text:
        kept = _PLAIN.fullmatch(letter) and (names[-1] or letter not in "._")
        written = letter if kept else "".join(f"!{byte:02X}" for byte in letter.encode())
        if len(names[-1]) + len(written) > LONGEST_NAME:
            written = written if letter not in "._" else f"!{ord(letter):02X}"
            names.append("")
        names[-1] += written
    return _CONTINUED.join(names)


def unspelled(path: str) -> str:
    """The text that `spelled` wrote."""
    joined = path.replace(_CONTINUED, "")
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), joined).encode("latin-1").decode()
