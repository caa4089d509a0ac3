"""Decide what is true of a DataBackbone and what is to be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..evaluation import Action, Evaluation, Finding, Notice, Refusal, as_conditions, refused
from ..ports.readings import ChildReading, ClaimReading
from ..schema import read_back
from ..vocabulary import LABEL_BACKBONE, ConditionType, Reason
from ..workload import claim_name
from . import accepted
from .actions import Standing, actions_of, leaving, prunes
from .api import DataBackboneStatus, TierStatus, VolumeStatus
from .audit import LastChange, differences, last_change
from .children import Backbone
from .observation import Observation
from .probing import RETRY_LIMIT, next_probe, note_rows, read_probes, stands
from .services import Services, measures_of, services_of
from .tiers import Decision, Evidence, decide


def evaluate(backbone: Backbone, seen: Observation, refusals: Sequence[Refusal], now: datetime) -> Evaluation:
    """Judge one observation. `refusals` are the API server's answers to this visit's actions."""
    previous = read_back(DataBackboneStatus, backbone.status)
    volume = read_probes(previous.volume or VolumeStatus(claim_name=claim_name(backbone.name)), seen, now)
    if previous.tier is None or previous.tier.active == "Bootstrap":
        volume = note_rows(volume, seen, backbone.created)
    services = services_of(backbone, previous, seen, now, holds_rows=volume.holds_rows)
    change = _change(backbone, previous, now)
    running = tuple(plan.name for plan in seen.plans if plan.running)
    evidence = Evidence(volume.holds_rows, running, services.migrated)
    decision = decide(backbone.spec, previous.tier, evidence, now)
    taken = _taken(backbone, seen)
    storage = _storage(volume, seen, now)
    idle = decision.tier.active == "Institutional" and _mounts(seen.claim)
    ready = _ready(backbone, seen, taken, _serving(storage, services, decision, idle=idle), refusals)
    findings = {
        ConditionType.READY: ready,
        ConditionType.VALIDATED: Finding(True, Reason.VALID, "The spec makes sense."),
        ConditionType.STORAGE_AVAILABLE: storage,
        ConditionType.ON_REQUESTED_TIER: decision.on_tier,
        **services.findings,
        ConditionType.STALLED: _stalled(ready, storage, refusals),
    }
    findings[ConditionType.RECONCILING] = _reconciling(ready, findings[ConditionType.STALLED])
    tier = _placed(decision.tier, seen, services)
    standing = Standing(volume, services, tier, _probe_due(volume, seen, decision))
    if taken is not None:
        actions: tuple[Action, ...] = ()
    elif leaving(seen):
        actions = prunes(seen)
    else:
        actions = actions_of(backbone, seen, standing, now)
    return Evaluation(
        conditions=as_conditions(findings, backbone.generation),
        fields=DataBackboneStatus(
            tier=tier,
            volume=volume,
            database=services.database,
            cache=services.cache,
            last_change=change or previous.last_change,
            accepted_spec=accepted.keep(backbone.spec),
            plans=len(seen.plans),
        ),
        actions=actions,
        notices=(*_told(change), *decision.notices, *_made_again(previous.volume, volume, tier)),
        measures=measures_of(services.cache),
        recheck_after=None if backbone.spec.suspend else standing.next_after(now),
    )


def _placed(tier: TierStatus, seen: Observation, services: Services) -> TierStatus:
    """The tier with what says whose its database is; what nobody could see stays as it was."""
    mark = services.database.mark if services.database and tier.active == "Institutional" else None
    placed = {"cluster": seen.cluster or tier.cluster, "database": mark or tier.database}
    return tier.model_copy(update=placed)


def _change(backbone: Backbone, previous: DataBackboneStatus, now: datetime) -> LastChange | None:
    """What changed since the spec that was accepted last; None where nothing did, or none was kept.

    That spec stands in the status, which is written as one: nobody can die between taking a change up and
    telling it. It is read with the defaults of today, so that a new version's are no change of the user's.
    """
    if previous.accepted_spec is None:
        return None
    documents = accepted.before_and_after(previous.accepted_spec, backbone.spec)
    changes = differences(*documents) if documents is not None else ()
    return last_change(changes, backbone.generation, now) if changes else None


def _told(change: LastChange | None) -> tuple[Notice, ...]:
    if change is None:
        return ()
    return (Notice("Normal", Reason.CONFIGURATION_CHANGED, f"spec changed: {change.summary}"),)


def _probe_due(volume: VolumeStatus, seen: Observation, decision: Decision) -> datetime | None:
    """When the next probe is due: sooner where a tier waits for what an older worker's probe did not tell."""
    due = next_probe(volume, seen)
    waits = decision.waiting is not None and volume.holds_rows is None
    if waits and due is not None and volume.attempted_at is not None:
        return min(due, volume.attempted_at + RETRY_LIMIT)
    return due


