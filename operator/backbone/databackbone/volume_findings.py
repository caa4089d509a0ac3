"""Whether a backbone's volume can be written and read: an ordered chain of checks."""

from __future__ import annotations

from dataclasses import dataclass

from ..evaluation import Finding
from ..grading.chain import Chain, first
from ..jobs.looks import out_of_date, pending
from ..ports.readings import ClaimReading
from ..vocabulary import Reason
from .actions import expendable
from .api import TierStatus
from .observation import Observation
from .volume_look import PROBE, Probed


@dataclass(frozen=True, slots=True)
class VolumeCase:
    """The claim as it was seen, what its probes say, and the tier: on Institutional the volume is idle."""

    seen: Observation
    probed: Probed
    tier: TierStatus

    @property
    def claim(self) -> ClaimReading:
        """The claim. Raises ValueError where there is none, of which the first check speaks."""
        if self.seen.claim is None:
            raise ValueError("there is no claim")
        return self.seen.claim

    @property
    def idle(self) -> bool:
        """Whether the rows are elsewhere."""
        return self.tier.active == "Institutional"


def storage(case: VolumeCase) -> Finding:
    """Whether a Job wrote the volume and read back what it wrote."""
    return first(STORAGE, case) or _probed(case)


def _no_claim(case: VolumeCase) -> Finding | None:
    """First: all others speak of a claim."""
    if case.seen.claim is not None:
        return None
    message = f"Claim {case.probed.status.claim_name} is about to be created."
    return Finding(False, Reason.VOLUME_PENDING, message)


def _claim_leaves(case: VolumeCase) -> Finding | None:
    """Before the probes: what they say of a claim that goes does not matter any more."""
    claim = case.claim
    if not claim.terminating:
        return None
    message = (
        f"Claim {claim.name} is being deleted. It goes when no pod mounts it any more, finished ones "
        f"included: see Used By in `kubectl describe pvc {claim.name}`."
    )
    if case.idle:
        message += " It is idle, the rows are in TimescaleDB; runs wait until a new one is bound."
    return Finding(False, Reason.VOLUME_LEAVING, message, stuck=True)


def _idle_volume_lost(case: VolumeCase) -> Finding | None:
    """Before a loss that only a person mends: nobody misses this volume, and the operator replaces it."""
    claim = case.claim
    if not expendable(claim, case.probed.status, case.tier):
        return None
    message = (
        f"Claim {claim.name} lost its volume, which was idle: the rows are in TimescaleDB. "
        "It is deleted and made again; runs wait until the new one is bound."
    )
    return Finding(False, Reason.VOLUME_LOST, message)


def _volume_lost(case: VolumeCase) -> Finding | None:
    """Before the probes too: they speak of a volume that is gone."""
    claim = case.claim
    if claim.phase != "Lost":
        return None
    return Finding(False, Reason.VOLUME_LOST, f"Claim {claim.name} lost its volume.", stuck=True)


def _not_probed(case: VolumeCase) -> Finding | None:
    """Before the age of a verdict: there is none."""
    volume = case.probed.status
    if volume.outcome is not None:
        return None
    reason, message = pending(PROBE, volume)
    return Finding(False, reason, f"Claim {volume.claim_name} is {case.claim.phase}; {message}")


def _out_of_date(case: VolumeCase) -> Finding | None:
    """Before the verdict itself, good or bad: the volume may have changed since."""
    if case.probed.fresh:
        return None
    message = out_of_date(f"claim {case.claim.name}", case.probed.status)
    return Finding(None, Reason.VOLUME_PENDING, message)


def _probe_failed(case: VolumeCase) -> Finding | None:
    """Last. A probe that failed by itself is repeated; a full or read-only volume waits for a person."""
    volume = case.probed.status
    if volume.outcome == Reason.VOLUME_PROBED:
        return None
    reason = Reason.named(volume.outcome) or Reason.VOLUME_PROBE_FAILED
    message = f"Claim {case.claim.name}: {volume.message or reason.meaning}"
    return Finding(False, reason, message, stuck=reason is not Reason.VOLUME_PROBE_FAILED)


def _probed(case: VolumeCase) -> Finding:
    claim = case.claim
    message = f"Claim {claim.name} ({claim.capacity or 'unknown size'}) was written and read back."
    return Finding(True, Reason.VOLUME_PROBED, message)


STORAGE: Chain[VolumeCase] = (
    _no_claim,
    _claim_leaves,
    _idle_volume_lost,
    _volume_lost,
    _not_probed,
    _out_of_date,
    _probe_failed,
)
