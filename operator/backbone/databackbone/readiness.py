"""Whether a backbone's data can be written and read, on the tier that serves: an ordered chain of checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..evaluation import Finding, Refusal
from ..grading import children
from ..grading.chain import Chain, first
from ..grading.summary import Summary, summarize
from ..jobs.pods import claim_name
from ..vocabulary import LABEL_BACKBONE, ConditionType, Outcome, Reason
from .children import Backbone
from .observation import Observation
from .services import Services
from .tiers import Decision

HARMLESS_IDLE = {
    Reason.VOLUME_FULL,
    Reason.VOLUME_READ_ONLY,
    Reason.VOLUME_PENDING,
    Outcome.POD_REFUSED,
}
"""What keeps rows from an idle volume, and no pod from mounting it once it is bound."""


@dataclass(frozen=True, slots=True)
class Case:
    """A backbone, what the API server refused in this visit, and what is true of its parts."""

    backbone: Backbone
    seen: Observation
    refusals: Sequence[Refusal]
    storage: Finding
    services: Services
    decision: Decision

    @property
    def database(self) -> Finding | None:
        """Whether the database takes and gives rows, where it is the one that serves."""
        return self.services.serves if self.decision.tier.active == "Institutional" else None


def summary(case: Case) -> Summary:
    """Ready, and what it means for Reconciling and Stalled."""
    ready = first(READY, case) or _serves(case)
    return summarize(
        ready,
        # What works in spite of its volume is not stalled by it.
        beside=(*map(children.refused, case.refusals), *(() if ready.holds is True else (case.storage,))),
        behind=case.services.left,
    )


def name_taken(case: Case) -> Finding | None:
    """Before what the API server refused: the operator tries to write none of these."""
    seen, backbone = case.seen, case.backbone
    return children.name_taken((seen.claim, seen.binding), backbone.uid, {LABEL_BACKBONE: backbone.name})


def _suspended(case: Case) -> Finding | None:
    """First: somebody asked for it, whatever else is wrong."""
    if not case.backbone.spec.suspend:
        return None
    return Finding(False, Reason.SUSPENDED, "spec.suspend is true: no work starts; data stays as it is.")


def _child_refused(case: Case) -> Finding | None:
    """Before the parts, which lack this child. A claim that only cannot grow comes last, since it works."""
    refusals = (item for item in case.refusals if not (case.seen.claim and _is_claim(case, item)))
    return next(map(children.refused, refusals), None)


def _volume_unsound(case: Case) -> Finding | None:
    """Before the tier: pods mount the volume on every tier. An idle one only has to be mounted."""
    storage = case.storage
    harmless = _idle_and_mounted(case) and storage.reason in HARMLESS_IDLE
    return None if storage.holds is True or harmless else storage


def _tier_pending(case: Case) -> Finding | None:
    """Before the database: as long as no tier serves, this says what is missing of it."""
    return case.decision.waiting


def _database_unwell(case: Case) -> Finding | None:
    """Last of what keeps data from being written and read; on Bootstrap nobody asks the database."""
    database = case.database
    return None if database is None or database.holds is True else database


def _growth_refused(case: Case) -> Finding | None:
    """After all that keeps it from working: a claim that cannot grow still accepts reads and writes."""
    for refusal in case.refusals:
        message = f"{_serves(case).message} But {children.refused(refusal).message}"
        return Finding(True, refusal.reason, message)
    return None


def _serves(case: Case) -> Finding:
    decision, database = case.decision, case.database
    reason = Reason.AVAILABLE
    message = f"Data can be written and read on tier {decision.tier.active}."
    if decision.on_tier.reason is Reason.SWITCH_NOT_AVAILABLE:
        reason = Reason.SWITCH_NOT_AVAILABLE
        message += (
            f" {decision.tier.requested} was asked for: see condition {ConditionType.ON_REQUESTED_TIER}."
        )
    if database is not None and database is not case.services.migrated:
        message += f" {database.message}"
    if case.storage.holds is not True:
        message += f" But its volume, which is idle: {case.storage.message}"
    return Finding(True, reason, message)


def _is_claim(case: Case, refusal: Refusal) -> bool:
    return refusal.child == claim_name(case.backbone.name)


def _idle_and_mounted(case: Case) -> bool:
    claim = case.seen.claim
    mounts = claim is not None and claim.phase == "Bound" and not claim.terminating
    return case.decision.tier.active == "Institutional" and mounts


READY: Chain[Case] = (
    _suspended,
    name_taken,
    _child_refused,
    _volume_unsound,
    _tier_pending,
    _database_unwell,
    _growth_refused,
)
