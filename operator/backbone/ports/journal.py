"""The journal of a store: its runs, the rows that each delivered, and the outcome of each name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from ..plain_text import plain
from ..vocabulary import Outcome
from .store_errors import StoreError

if TYPE_CHECKING:
    from ..market.dimensions import Dimension

BY_HAND = "(quarantine)"
"""In place of a plan's name, where a run released rows or let entries expire. No plan can have this name."""


@dataclass(frozen=True, slots=True)
class RunStart:
    """A run as it enters the journal. `metadata` is what its plan came to, which JSON can hold."""

    run_id: str
    plan: str
    generation: int
    at: datetime
    metadata: Mapping[str, object] = field(default_factory=dict, hash=False)


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
    metadata: Mapping[str, object] = field(default_factory=dict, hash=False)
    """As the run's start had it; empty for runs of earlier versions."""


class RunLost(StoreError):
    """The journal does not know the run: the store went on from a copy that is older than its start."""

    def __init__(self, sequence: int) -> None:
        super().__init__(Outcome.STORE_FAILED, f"the journal does not know run {sequence} any more")


def closed_by_another(sequence: int) -> StoreError:
    """What a run is told that another one took for dead, and closed."""
    return StoreError(Outcome.STORE_BUSY, f"another run has begun since run {sequence} did, and closed it")


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended. Whatever the message says, every store can hold it."""

    outcome: Outcome
    at: datetime
    rows: int
    changed: int
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", plain(self.message))


class Journal(Protocol):
    """The role of a store's writer that records runs. Every call raises StoreError."""

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

    def record(self, sequence: int, arrival: Arrival) -> None:
        """Note in the journal what a source brought."""
        ...

    def attempted(
        self, sequence: int, dimension: Dimension, attempts: Sequence[Attempt], *, rest: bool = True
    ) -> None:
        """Note how the run fared with names of a dimension, in place of the plan's earlier runs.

        With `rest` these are all of the dimension, and what was noted of others is forgotten. Where a run of
        the plan that began later has noted something already, nothing changes.
        """
        ...

    def missed(self, plan: str, dimension: Dimension, outcome: Outcome | None = None) -> frozenset[str]:
        """Names that the plan's last run did not get in full, or did not come to; or those of one outcome."""
        ...

    def finish(self, sequence: int, end: RunEnd) -> None:
        """Note in the journal how the run ended."""
        ...
