"""What a market-data store is to the worker and to readers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

    from ..market.dimensions import Dimension
    from .journal import Journal, JournalEntry
    from .quarantine import Quarantine
    from .rows import Rows


@dataclass(frozen=True, slots=True)
class Recovery:
    """A corrupt file was set aside, and work went on from the published copy or from `empty`.

    Paths are relative to the volume; `at` is UTC.
    """

    set_aside: str
    continued_from: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LastAttempt:
    """How a plan fared last with a symbol, series or calendar, and how its last finished run ended.

    `source` is one that the attempt's provider delivers. Where `plan_sequence` is the greater, the plan has
    run since without coming to this. Plans of several backbones may have one name.
    """

    subject: str
    source: str
    plan: str
    sequence: int
    outcome: str
    plan_sequence: int
    plan_outcome: str
    backbone: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """What the store holds of one source in one dimension. Times are UTC; days begin at midnight UTC."""

    dimension: str
    source: str
    rows: int
    subjects: int
    first_at: datetime
    last_at: datetime
    last_subject: str
    last_value: float | None
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """Rows of one symbol, series or calendar from one source, which follow one another in time.

    `interval_seconds` is the length of intraday bars, and None elsewhere: bars of two lengths are two lines.
    Times are UTC; days begin at midnight UTC.
    """

    subject: str
    source: str
    interval_seconds: int | None
    first_at: datetime
    last_at: datetime


class Writer(Protocol):
    """The one writer of a store, for as long as it holds the lock. Every call raises StoreError.

    Each role has its own calls; `batch` surrounds the calls of all roles.
    """

    @property
    def journal(self) -> Journal:
        """The record of runs."""
        ...

    @property
    def rows(self) -> Rows:
        """The rows of the market's tables."""
        ...

    @property
    def quarantine(self) -> Quarantine:
        """The rows that checks refused."""
        ...

    @property
    def recovery(self) -> Recovery | None:
        """The last time that a corrupt file of this store was set aside, if there was one."""
        ...

    def batch(self) -> AbstractContextManager[None]:
        """Everything inside is committed together, or not at all."""
        ...

    def now(self) -> datetime:
        """The store's own clock (UTC)."""
        ...

    def publish(self) -> str:
        """Give readers the present content; in words, what else that took, or nothing.

        The writer is of no use afterwards.
        """
        ...


class Store(Protocol):
    """A store that is written by one process at a time. Every call raises StoreError."""

    @property
    def published(self) -> bool:
        """Whether readers have a copy, as far as can be seen; never raises."""
        ...

    def running(self, run_id: str) -> AbstractContextManager[None]:
        """For as long as this lasts the run counts as alive, whether or not it is the writer.

        It ends with the process at the latest.
        """
        ...

    def writer(self, holder: str, wait: timedelta) -> AbstractContextManager[Writer]:
        """The writer, once the lock is free; Outcome.STORE_BUSY after `wait`."""
        ...


class Reader(Protocol):
    """Reads what was published. Every call raises StoreError; opening raises NothingPublished."""

    def holdings(self) -> tuple[Holding, ...]:
        """What is stored, per dimension and source."""
        ...

    def runs(self, count: int) -> tuple[JournalEntry, ...]:
        """The last runs, newest first."""
        ...

    def lines(
        self, dimension: Dimension, subjects: tuple[str, ...], until: datetime | None = None
    ) -> tuple[Line, ...]:
        """Lines of some subjects, or of all if none is named, the one with the latest row first.

        With `until` as they were known then, which market.knowing tells: without later times and vintages,
        bars that had not ended, and rows without a value.
        """
        ...

    def subjects(self, dimension: Dimension) -> tuple[str, ...]:
        """Symbols, series or calendars that are held, in alphabetical order."""
        ...

    def last_attempts(self, dimension: Dimension, subjects: tuple[str, ...]) -> tuple[LastAttempt, ...]:
        """How each plan fared last with some subjects, oldest first."""
        ...

    def undecided(
        self, dimension: Dimension, subjects: tuple[str, ...], until: datetime
    ) -> dict[tuple[str, str], int]:
        """Rows in quarantine by subject and source that nobody has decided on, and no kept row stands for.

        Not those of times after `until`, or before the last quarantine.RECENT times of the line up to then.
        """
        ...

    def batches(self, selection: Selection) -> Iterator[pa.RecordBatch]:
        """Rows of a selection in the order of their key."""
        ...

    def provenance(self, dimension: Dimension) -> list[dict[str, object]]:
        """The runs that brought rows to a dimension: sequence, run_id, plan, plan_generation, provider."""
        ...


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows of one dimension; empty `subjects` and a None mean no restriction.

    `start` is included and `end` is not; `last` keeps the latest rows of each line. `interval_seconds` is for
    intraday bars alone.
    """

    dimension: Dimension
    subjects: tuple[str, ...] = ()
    source: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    last: int | None = None
    interval_seconds: int | None = None

    @property
    def one_line(self) -> bool:
        """Whether all rows are of one line."""
        one_length = self.interval_seconds is not None or "interval_seconds" not in self.dimension.key
        return len(self.subjects) == 1 and self.source is not None and one_length
