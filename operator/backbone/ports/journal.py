"""What the journal of a store tells of its runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..vocabulary import Outcome
from .store_errors import StoreError

BY_HAND = "(quarantine)"
"""In place of a plan's name, where a run released rows or let entries expire. No plan can have this name."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A run in the journal; what concerns its end is None while it has none."""

    sequence: int
    run_id: str
    plan: str
    generation: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    rows: int
    changed: int
    message: str


class RunLost(StoreError):
    """The journal does not know the run: the store went on from a copy that is older than its start."""

    def __init__(self, sequence: int) -> None:
        super().__init__(Outcome.STORE_FAILED, f"the journal does not know run {sequence} any more")


def closed_by_another(sequence: int) -> StoreError:
    """What a run is told that another one took for dead, and closed."""
    return StoreError(Outcome.STORE_BUSY, f"another run has begun since run {sequence} did, and closed it")
