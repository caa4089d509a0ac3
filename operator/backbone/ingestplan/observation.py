"""What a visit of an IngestPlan sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..evaluation import Refusal
from ..jobs.pods import WorkerImages
from ..ports.readings import BackboneReading, ChildReading, ClaimReading, CronJobReading, JobReading


@dataclass(frozen=True, slots=True)
class Observation:
    """The plan's backbone, its children and its runs, the oldest run first."""

    backbone: BackboneReading | None
    plan_file: ChildReading | None
    cron_job: CronJobReading | None
    runs: tuple[JobReading, ...]
    images: WorkerImages
    releases: tuple[JobReading, ...] = ()
    """Jobs of releases from quarantine, the oldest first."""
    strays: tuple[JobReading, ...] = ()
    """Jobs of the CronJob that ran for another plan, as far as one can tell: they say nothing here."""
    former: tuple[CronJobReading, ...] = ()
    """CronJobs of the plan under another name: of an earlier version, or of a namesake before it."""

    exports: tuple[tuple[str, JobReading], ...] = ()
    """Names of exports and their Jobs, the oldest first."""
    export_schedules: tuple[CronJobReading, ...] = ()
    """CronJobs of exports, also of such that are no longer in the spec."""
    targets: Mapping[str, ClaimReading] = field(default_factory=dict)
    """The claims that exports name, as far as they exist, by name."""

    refusal: Refusal | None = None
    """Why no Job was made for the last fire, where the API server refuses it."""

    @property
    def services(self) -> tuple[str, ...]:
        """Secrets of the institutional tier's services, where the backbone serves that tier."""
        return self.backbone.service_secrets if self.backbone is not None else ()

    @property
    def pods(self) -> dict[str, Any]:
        """What the backbone says of the pods of every Job."""
        return dict(self.backbone.spec.get("pods") or {}) if self.backbone is not None else {}

    @property
    def on_database(self) -> bool:
        """Whether the rows are in the institutional tier's database, and not on a claim."""
        tier = self.backbone.tier if self.backbone is not None else None
        return (tier or {}).get("active") == "Institutional"

    @property
    def claim_uid(self) -> str | None:
        """Identity of the claim that holds the data, as far as the backbone has said."""
        return self.backbone.claim_uid if self.backbone is not None else None
