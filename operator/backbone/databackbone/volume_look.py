"""The probe of a volume: a Job writes it and reads it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ..jobs.looks import Desired, Look, Reading, Verdict, read
from ..jobs.pods import claim_name, pods_mark
from ..ports.readings import ClaimReading, JobReading
from ..reports.volume import VolumeProbeReport
from ..vocabulary import Outcome, Reason
from .api import DataBackboneStatus, VolumeStatus
from .children import PROBE_SECONDS, Backbone, pods_of
from .observation import Observation

PROBE = Look(
    job="its probe",
    report=VolumeProbeReport,
    pending=Reason.VOLUME_PENDING,
    failed=Reason.VOLUME_PROBE_FAILED,
    retry_limit=timedelta(minutes=10),
    troubles=frozenset({Outcome.VOLUME_FULL, Outcome.VOLUME_READ_ONLY}),
    cause=lambda job: job.claim_uid,
)
VERDICTS = {Reason.VOLUME_PROBED, Reason.VOLUME_FULL, Reason.VOLUME_READ_ONLY}
"""What a report can say. Any other word of one is a probe that failed."""

Probed = Reading[VolumeStatus, VolumeProbeReport]


def read_probes(backbone: Backbone, previous: DataBackboneStatus, seen: Observation, now: datetime) -> Probed:
    """What the probes of the present claim say of the volume, and when the next one is due.

    On Bootstrap it holds the rows that plans have stored there since it was probed, too.
    """
    volume = previous.volume or VolumeStatus(claim_name=claim_name(backbone.name))
    jobs: tuple[JobReading, ...] = ()
    if seen.claim is None:
        volume = VolumeStatus(claim_name=volume.claim_name)
    else:
        jobs = _of_claim(seen.probes, seen.claim)
        if volume.cause != seen.claim.uid:
            volume = VolumeStatus(claim_name=seen.claim.name, cause=seen.claim.uid)
        volume = volume.model_copy(update={"capacity": seen.claim.capacity})
    desired = Desired(volume.cause, pods_mark(pods_of(backbone)), _judge, seen.met)
    found = read(PROBE, desired, volume, jobs, pace=seen.pace, now=now)
    volume = found.status
    for end in found.ends:
        if end.report is not None and end.report.holds_rows is not None:
            volume = volume.model_copy(update={"holds_rows": end.report.holds_rows})
    if previous.tier is None or previous.tier.active == "Bootstrap":
        volume = _note_rows(volume, seen, backbone.created)
    return replace(found, status=volume)


def _of_claim(probes: tuple[JobReading, ...], claim: ClaimReading) -> tuple[JobReading, ...]:
    """The probes of this claim, the oldest first; those of an earlier claim say nothing about it."""
    return tuple(job for job in probes if job.claim_uid == claim.uid)


def _note_rows(volume: VolumeStatus, seen: Observation, created: datetime | None) -> VolumeStatus:
    """With what plans have stored since the volume was probed.

    `checked_at` is when the probe's Job ended: what was stored while it lived, it may have looked before.
    """
    probed = volume.checked_at - timedelta(seconds=PROBE_SECONDS) if volume.checked_at else None
    since = max((moment for moment in (created, probed) if moment is not None), default=None)
    stored = [plan.stored_at for plan in seen.plans if plan.stored_at is not None]
    if any(since is None or moment > since for moment in stored):
        return volume.model_copy(update={"holds_rows": True})
    return volume


def _judge(report: VolumeProbeReport, _: JobReading) -> Verdict:
    known = Reason.named(report.outcome)
    outcome = known if known in VERDICTS else Reason.VOLUME_PROBE_FAILED
    return Verdict(str(outcome), report.message, good=outcome is Reason.VOLUME_PROBED)
