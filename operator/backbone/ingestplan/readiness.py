"""Whether a plan's last run delivered what is required, and whether the plan is Ready: chains of checks."""

from __future__ import annotations

from dataclasses import dataclass

from ..evaluation import Finding
from ..grading.chain import Chain, first
from ..vocabulary import Outcome, Reason
from .api import IngestPlanStatus, RunStatus
from .children import Plan
from .fires import missed_finding
from .runs import delivered, required_dimensions
from .spec_scope import precedes_request

ONLY_A_CHANGE_HELPS = {Outcome.UNKNOWN_SYMBOL, Outcome.INVALID_PLAN, Outcome.SAMPLE_DATA_MISSING}
"""Outcomes that the next scheduled run would repeat."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A plan and the record of its runs after this visit."""

    plan: Plan
    status: IngestPlanStatus

    @property
    def last(self) -> RunStatus:
        """The last run. Raises ValueError before the first one, of which an earlier check speaks."""
        if self.status.last_run is None:
            raise ValueError("no run has ended")
        return self.status.last_run

    @property
    def outcome(self) -> Outcome:
        """How the last run ended."""
        return Outcome.named(self.last.outcome) or Outcome.DIED_WITHOUT_MESSAGE


@dataclass(frozen=True, slots=True)
class Case:
    """The record, why no run may start, and what is true of the last run and of the store."""

    recorded: Recorded
    obstacle: Finding | None
    complete: Finding
    intact: Finding


def completeness(recorded: Recorded) -> Finding:
    """Whether the last run delivered every symbol, series and calendar of the required dimensions."""
    return first(COMPLETE, recorded) or _incomplete(recorded)


def readiness(case: Case) -> Finding:
    """Whether the plan delivers what it asks for, on time."""
    return first(READY, case) or _delivers(case)


def _no_run_ended(recorded: Recorded) -> Finding | None:
    """First: all others speak of a run that ended."""
    last = recorded.status.last_run
    if last is not None and last.outcome is not None:
        return None
    return Finding(None, Reason.AWAITING_FIRST_RUN, "No run has ended yet.")


def _earlier_spec(recorded: Recorded) -> Finding | None:
    """Before the outcome: that of a run for an earlier spec says nothing of the present one."""
    last = recorded.last
    if not precedes_request(last, recorded.status):
        return None
    message = (
        f"Run {last.id} ended with {recorded.outcome} for generation {last.generation}; what the spec asks "
        "for now comes with the next run (schedule, or a run-now token)."
    )
    return Finding(None, Reason.SPEC_CHANGED, message)


def _delivered(recorded: Recorded) -> Finding | None:
    """Last: what is left is a run that did not deliver."""
    plan, last = recorded.plan, recorded.last
    if not delivered(plan.spec, last.outcome or "", recorded.status.dimensions):
        return None
    names = ", ".join(required_dimensions(plan.spec)) or "nothing"
    return Finding(True, Reason.DELIVERED, f"Run {last.id} delivered what is required: {names}.")


def _incomplete(recorded: Recorded) -> Finding:
    last, outcome = recorded.last, recorded.outcome
    return Finding(False, outcome, f"Run {last.id} ended with {outcome}: {last.message or outcome.meaning}")


COMPLETE: Chain[Recorded] = (_no_run_ended, _earlier_spec, _delivered)


def _run_missed(case: Case) -> Finding | None:
    """First: it says itself what keeps the run, where something does."""
    return missed_finding(case.recorded.status, case.obstacle)


def _hindered(case: Case) -> Finding | None:
    """Before what runs did: no run starts until it is gone."""
    return case.obstacle


def _awaiting_first_run(case: Case) -> Finding | None:
    """Before outcomes: there is none yet. What keeps the first run gives its own reason."""
    status = case.recorded.status
    if status.last_run is not None and case.complete.reason is not Reason.AWAITING_FIRST_RUN:
        return None
    active = status.active_run
    if active is not None and active.trouble is not None:
        message = f"Run {active.id} does not get on: {active.message}"
        return Finding(False, Outcome.named(active.trouble) or Reason.AWAITING_FIRST_RUN, message)
    message = "No run has ended yet; the first one is on its way."
    if active is not None and active.message:
        message += f" Run {active.id}: {active.message}."
    return Finding(False, Reason.AWAITING_FIRST_RUN, message)


def _run_failed(case: Case) -> Finding | None:
    """Before the store: the failure is the newer news."""
    complete = case.complete
    if complete.holds is not False:
        return None
    return Finding(False, complete.reason, complete.message, stuck=complete.reason in ONLY_A_CHANGE_HELPS)


def _earlier_spec_failed(case: Case) -> Finding | None:
    """Before the store too: the last run failed, whatever it was asked for."""
    if case.complete.holds is not None or _succeeded(case):
        return None
    return Finding(False, case.complete.reason, case.complete.message)


def _store_emptied(case: Case) -> Finding | None:
    """Before all that is well: rows are gone until somebody acknowledges it."""
    return case.intact if case.intact.holds is False else None


def _earlier_spec_delivered(case: Case) -> Finding | None:
    """Last: the plan delivers, and what its spec asks for now comes with the next run."""
    if case.complete.holds is not None:
        return None
    return Finding(True, case.complete.reason, case.complete.message)


def _succeeded(case: Case) -> bool:
    return case.recorded.last.outcome == Outcome.SUCCEEDED


def _delivers(case: Case) -> Finding:
    last, status = case.recorded.last, case.recorded.status
    message = f"Run {last.id} stored {last.rows or 0:,} rows."
    quarantined = sum(count.rows for item in status.dimensions for count in item.quarantined)
    if quarantined:
        message += f" {quarantined:,} rows are in quarantine; status.dimensions tells why."
    outdated = sum(item.outdated for item in status.dimensions)
    if outdated:
        message += f" {outdated:,} rows lost to later versions with other values, which stay."
    active = status.active_run
    if active is not None and active.trouble is not None:
        message += f" Run {active.id} does not get on: {active.trouble}: {active.message}"
    return Finding(True, Reason.DELIVERED, message)


READY: Chain[Case] = (
    _run_missed,
    _hindered,
    _awaiting_first_run,
    _run_failed,
    _earlier_spec_failed,
    _store_emptied,
    _earlier_spec_delivered,
)
