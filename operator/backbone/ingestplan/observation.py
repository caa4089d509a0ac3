"""What a visit of an IngestPlan sees."""

from __future__ import annotations

from dataclasses import dataclass

from ..ports.readings import BackboneReading, ChildReading, CronJobReading, JobReading
from ..workload import WorkerImages


@dataclass(frozen=True, slots=True)
class Observation:
    """The plan's backbone, its children and its runs, the oldest run first."""

    backbone: BackboneReading | None
    plan_file: ChildReading | None
    cron_job: CronJobReading | None
    runs: tuple[JobReading, ...]
    images: WorkerImages
