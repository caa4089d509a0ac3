"""What a visit of a DataBackbone sees."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime

from ..jobs.looks import Pace
from ..jobs.pods import WorkerImages
from ..ports.readings import ChildReading, ClaimReading, JobReading


@dataclass(frozen=True, slots=True)
class PlanReading:
    """An IngestPlan that refers to the backbone."""

    name: str
    last_outcome: str | None
    last_end: datetime | None
    stored_at: datetime | None = None
    """End of the last run that stored rows, as far as its status tells."""
    running: bool = False
    dimensions: tuple[str, ...] = ()
    """How the dimensions of the last run ended."""

    def met(self, troubles: Container[str | None], since: datetime) -> bool:
        """Whether the last run, or one of its dimensions, ended so after a moment."""
        ended = self.last_end is not None and self.last_end > since
        return ended and any(outcome in troubles for outcome in (self.last_outcome, *self.dimensions))


@dataclass(frozen=True, slots=True)
class Observation:
    """The children and plans of a backbone, and how often the operator looks."""

    claim: ClaimReading | None
    binding: ChildReading | None
    probes: tuple[JobReading, ...]
    plans: tuple[PlanReading, ...]
    images: WorkerImages
    pace: Pace
    checks: tuple[JobReading, ...] = ()
    """Jobs that look at the database, the oldest first."""
    topic_checks: tuple[JobReading, ...] = ()
    """Jobs that look at Kafka's topics, the oldest first."""
    lag_looks: tuple[JobReading, ...] = ()
    """Jobs that sample the lag of consumer groups, the oldest first."""
    cluster: str | None = None
    """Which cluster this is, where a database is configured."""

    @property
    def jobs(self) -> tuple[JobReading, ...]:
        """All Jobs that look at something for the backbone."""
        return (*self.probes, *self.checks, *self.topic_checks, *self.lag_looks)

    def met(self, troubles: Container[str | None], since: datetime) -> bool:
        """Whether the last run of a plan, or one of its dimensions, ended so after a moment."""
        return any(plan.met(troubles, since) for plan in self.plans)
