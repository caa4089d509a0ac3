"""Which tier serves: chosen before the first rows are stored, and kept from then on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..evaluation import Finding, Notice
from ..grading.chain import Chain, first
from ..vocabulary import Reason
from .api import DataBackboneSpec, TierStatus


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the choice rests on: None is what nobody has looked at, or what is not configured.

    `running` are the plans of which a run is under way; `migrated` is what is true of the database.
    """

    holds_rows: bool | None
    running: tuple[str, ...]
    migrated: Finding | None


@dataclass(frozen=True, slots=True)
class Decision:
    """The tier, whether it is the requested one, and what keeps runs waiting, if anything does."""

    tier: TierStatus
    on_tier: Finding
    waiting: Finding | None = None
    notices: tuple[Notice, ...] = ()


def decide(
    spec: DataBackboneSpec, previous: TierStatus | None, evidence: Evidence, now: datetime
) -> Decision:
    """Choose the tier."""
    wanted = spec.requested_tier
    beginning = TierStatus(active="Bootstrap", requested=wanted, epoch=1, since=now.replace(microsecond=0))
    tier = previous.model_copy(update={"requested": wanted}) if previous is not None else beginning
    if tier.active == "Institutional":
        return _on_institutional(spec, tier)
    if wanted == "Bootstrap":
        return Decision(tier, Finding(True, Reason.ON_TIER, "Bootstrap was asked for and serves."))
    if evidence.holds_rows:
        return Decision(tier, Finding(False, Reason.SWITCH_NOT_AVAILABLE, _HELD))
    obstacle = first(OBSTACLES, evidence)
    if obstacle is not None:
        return Decision(tier, obstacle, waiting=obstacle)
    switched = TierStatus(
        active="Institutional", requested=wanted, epoch=tier.epoch + 1, since=now.replace(microsecond=0)
    )
    message = f"Institutional serves from epoch {switched.epoch} on."
    return Decision(
        switched,
        Finding(True, Reason.ON_TIER, "Institutional was asked for and serves."),
        notices=(Notice("Normal", Reason.TIER_CHANGED, message),),
    )


_HELD = (
    "Institutional is asked for, and the volume holds rows that this version cannot take to TimescaleDB: "
    "Bootstrap serves on. Set spec.mode to Bootstrap to accept that, or create a new DataBackbone with mode "
    "Institutional, whose plans fetch the data again."
)


def _on_institutional(spec: DataBackboneSpec, tier: TierStatus) -> Decision:
    if spec.timescale is None:
        message = (
            "Institutional serves, and spec.timescale is gone: put it back. The data are in its database."
        )
        removed = Finding(False, Reason.DATABASE_REMOVED, message, stuck=True)
        return Decision(tier, removed, waiting=removed)
    if tier.requested == tier.active:
        return Decision(tier, Finding(True, Reason.ON_TIER, "Institutional was asked for and serves."))
    message = (
        "The spec asks for Bootstrap, and this version cannot take TimescaleDB's data back to the volume: "
        "Institutional serves on. Set spec.mode to Institutional, or create a new DataBackbone."
    )
    return Decision(tier, Finding(False, Reason.SWITCH_NOT_AVAILABLE, message))


def _database_not_migrated(evidence: Evidence) -> Finding | None:
    """First: without its database the tier has nothing to serve from."""
    migrated = evidence.migrated
    if migrated is not None and migrated.holds is True:
        return None
    found = migrated or Finding(None, Reason.MIGRATION_PENDING, "The database was not looked at yet.")
    message = f"Institutional waits for its database. {found.message}"
    return Finding(found.holds, found.reason, message, stuck=found.stuck)


def _rows_unknown(evidence: Evidence) -> Finding | None:
    """Before runs: one that ended may have left rows that nobody has looked for."""
    if evidence.holds_rows is not None:
        return None
    message = "Institutional waits until the volume was looked at: it may hold rows."
    return Finding(False, Reason.TIER_PENDING, message)


def _run_under_way(evidence: Evidence) -> Finding | None:
    """Last: a run ends by itself."""
    for plan in evidence.running:
        message = f"Institutional waits for the end of a run of plan {plan}, which stores on Bootstrap."
        return Finding(False, Reason.TIER_PENDING, message)
    return None


OBSTACLES: Chain[Evidence] = (_database_not_migrated, _rows_unknown, _run_under_way)
"""What has to come before the institutional tier can serve."""