def _taken(backbone: Backbone, seen: Observation) -> ChildReading | None:
    for child in (seen.claim, seen.binding):
        if child is not None and not child.belongs_to(backbone.uid, {LABEL_BACKBONE: backbone.name}):
            return child
    return None


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


_HARMLESS_IDLE = {Reason.VOLUME_FULL, Reason.VOLUME_READ_ONLY, Reason.VOLUME_PENDING}
"""What keeps rows from an idle volume, and no pod from mounting it once it is bound."""


def _mounts(claim: ClaimReading | None) -> bool:
    return claim is not None and claim.phase == "Bound" and not claim.terminating


def _made_again(before: VolumeStatus | None, volume: VolumeStatus, tier: TierStatus) -> tuple[Notice, ...]:
    """An event where the idle volume of the institutional tier is on another claim than before."""
    known = before.claim_uid if before is not None else None
    if tier.active != "Institutional" or known is None or volume.claim_uid == known:
        return ()
    message = f"Claim {volume.claim_name} was lost or deleted and is a new one; the rows are in TimescaleDB."
    return (Notice("Warning", Reason.VOLUME_MADE_AGAIN, message),)


def _serving(storage: Finding, services: Services, decision: Decision, *, idle: bool) -> Finding:
    """Whether data can be written and read on the tier that serves, or is about to.

    `idle` is whether that is not the volume's, which pods can mount all the same.
    """
    harmless = idle and storage.reason in _HARMLESS_IDLE
    if storage.holds is not True and not harmless:
        return storage
    if decision.waiting is not None:
        return decision.waiting
    database = services.migrated
    if decision.tier.active == "Institutional" and database is not None and database.holds is not True:
        return database
    message = f"Data can be written and read on tier {decision.tier.active}."
    if storage.holds is not True:
        message += f" But its volume, which is idle: {storage.message}"
    return Finding(True, Reason.AVAILABLE, message)


def _ready(
    backbone: Backbone,
    seen: Observation,
    taken: ChildReading | None,
    serving: Finding,
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
    if serving.holds is True:
        for refusal in refusals:
            return Finding(True, refusal.reason, f"{serving.message} But {_refusal_message(refusal)}")
    return serving


def _stalled(ready: Finding, storage: Finding, refusals: Sequence[Refusal]) -> Finding:
    if ready.stuck:
        return Finding(True, ready.reason, ready.message)
    if refusals:
        return Finding(True, refusals[0].reason, _refusal_message(refusals[0]))
    if storage.stuck and ready.holds is not True:
        return Finding(True, storage.reason, storage.message)
    return Finding(False, Reason.SETTLED, "The operator goes on by itself.")


def _reconciling(ready: Finding, stalled: Finding) -> Finding:
    if ready.holds is True or ready.reason is Reason.SUSPENDED or stalled.holds:
        return Finding(False, Reason.SETTLED, "Nothing is left to do for the current spec.")
    return Finding(True, Reason.PROGRESSING, ready.message)


def _refusal_message(refusal: Refusal) -> str:
    return f"{refusal.child}: {refusal.message}"
