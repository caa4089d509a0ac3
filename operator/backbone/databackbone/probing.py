"""What the probe Jobs say about the volume, and when the next one is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError

from ..jobs import NEVER_STARTED, Trouble, last_words, tail, trouble_under_way, why_no_report
from ..ports.readings import ClaimReading, JobReading
from ..report import VolumeProbeReport
from ..vocabulary import Outcome, Reason
from .api import VolumeStatus
from .children import PROBE_SECONDS
from .observation import Observation

RETRY = timedelta(seconds=15)
RETRY_LIMIT = timedelta(minutes=10)
STANDS_FOR = 3
"""Probe intervals after which an old verdict says nothing any more."""

SAYS_NOTHING = NEVER_STARTED | {Outcome.EVICTED, Outcome.JOB_VANISHED}
"""Ends of a Job that say nothing about the volume."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one finished probe ended. Without an outcome it never got as far as the volume."""

    outcome: Reason | None
    message: str
    holds_rows: bool | None = None


def read_probes(volume: VolumeStatus, seen: Observation, now: datetime) -> VolumeStatus:
    """Bring the volume's status up to what the finished probes of the present claim say."""
    claim = seen.claim
    if claim is None:
        return VolumeStatus(claim_name=volume.claim_name)
    if volume.claim_uid != claim.uid:
        volume = VolumeStatus(claim_name=claim.name, claim_uid=claim.uid)
    earlier, trouble = trouble_of(volume.probe_trouble), None
    for job in of_claim(seen.probes, claim):
        if job.finished is None:
            trouble = trouble_under_way(job, earlier, now)
        elif volume.attempted_at is None or job.finished > volume.attempted_at:
            volume = _record(volume, job, job.finished)
    return volume.model_copy(
        update={"capacity": claim.capacity, "probe_trouble": str(trouble)[:512] if trouble else None}
    )


def of_claim(probes: tuple[JobReading, ...], claim: ClaimReading) -> tuple[JobReading, ...]:
    """The probes of this claim, the oldest first; those of an earlier claim say nothing about it."""
    return tuple(job for job in probes if job.claim_uid == claim.uid)


def note_rows(volume: VolumeStatus, seen: Observation, created: datetime | None) -> VolumeStatus:
    """The volume of a backbone on Bootstrap, with what its plans have stored there since it was probed.

    `probed_at` is when the probe's Job ended: what was stored while it lived, it may have looked before.
    """
    probed = volume.probed_at - timedelta(seconds=PROBE_SECONDS) if volume.probed_at else None
    since = max((moment for moment in (created, probed) if moment is not None), default=None)
    stored = [plan.stored_at for plan in seen.plans if plan.stored_at is not None]
    if any(since is None or moment > since for moment in stored):
        return volume.model_copy(update={"holds_rows": True})
    return volume


def next_probe(volume: VolumeStatus, seen: Observation) -> datetime | None:
    """When the next probe is due; None means at once."""
    if volume.attempted_at is None:
        return None
    if all(job.name != volume.probe_job for job in seen.probes):
        # Somebody deleted the last one: that is how to ask for another at once.
        return None
    if volume.probe_failures:
        doublings = min(volume.probe_failures - 1, 10)
        return volume.attempted_at + min(RETRY * (1 << doublings), RETRY_LIMIT)
    troubled = {Outcome.VOLUME_FULL, Outcome.VOLUME_READ_ONLY}
    if any(
        plan.last_outcome in troubled and plan.last_end is not None and plan.last_end > volume.attempted_at
        for plan in seen.plans
    ):
        return None
    return volume.attempted_at + seen.probe_interval


def stands(volume: VolumeStatus, interval: timedelta, now: datetime) -> bool:
    """Whether the last verdict is recent enough to speak for the present."""
    return volume.probed_at is not None and now - volume.probed_at <= STANDS_FOR * interval


def _record(volume: VolumeStatus, job: JobReading, finished: datetime) -> VolumeStatus:
    verdict = read_verdict(job, volume.probe_trouble)
    good = verdict.outcome is Reason.VOLUME_PROBED
    update: dict[str, object] = {
        "probe_job": job.name,
        "attempted_at": finished,
        "probe_failures": 0 if good else volume.probe_failures + 1,
        "message": verdict.message[:512],
    }
    if verdict.outcome is not None:
        update |= {"probe_outcome": str(verdict.outcome), "probed_at": finished}
    if verdict.holds_rows is not None:
        update["holds_rows"] = verdict.holds_rows
    return volume.model_copy(update=update)


def read_verdict(job: JobReading, earlier: str | None) -> Verdict:
    """Read a finished probe's report, or name its end."""
    words = last_words(job)
    try:
        if words is not None:
            report = VolumeProbeReport.model_validate_json(words)
            return Verdict(_reason(report.outcome), report.message, report.holds_rows)
    except ValidationError:
        pass
    end = why_no_report(job, tail(words) if words else None, trouble_of(earlier))
    if end.outcome in SAYS_NOTHING:
        return Verdict(None, str(end))
    return Verdict(Reason.VOLUME_PROBE_FAILED, str(end))


def _reason(outcome: str) -> Reason:
    known = Reason.named(outcome)
    verdicts = {Reason.VOLUME_PROBED, Reason.VOLUME_FULL, Reason.VOLUME_READ_ONLY}
    return known if known in verdicts else Reason.VOLUME_PROBE_FAILED


def trouble_of(text: str | None) -> Trouble | None:
    """A trouble as it stands in a status."""
    name, _, message = (text or "").partition(": ")
    known = Outcome.named(name)
    return Trouble(known, message) if known else None
