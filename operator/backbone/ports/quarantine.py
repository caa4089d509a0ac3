"""Entries of a store's quarantine: who brought them, which are meant, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from ..plain_text import expect_names
from ..vocabulary import Outcome
from .store_errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from ..market.dimensions import Dimension


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from: a run, its plan and generation, the provider, and when it was asked (UTC)."""

    run_id: str
    plan: str
    generation: int
    provider: str
    at: datetime


class EntryState(StrEnum):
    """What became of an entry in quarantine."""

    HELD = "Held"
    RELEASED = "Released"
    SUPERSEDED = "Superseded"
    """A later run delivered a row of its key that was kept."""
    ACKNOWLEDGED = "Acknowledged"
    """Somebody has seen it; it stays out, and is held against nobody."""
    WAITING = "Waiting"
    """The row is still stored: too many of its line would leave at once, and nobody acknowledged that yet."""
    VOID = "Void"
    """It can never be released, and no later row can take its place: it is held against nobody."""


IDS_IN_MESSAGE = 5
RECENT = 30
"""So many of a line's last times are what is decided on: an older row in quarantine says nothing of now."""


@dataclass(frozen=True, slots=True)
class QuarantineFilter:
    """Selects entries of the quarantine; a field that is None or empty does not restrict.

    `plan` matches rows that this plan delivered first, and rows that other plans delivered first for symbols
    in its last request.
    """

    dimension: Dimension | None = None
    reason: str | None = None
    subjects: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    plan: str | None = None
    state: EntryState | None = None

    def __post_init__(self) -> None:
        """Raise Rejected for a name that no store can hold."""
        expect_names((*self.subjects, *self.ids, self.plan or "", self.reason or ""))


class NoSuchEntry(StoreError):
    """Somebody named ids that no entry has."""

    def __init__(self, ids: Sequence[str]) -> None:
        more = f" and {len(ids) - IDS_IN_MESSAGE} more" if len(ids) > IDS_IN_MESSAGE else ""
        named = f"{', '.join(ids[:IDS_IN_MESSAGE])}{more}"
        super().__init__(Outcome.UNKNOWN_ENTRY, f"no entry has the id {named}; nothing was changed")


@dataclass(frozen=True, slots=True)
class Release:
    """Rows that a release stored, by dimension, source and provider, and how many stay in quarantine.

    `unfit` could not be stored; `contested` have another row of their key, and no id says which is meant.
    """

    stored: tuple[tuple[str, str, str, int], ...]
    unfit: int
    contested: int = 0

    @property
    def rows(self) -> int:
        """Rows that were stored."""
        return sum(count for *_, count in self.stored)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """How many entries somebody acknowledged, and how many stored rows left with that."""

    entries: int
    removed: int


class Quarantine(Protocol):
    """The role of a store's writer that has the rows which checks refused. Every call raises StoreError."""

    def add(self, dimension: Dimension, rows: pa.Table, reasons: pa.Array, origin: Origin) -> None:
        """Keep raw rows, with a reason each, beside the market's tables.

        A row that is there already is counted, once per run, and not kept twice.
        """
        ...

    def by_reason(self, dimension: Dimension, run_id: str) -> dict[str, int]:
        """Rows by reason that are in quarantine and that this run delivered, the most frequent first.

        Without those that were released: they are stored.
        """
        ...

    def release(self, chosen: QuarantineFilter, run_id: str, at: datetime) -> Release:
        """Store held rows under the flag Released, as rows of this run; the rest of their lineage stays.

        Of each key the row seen last is meant; several that were seen last together stay, as do repeated rows
        that no id names (the row kept stands for them) and rows with a value that is missing or not finite.
        Nothing is left to release the second time. Raises NoSuchEntry for an id that no entry has.
        """
        ...

    def acknowledge(self, chosen: QuarantineFilter, at: datetime) -> Acknowledged:
        """Take note that somebody has seen entries: held ones are held against nobody any more.

        Rows that waited for that leave. The same row again is no news; another one is. Raises
        NoSuchEntry for an id that no entry has.
        """
        ...

    def expire(self, chosen: QuarantineFilter, before: datetime) -> int:
        """Drop entries that no run has seen since, without those released: they are decisions; how many."""
        ...


class QuarantineReader(Protocol):
    """Reads the published quarantine. Every call raises StoreError."""

    def entries(self, chosen: QuarantineFilter, count: int) -> list[dict[str, Any]]:
        """At most `count` entries, the latest first: the columns of the table, with `raw` as JSON."""
        ...

    def counts(self, chosen: QuarantineFilter) -> list[dict[str, Any]]:
        """The number of entries by dimension, reason and state, with the first and the last time of each."""
        ...
