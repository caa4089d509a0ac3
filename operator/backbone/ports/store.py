"""What a market-data store is to the worker and to readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from ..vocabulary import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

    from ..market.dimensions import Dimension
    from .journal import JournalEntry
    from .quarantine import Origin, QuarantineFilter, Release


@dataclass(frozen=True, slots=True)
class Recovery:
    """A corrupt file was set aside, and work went on from the published copy or from `empty`.

    Paths are relative to the volume; `at` is UTC.
    """

    set_aside: str
    continued_from: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RunStart:
    """A run as it enters the journal."""

    run_id: str
    plan: str
    generation: int
    at: datetime


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended."""

    outcome: Outcome
    at: datetime
    rows: int
    changed: int
    message: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """What one source brought to one dimension in one run."""

    dimension: str
    source: str
    provider: str
    as_of: datetime
    rows: int
    changed: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a run fared with one symbol, series or calendar that it asked a provider for."""

    dimension: str
    subject: str
    provider: str
    outcome: str


@dataclass(frozen=True, slots=True)
class SubjectSpan:
    """Times of the first and the last row of one subject of a source (UTC), and its greatest revision."""

    first_at: datetime
    last_at: datetime
    revision: int


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
    """The one writer of a store, for as long as it holds the lock."""

    def begin(self, run: RunStart) -> int:
        """Commit a started run to the journal, and close those that a crash left open; the run's sequence.

        Those that Store.running holds are alive and stay open.
        """
        ...

    def resume(self, sequence: int, run_id: str) -> None:
        """Go on with a run that has begun. Raises RunLost, and StoreError where another run closed it."""
        ...

    def recent(self, count: int) -> tuple[JournalEntry, ...]:
        """The last finished runs of the backbone, and as many of the plan that began here, newest first."""
        ...

    def batch(self) -> AbstractContextManager[None]:
        """Everything inside is committed together, or not at all."""
        ...

    def upsert(self, dimension: Dimension, rows: pa.Table) -> int:
        """Store rows of the dimension's schema; how many were new or differed.

        Of all versions of a row the one with the greatest (revision, observed_at, run_id) stays, in whatever
        order they come. One that brings what is stored already changes nothing, lineage included.
        """
        ...

    def before(self, dimension: Dimension, facts: pa.Table, count: int) -> pa.Table:
        """The last `count` stored rows of each line of `facts` before its first row there, as facts."""
        ...

    def quarantine(self, dimension: Dimension, rows: pa.Table, reasons: pa.Array, origin: Origin) -> None:
        """Keep raw rows, with a reason each, beside the market's tables.

        A row that is there already is counted, once per run, and not kept twice.
        """
        ...

    def held(self, dimension: Dimension, run_id: str) -> dict[str, int]:
        """Rows by reason that are in quarantine and that this run delivered, the most frequent first.

        Without those that were released: they are stored.
        """
        ...

    def release(self, chosen: QuarantineFilter, run_id: str, at: datetime) -> Release:
        """Store held rows under the flag Released, as rows of this run; the rest of their lineage stays.

        Of each key the row seen last is meant; several that were seen last together stay, as do repeated rows
        that no id names (the row kept stands for them) and rows with a value that is missing or not finite.
        Nothing is left to release the second time. Raises quarantine.NoSuchEntry for an id that no entry has.
        """
        ...

    def expire(self, chosen: QuarantineFilter, before: datetime) -> int:
        """Drop entries that no run has seen since, without those released: they are decisions; how many."""
        ...

    def record(self, sequence: int, arrival: Arrival) -> None:
        """Note in the journal what a source brought."""
        ...

    def attempted(self, sequence: int, dimension: Dimension, attempts: Sequence[Attempt]) -> None:
        """Note how the run fared with each name of a dimension, in place of the plan's earlier runs.

        Where a run of it that began later has noted that already, nothing changes.
        """
        ...

    def missed(self, plan: str, dimension: Dimension) -> frozenset[str]:
        """Names that the last run of the backbone's plan did not get in full."""
        ...

    def spans(
        self, dimension: Dimension, source: str, interval_seconds: int | None
    ) -> dict[str, SubjectSpan]:
        """From when to when the store holds each subject of a source, or only its bars of one length."""
        ...

    def latest(self, dimension: Dimension, source: str, names: Sequence[str], count: int) -> pa.Table:
        """The last `count` rows of each line of a name, in the dimension's facts columns, each by time."""
        ...

    def finish(self, sequence: int, end: RunEnd) -> None:
        """Note in the journal how the run ended."""
        ...

    def publish(self) -> str:
        """Give readers the present content; in words, what else that took, or nothing.

        The writer is of no use afterwards.
        """
        ...

    @property
    def recovery(self) -> Recovery | None:
        """The last time that a corrupt file of this store was set aside, if there was one."""
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

        With `until` as they stood then: without later times, later vintages, and rows without a value.
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
