"""Decide what is true of a DataBackbone and what is to be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ..evaluation import Action, Evaluation, Finding, Notice, Refusal, as_conditions, said_once
from ..jobs.pods import claim_name
from ..measures import Measure
from ..ports.cluster import DATA_BACKBONE
from ..schema import read_back
from ..tokens import with_ignored
from ..vocabulary import ConditionType, Reason
from . import accepted
from .actions import Standing, actions_of, leaving, prunes
from .api import PENDING_TIER, DataBackboneStatus, TierStatus, VolumeStatus
from .audit import LastChange, differences, last_change
from .children import Backbone
from .measures import of_cache, of_lag, of_readiness, of_topics
from .observation import Observation
from .readiness import Case, name_taken, summary
from .services import Services, services_of
from .tiers import Decision, Evidence, decide
from .volume_findings import VolumeCase, storage
from .volume_look import Probed, read_probes


def evaluate(backbone: Backbone, seen: Observation, refusals: Sequence[Refusal], now: datetime) -> Evaluation:
    """Judge one observation. `refusals` are the API server's answers to this visit's actions."""
    previous = read_back(DataBackboneStatus, backbone.status)
    probed = read_probes(backbone, previous, seen, now)
    volume = probed.status
    services = services_of(backbone, previous, seen, now, holds_rows=volume.holds_rows)
    change = _change(backbone, previous, now)
    running = tuple(plan.name for plan in seen.plans if plan.running)
    evidence = Evidence(volume.holds_rows, running, services.settled)
    decision = decide(backbone.spec, previous.tier, evidence, now)
    volume_found = storage(VolumeCase(seen, probed, decision.tier))
    case = Case(backbone, seen, refusals, volume_found, services, decision)
    whole = summary(case)
    findings = {
        ConditionType.READY: whole.found,
        ConditionType.VALIDATED: _valid(backbone),
        ConditionType.STORAGE_AVAILABLE: volume_found,
        ConditionType.ON_REQUESTED_TIER: decision.on_tier,
        **services.findings,
        ConditionType.STALLED: whole.stalled,
        ConditionType.RECONCILING: whole.reconciling,
    }
    tier = _placed(decision.tier, seen, services)
    standing = Standing(_hurried(probed, decision), services, tier)
    return Evaluation(
        conditions=as_conditions(said_once(findings, _SAYS_IT), backbone.generation),
        fields=DataBackboneStatus(
            tier=tier,
            serving=_serving_tier(decision),
            volume=volume,
            database=services.database,
            cache=services.cache,
            topics=services.topics_status,
            lag=services.lag_status,
            stream_readiness=services.readiness,
            last_change=change or previous.last_change,
            accepted_spec=accepted.keep(backbone.spec),
            plans=len(seen.plans),
        ),
        actions=_actions(case, standing, now),
        notices=(
            *_told(change),
            *decision.notices,
            *services.notices,
            *_made_again(previous.volume, volume, tier),
        ),
        measures=_measures(services, previous),
        recheck_after=standing.ages_after(now) if backbone.spec.suspend else standing.next_after(seen, now),
    )


def _measures(services: Services, previous: DataBackboneStatus) -> tuple[Measure, ...]:
    return (
        *of_cache(services.cache),
        *of_topics(services.topics_status),
        *of_lag(services.lag_status, previous.lag),
        *of_readiness(services.readiness),
    )


def _actions(case: Case, standing: Standing, now: datetime) -> tuple[Action, ...]:
    if name_taken(case) is not None:
        return ()
    if leaving(case.seen):
        return prunes(case.seen)
    return actions_of(case.backbone, case.seen, standing, now)


_SAYS_IT = (
    ConditionType.MIGRATED,
    ConditionType.STORAGE_AVAILABLE,
    ConditionType.RETENTION_MET,
    ConditionType.POLICIES_RUN,
    ConditionType.ON_REQUESTED_TIER,
    ConditionType.STREAM_HEALTHY,
    ConditionType.TOPICS_PROVISIONED,
    ConditionType.STALLED,
    ConditionType.READY,
    ConditionType.RECONCILING,
)
"""Of conditions that would say the same at length, the first one says it."""


def _valid(backbone: Backbone) -> Finding:
    message = f"The spec makes sense.{_deletion(backbone)}"
    return Finding(True, Reason.VALID, with_ignored(message, DATA_BACKBONE.kind, backbone.annotations))


def _deletion(backbone: Backbone) -> str:
    """What Delete does not reach, said before anybody deletes."""
    spec, stay = backbone.spec, []
    if spec.timescale is not None:
        stay.append(
            "nothing of TimescaleDB does: rows, policies and the database's own jobs stay, and its retention "
            "goes on dropping"
        )
    if spec.kafka is not None:
        stay.append("no topic of Kafka does")
    if spec.deletion_policy != "Delete" or not stay:
        return ""
    claim = claim_name(backbone.name)
    return f" With deletionPolicy Delete claim {claim} goes with this object, and {'; '.join(stay)}."


def _placed(tier: TierStatus, seen: Observation, services: Services) -> TierStatus:
    """The tier with what says whose its database is; what nobody could see stays as it was."""
    mark = services.database.mark if services.database and tier.active == "Institutional" else None
    placed = {"cluster": seen.cluster or tier.cluster, "database": mark or tier.database}
    return tier.model_copy(update=placed)


def _serving_tier(decision: Decision) -> str:
    """In a word: before the requested tier is ready, and where no rows are on the other one, none serves."""
    waits = decision.waiting is not None and decision.tier.active == "Bootstrap"
    return PENDING_TIER if waits else decision.tier.active


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


def _hurried(probed: Probed, decision: Decision) -> Probed:
    """The probe, due sooner where a tier waits for what an older worker's did not tell."""
    waits = decision.waiting is not None and probed.status.holds_rows is None
    if waits and probed.due is not None and probed.soon is not None:
        return replace(probed, due=min(probed.due, probed.soon))
    return probed


def _made_again(before: VolumeStatus | None, volume: VolumeStatus, tier: TierStatus) -> tuple[Notice, ...]:
    """An event where the idle volume of the institutional tier is on another claim than before."""
    known = before.cause if before is not None else None
    if tier.active != "Institutional" or known is None or volume.cause == known:
        return ()
    message = f"Claim {volume.claim_name} was lost or deleted and is a new one; the rows are in TimescaleDB."
    return (Notice("Warning", Reason.VOLUME_MADE_AGAIN, message),)
