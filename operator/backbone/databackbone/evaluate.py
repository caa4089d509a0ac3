"""Decide what is true of a DataBackbone and what is to be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import ValidationError

from ..authority.tier import requested_tier
from ..evaluation import Action, Apply, Evaluation, Finding, Prune, Refusal, Start, as_conditions, refused
from ..naming import mark_of
from ..ports.readings import ChildReading, ClaimReading
from ..vocabulary import LABEL_BACKBONE, ConditionType, Reason
from ..workload import claim_name
from . import children
from .api import DataBackboneStatus, TierStatus, VolumeStatus
from .children import Backbone
from .observation import Observation
from .probing import next_probe, of_claim, read_probes, stands


def evaluate(backbone: Backbone, seen: Observation, refusals: Sequence[Refusal], now: datetime) -> Evaluation:
    """Judge one observation. `refusals` are the API server's answers to this visit's actions."""
    previous = _previous(backbone)
    volume = read_probes(previous.volume or VolumeStatus(claim_name=claim_name(backbone.name)), seen, now)
    tier = _tier(backbone, previous, now)
    taken = _taken(backbone, seen)
    storage = _storage(volume, seen, now)
    ready = _ready(backbone, seen, taken, storage, refusals)
    findings = {
        ConditionType.READY: ready,
        ConditionType.VALIDATED: Finding(True, Reason.VALID, "The spec makes sense."),
        ConditionType.STORAGE_AVAILABLE: storage,
        ConditionType.ON_REQUESTED_TIER: _on_tier(tier),
        ConditionType.STALLED: _stalled(ready, storage, refusals),
    }
    findings[ConditionType.RECONCILING] = _reconciling(ready, findings[ConditionType.STALLED])
    due = next_probe(volume, seen)
    if taken is not None:
        actions: tuple[Action, ...] = ()
    elif _leaving(seen):
        actions = _prunes(seen)
    else:
        actions = _actions(backbone, seen, volume, tier, due is None or due <= now)
    return Evaluation(
        conditions=as_conditions(findings, backbone.generation),
        fields=DataBackboneStatus(tier=tier, volume=volume, plans=len(seen.plans)),
        actions=actions,
        recheck_after=due - now if due is not None and due > now and not backbone.spec.suspend else None,
    )


def _leaving(seen: Observation) -> bool:
    """Whether a child of an earlier life is still on its way out; its name is free afterwards."""
    return any(child is not None and child.terminating for child in (seen.claim, seen.binding))


def _prunes(seen: Observation, but: str | None = None) -> tuple[Action, ...]:
    """Delete finished probes: their pods would hold a claim that is being deleted."""
    return tuple(Prune(job.name, job.uid) for job in seen.probes if job.finished and job.name != but)


def _actions(
    backbone: Backbone,
    seen: Observation,
    volume: VolumeStatus,
    tier: TierStatus,
    probe_due: bool,
) -> tuple[Action, ...]:
    actions: list[Action] = [Apply(children.binding(backbone, tier), seen.binding)]
    claim = seen.claim
    if claim is not None:
        probes = of_claim(seen.probes, claim)
        idle = all(job.finished is not None for job in probes)
        if idle and not backbone.spec.suspend and claim.phase != "Lost" and probe_due:
            attempt = volume.attempted_at.isoformat() if volume.attempted_at else "first"
            actions.append(Start(children.probe(backbone, claim.uid, attempt, seen.images)))
    actions += _prunes(seen, but=volume.probe_job)
    return (*actions, *_claims(backbone, claim))


def _claims(backbone: Backbone, claim: ClaimReading | None) -> tuple[Apply, ...]:
    """The claim as it should be, and what lets it grow.

    Growth comes last, by itself, and once everything else stands: a claim that may not grow is no reason to
    leave the rest undone, least of all the change of the policy that says whether the data goes with its
    backbone. A wish for growth that was taken is not undone, whatever size the API server made of it: two
    documents in turns would write for ever.
    """
    standing = children.claim(backbone, claim, grow=False)
    if claim is None or not children.grows(backbone, claim):
        return (Apply(standing, claim),)
    growth = children.claim(backbone, claim, grow=True)
    if claim.desired == mark_of(growth):
        return (Apply(growth, claim),)
    if claim.phase == "Bound" and claim.desired == mark_of(standing):
        return (Apply(standing, claim), Apply(growth, claim))
    return (Apply(standing, claim),)


def _taken(backbone: Backbone, seen: Observation) -> ChildReading | None:
    for child in (seen.claim, seen.binding):
        if child is not None and not child.belongs_to(backbone.uid, {LABEL_BACKBONE: backbone.name}):
            return child
    return None


def _tier(backbone: Backbone, previous: DataBackboneStatus, now: datetime) -> TierStatus:
    requested = requested_tier(backbone.spec.mode)
    if previous.tier is not None:
        return previous.tier.model_copy(update={"requested": requested})
    return TierStatus(active="Bootstrap", requested=requested, epoch=1, since=now.replace(microsecond=0))


def _on_tier(tier: TierStatus) -> Finding:
    if tier.active == tier.requested:
        return Finding(True, Reason.ON_TIER, f"{tier.active} was asked for and serves.")
    message = (
        f"spec.mode asks for {tier.requested}, which this version cannot serve yet; {tier.active} serves. "
        "Set spec.mode to Auto or Bootstrap to accept that."
    )
    return Finding(False, Reason.TIER_NOT_AVAILABLE, message)


def _storage(volume: VolumeStatus, seen: Observation, now: datetime) -> Finding:
    claim = seen.claim
    if claim is None:
        return Finding(False, Reason.VOLUME_PENDING, f"Claim {volume.claim_name} is about to be created.")
    trouble = _claim_trouble(claim)
    if trouble is not None:
        return trouble
    if volume.probe_outcome is None:
        return Finding(False, Reason.VOLUME_PENDING, _pending_message(volume, claim.phase))
    if not stands(volume, seen.probe_interval, now):
        why = volume.probe_trouble or volume.message or "no probe ran"
        message = f"The last verdict on claim {claim.name}, {volume.probe_outcome}, is out of date: {why}"
        return Finding(None, Reason.VOLUME_PENDING, message)
    if volume.probe_outcome == Reason.VOLUME_PROBED:
        message = f"Claim {claim.name} ({claim.capacity or 'unknown size'}) was written and read back."
        return Finding(True, Reason.VOLUME_PROBED, message)
    reason = Reason.named(volume.probe_outcome) or Reason.VOLUME_PROBE_FAILED
    message = f"Claim {claim.name}: {volume.message or reason.meaning}"
    return Finding(False, reason, message, stuck=reason is not Reason.VOLUME_PROBE_FAILED)


def _claim_trouble(claim: ClaimReading) -> Finding | None:
    if claim.terminating:
        message = (
            f"Claim {claim.name} is being deleted. It goes when no pod mounts it any more, finished ones "
            f"included: see Used By in `kubectl describe pvc {claim.name}`."
        )
        return Finding(False, Reason.VOLUME_LEAVING, message, stuck=True)
    if claim.phase == "Lost":
        return Finding(False, Reason.VOLUME_LOST, f"Claim {claim.name} lost its volume.", stuck=True)
    return None


def _pending_message(volume: VolumeStatus, phase: str) -> str:
    claim = f"Claim {volume.claim_name} is {phase}"
    if volume.probe_trouble is not None:
        return f"{claim}; its probe does not run: {volume.probe_trouble}"
    if volume.message:
        return f"{claim}; its probe did not reach it: {volume.message}"
    return f"{claim}; its probe has not ended yet (`kubectl describe job` tells what keeps it)."


def _ready(
    backbone: Backbone,
    seen: Observation,
    taken: ChildReading | None,
    storage: Finding,
    refusals: Sequence[Refusal],
) -> Finding:
    if backbone.spec.suspend:
        return Finding(False, Reason.SUSPENDED, "spec.suspend is true: no work starts; data stays as it is.")
    if taken is not None:
        message = f"{taken.kind} {taken.name} exists and belongs to somebody else; rename or remove it."
        return Finding(False, Reason.NAME_TAKEN, message, stuck=True)
    growth = refused(refusals, claim_name(backbone.name))
    for refusal in refusals:
        # A claim that may not grow still takes and gives data.
        if refusal is not growth or seen.claim is None:
            return Finding(False, refusal.reason, _refusal_message(refusal), stuck=True)
    if storage.holds is not True:
        return Finding(storage.holds, storage.reason, storage.message, storage.stuck)
    works = "Data can be written and read on tier Bootstrap."
    for refusal in refusals:
        return Finding(True, refusal.reason, f"{works} But {_refusal_message(refusal)}")
    return Finding(True, Reason.AVAILABLE, works)


def _stalled(ready: Finding, storage: Finding, refusals: Sequence[Refusal]) -> Finding:
    if ready.stuck:
        return Finding(True, ready.reason, ready.message)
    if refusals:
        return Finding(True, refusals[0].reason, _refusal_message(refusals[0]))
    if storage.stuck:
        return Finding(True, storage.reason, storage.message)
    return Finding(False, Reason.SETTLED, "The operator goes on by itself.")


def _reconciling(ready: Finding, stalled: Finding) -> Finding:
    if ready.holds is True or ready.reason is Reason.SUSPENDED or stalled.holds:
        return Finding(False, Reason.SETTLED, "Nothing is left to do for the current spec.")
    return Finding(True, Reason.PROGRESSING, ready.message)


def _refusal_message(refusal: Refusal) -> str:
    return f"{refusal.child}: {refusal.message}"


def _previous(backbone: Backbone) -> DataBackboneStatus:
    try:
        return DataBackboneStatus.model_validate(backbone.status, extra="ignore")
    except ValidationError:
        return DataBackboneStatus()
