"""What is done about a DataBackbone: its children as they should be, and the Jobs that are due."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..evaluation import Action, Apply, Prune, Start
from ..jobs.ends import OTHER_SETTINGS, look_again, outdated
from ..jobs.looks import Reading, next_due
from ..jobs.pods import pods_mark
from ..naming import stamp_of
from ..ports.cluster import CLAIM
from ..ports.readings import ClaimReading
from . import children
from .api import TierStatus, VolumeStatus
from .children import Backbone
from .database_look import Checked
from .lag_look import LagLooked
from .observation import Observation
from .services import Services
from .topics_look import TopicsChecked
from .volume_look import Probed

GONE = "it lost its volume, and no row was on it"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known after a visit's Jobs were read."""

    probed: Probed
    services: Services
    tier: TierStatus

    @property
    def looks(self) -> tuple[Reading[Any, Any], ...]:
        """All looks of this backbone."""
        checks = (self.services.checked, self.services.topics, self.services.lag)
        return (self.probed, *(item.look for item in checks if item is not None))

    def ages_after(self, now: datetime) -> timedelta | None:
        """How long until a word that status shows is too old, whether or not a Job is due."""
        return self.services.lag.ages_after(now) if self.services.lag is not None else None

    def next_after(self, seen: Observation, now: datetime) -> timedelta | None:
        """How long until a Job is due that is not due yet, one waits for its pod still, or a word ages."""
        waits = (next_due(self.looks, now), look_again(seen.jobs, now), self.ages_after(now))
        return min((wait for wait in waits if wait is not None), default=None)


def leaving(seen: Observation) -> bool:
    """Whether a child of an earlier life is still on its way out; its name is free afterwards."""
    return any(child is not None and child.terminating for child in (seen.claim, seen.binding))


def expendable(claim: ClaimReading, volume: VolumeStatus, tier: TierStatus) -> bool:
    """Whether a claim lost a volume that nobody misses: the rows are in TimescaleDB, and it held none."""
    idle = tier.active == "Institutional" and volume.holds_rows is not True
    return claim.phase == "Lost" and not claim.terminating and idle


def prunes(seen: Observation, but: Container[str | None] = ()) -> tuple[Action, ...]:
    """Delete finished Jobs but those: their pods would hold a claim that is being deleted."""
    return tuple(Prune(job.name, job.uid) for job in seen.jobs if job.finished and job.name not in but)


def actions_of(
    backbone: Backbone, seen: Observation, standing: Standing, now: datetime
) -> tuple[Action, ...]:
    """What this visit does."""
    actions: list[Action] = [
        Apply(children.binding(backbone, standing.tier, standing.services.readiness), seen.binding)
    ]
    claim = seen.claim
    if (
        claim is not None
        and not backbone.spec.suspend
        and expendable(claim, standing.probed.status, standing.tier)
    ):
        # No pod starts with it. Once it is gone a new one is made, as where somebody deletes it.
        return (*actions, *prunes(seen), Prune(claim.name, claim.uid, CLAIM, GONE))
    if claim is not None and not backbone.spec.suspend and claim.phase != "Lost":
        actions += _probe(backbone, seen, standing.probed, claim, now)
        actions += _check(backbone, seen, standing.services.checked, now)
        actions += _topics(backbone, seen, standing.services.topics, now)
        actions += _lag(backbone, seen, standing.services.lag, now)
    actions += _outdated(backbone, seen)
    actions += prunes(seen, but=[look.status.job for look in standing.looks])
    return (*actions, *_claims(backbone, claim))


def _outdated(backbone: Backbone, seen: Observation) -> tuple[Prune, ...]:
    """Delete Jobs whose pods are refused by what the spec said before: the next ones are made anew."""
    mark = pods_mark(children.pods_of(backbone))
    return tuple(Prune(job.name, job.uid, why=OTHER_SETTINGS) for job in seen.jobs if outdated(job, mark))


def _probe(
    backbone: Backbone, seen: Observation, probed: Probed, claim: ClaimReading, now: datetime
) -> tuple[Start, ...]:
    if not probed.starts(now):
        return ()
    why = "" if probed.status.attempted_at else f"claim {claim.name} was never probed"
    return (Start(children.probe(backbone, claim.uid, probed.attempt, seen.images), why),)


def _check(
    backbone: Backbone, seen: Observation, checked: Checked | None, now: datetime
) -> tuple[Start, ...]:
    if checked is None or not checked.look.starts(now):
        return ()
    request, status = checked.request, checked.look.status
    confirm = request.token if request.token != status.confirmed else None
    why = ""
    if status.cause != request.cause:
        why = "the spec, the operator's version or a confirmation requires a check of the database"
    job = children.database(backbone, request.cause, confirm, checked.look.attempt, seen.images)
    return (Start(job, why),)


def _topics(
    backbone: Backbone, seen: Observation, checked: TopicsChecked | None, now: datetime
) -> tuple[Start, ...]:
    if checked is None or not checked.look.starts(now):
        return ()
    request, status = checked.request, checked.look.status
    confirm = request.token if request.token != status.confirmed else None
    why = ""
    if status.cause != request.cause:
        why = "the spec, the operator's version or a confirmation requires a check of the topics"
    job = children.topics(backbone, request.cause, confirm, checked.look.attempt, seen.images)
    return (Start(job, why),)


def _lag(backbone: Backbone, seen: Observation, looked: LagLooked | None, now: datetime) -> tuple[Start, ...]:
    if looked is None or not looked.look.starts(now):
        return ()
    why = "" if looked.look.status.cause == looked.cause else "the spec requires a look at the lag"
    return (Start(children.lag(backbone, looked.cause, looked.look.attempt, seen.images), why),)


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
    if claim.desired == stamp_of(growth):
        return (Apply(growth, claim),)
    if claim.phase == "Bound" and claim.desired == stamp_of(standing):
        return (Apply(standing, claim), Apply(growth, claim))
    return (Apply(standing, claim),)
