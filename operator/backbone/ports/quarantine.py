"""Entries of a store's quarantine: who brought them, which are meant, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from ..vocabulary import Outcome
from .store_errors import StoreError

if TYPE_CHECKING:
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


IDS_IN_MESSAGE = 5
RECENT = 30
"""So many of a line's last times are what is decided on: an older row in quarantine says nothing of now."""


@dataclass(frozen=True, slots=True)
class QuarantineFilter:
    """Which entries of the quarantine are meant; what is None or empty does not restrict.

    Those of a `plan` are what it brought first, and of what it last asked for also what others brought first.
    """

    dimension: Dimension | None = None
    reason: str | None = None
    subjects: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    plan: str | None = None
    state: EntryState | None = None


class NoSuchEntry(StoreError):
    """A release named ids that no entry has."""

    def __init__(self, ids: Sequence[str]) -> None:
        more = f" and {len(ids) - IDS_IN_MESSAGE} more" if len(ids) > IDS_IN_MESSAGE else ""
        named = f"{', '.join(ids[:IDS_IN_MESSAGE])}{more}"
        super().__init__(Outcome.UNKNOWN_ENTRY, f"no entry has the id {named}; nothing was released")


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
