"""What is done about a DataBackbone: its children as they should be, and the Jobs that are due."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..evaluation import Action, Apply, Prune, Start
from ..naming import mark_of
from ..ports.readings import ClaimReading
from . import children
from .api import TierStatus, VolumeStatus
from .children import Backbone
from .observation import Observation
from .probing import of_claim
from .services import Services


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known after a look, and when the volume is probed next: None is at once."""

    volume: VolumeStatus
    services: Services
    tier: TierStatus
    probe_due: datetime | None

    def next_after(self, now: datetime) -> timedelta | None:
        """How long until a Job is due that is not due yet."""
        coming = [due - now for due in (self.probe_due, self.services.due) if due is not None and due > now]
        return min(coming, default=None)


def leaving(seen: Observation) -> bool:
    """Whether a child of an earlier life is still on its way out; its name is free afterwards."""
    return any(child is not None and child.terminating for child in (seen.claim, seen.binding))


def prunes(seen: Observation, but: Container[str | None] = ()) -> tuple[Action, ...]:
    """Delete finished Jobs but those: their pods would hold a claim that is being deleted."""
    jobs = (*seen.probes, *seen.checks)
    return tuple(Prune(job.name, job.uid) for job in jobs if job.finished and job.name not in but)


def actions_of(
    backbone: Backbone, seen: Observation, standing: Standing, now: datetime
) -> tuple[Action, ...]:
    """What this visit does."""
    actions: list[Action] = [Apply(children.binding(backbone, standing.tier), seen.binding)]
    claim = seen.claim
    if claim is not None and not backbone.spec.suspend and claim.phase != "Lost":
        actions += _probe(backbone, seen, standing, claim, now)
        actions += _look_at_services(backbone, seen, standing.services, now)
    database = standing.services.database
    actions += prunes(seen, but=(standing.volume.probe_job, database.job if database is not None else None))
    return (*actions, *_claims(backbone, claim))


def _probe(
    backbone: Backbone, seen: Observation, standing: Standing, claim: ClaimReading, now: datetime
) -> tuple[Start, ...]:
    idle = all(job.finished is not None for job in of_claim(seen.probes, claim))
    if not idle or (standing.probe_due is not None and standing.probe_due > now):
        return ()
    attempted = standing.volume.attempted_at
    attempt = attempted.isoformat() if attempted else "first"
    return (Start(children.probe(backbone, claim.uid, attempt, seen.images)),)


def _look_at_services(
    backbone: Backbone, seen: Observation, services: Services, now: datetime
) -> tuple[Start, ...]:
    wish, database = services.wish, services.database
    idle = all(job.finished is not None for job in seen.checks)
    if wish is None or database is None or not idle or (services.due is not None and services.due > now):
        return ()
    attempt = database.attempted_at.isoformat() if database.attempted_at else "first"
    confirm = wish.token if wish.token != database.confirmed else None
    return (Start(children.database(backbone, wish.cause, confirm, attempt, seen.images)),)


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
