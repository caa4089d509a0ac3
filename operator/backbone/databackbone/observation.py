"""What a visit of a DataBackbone sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..ports.readings import ChildReading, ClaimReading, JobReading
from ..workload import WorkerImages


@dataclass(frozen=True, slots=True)
class PlanReading:
    """An IngestPlan that refers to the backbone."""

    name: str
    last_outcome: str | None
    last_end: datetime | None
    stored_at: datetime | None = None
    """End of the last run that stored rows, as far as its status tells."""
    running: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """The children and plans of a backbone, and what the operator was told about probing."""

    claim: ClaimReading | None
    binding: ChildReading | None
    probes: tuple[JobReading, ...]
    plans: tuple[PlanReading, ...]
    images: WorkerImages
    probe_interval: timedelta
    checks: tuple[JobReading, ...] = ()
    """Jobs that look at the database, the oldest first."""
    cluster: str | None = None
    """Which cluster this is, where a database is configured."""
