"""Times of PostgreSQL as Python's: those that Python cannot hold become its first or its last one.

PostgreSQL has an infinity at both ends and years that Python has not; the driver raises at each of them, in
the middle of whatever was read. TimescaleDB's statistics say '-infinity' for what has never been.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, ClassVar

import psycopg
from psycopg import DataError
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.pq import Format
from psycopg.types.datetime import (
    DateBinaryLoader,
    DateLoader,
    TimestampBinaryLoader,
    TimestampLoader,
    TimestamptzBinaryLoader,
    TimestamptzLoader,
)

EARLIEST = datetime.min.replace(tzinfo=UTC)
"""Whatever lies before the first moment that Python knows, -infinity among it."""
LATEST = datetime.max.replace(tzinfo=UTC)
"""Whatever lies after the last one, infinity among it."""

_SIGN = 0x80


def moment(value: datetime | None) -> datetime | None:
    """A time that is one; None for what has never been, and for what never will be."""
    return None if value is None or value in {EARLIEST, LATEST} else value


class _Bounded(Loader):
    """What the driver's own loader says; where it refuses, the first or the last time of the type."""

    earliest: ClassVar[date]
    latest: ClassVar[date]

    def load(self, data: Buffer) -> Any:  # noqa: ANN401 - as the classes beside it
        try:
            return super().load(data)  # type: ignore[safe-super]
        except DataError:
            return self.earliest if self._before(bytes(data)) else self.latest

    def _before(self, said: bytes) -> bool:
        if self.format is Format.BINARY:
            return said[0] >= _SIGN
        return said.startswith(b"-") or said.endswith(b"BC")


class _Date(_Bounded, DateLoader):
    earliest, latest = date.min, date.max


class _DateBinary(_Bounded, DateBinaryLoader):
    earliest, latest = date.min, date.max


class _Timestamp(_Bounded, TimestampLoader):
    earliest, latest = EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None)


class _TimestampBinary(_Bounded, TimestampBinaryLoader):
    earliest, latest = EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None)


class _Timestamptz(_Bounded, TimestamptzLoader):
    earliest, latest = EARLIEST, LATEST


class _TimestamptzBinary(_Bounded, TimestamptzBinaryLoader):
    earliest, latest = EARLIEST, LATEST


class BoundedTimes:
    """What a connection is given as its context, so that it reads times so; other programs' are untouched."""

    connection = None

    def __init__(self) -> None:
        self.adapters = AdaptersMap(psycopg.adapters)
        for name, loaders in (
            ("date", (_Date, _DateBinary)),
            ("timestamp", (_Timestamp, _TimestampBinary)),
            ("timestamptz", (_Timestamptz, _TimestamptzBinary)),
        ):
            for loader in loaders:
                self.adapters.register_loader(name, loader)
