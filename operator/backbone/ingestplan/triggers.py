"""Runs that do not come from the schedule: the first one, and one per run-now token."""

from __future__ import annotations

from dataclasses import dataclass

from ..naming import digest
from ..vocabulary import ANNOTATION_RUN_NOW, Outcome
from .api import IngestPlanStatus, Triggers
from .children import Plan, run_name
from .observation import Observation

TOKEN_LIMIT = 253


@dataclass(frozen=True, slots=True)
class Trigger:
    """A run to start. `token` is the run-now token that it handles, if there is one."""

    job: str
    why: str
    first: bool
    token: str | None


def due_trigger(plan: Plan, status: IngestPlanStatus, seen: Observation) -> Trigger | None:
    """The run to start now. The first run handles the token that the plan was created with.

    A run whose Job exists and that is not recorded was started by a process that died before it could record
    it: it is due again, and creating it again changes nothing.
    """
    done = status.triggers or Triggers()
    token = _token(plan)
    fresh = token if token != done.run_now else None
    first = run_name(plan, "first", status.claim_uid or "", done.first or "", fresh or "")
    if any(job.name == first for job in seen.runs) or _first_is_due(done, status, seen):
        why = "the first run of the plan" if done.first is None else f"again, since Job {done.first} is gone"
        return Trigger(first, why, True, fresh)
    if fresh is not None:
        # The Job before it, not the value before it: values come back, and each time they ask for a run.
        job = run_name(plan, "run-now", fresh, done.run_now_job or done.run_now or "")
        return Trigger(job, f"run-now token {fresh!r}", False, fresh)
    return None


def record_trigger(status: IngestPlanStatus, trigger: Trigger | None) -> IngestPlanStatus:
    """The status with the started run in it, so that it is not started again."""
    if trigger is None:
        return status
    done = status.triggers or Triggers()
    update: dict[str, object] = {"first": trigger.job} if trigger.first else {}
    if trigger.token is not None:
        update |= {"run_now": trigger.token, "run_now_job": trigger.job}
    return status.model_copy(update={"triggers": done.model_copy(update=update)})


def _first_is_due(done: Triggers, status: IngestPlanStatus, seen: Observation) -> bool:
    """Whether nothing ran yet, or the first run's Job or pod went away before anybody read its outcome."""
    last = status.last_run
    if status.last_success is not None or any(job.finished is None for job in seen.runs):
        return False
    if last is None:
        return not seen.runs
    return last.id == done.first and last.outcome == Outcome.JOB_VANISHED


def _token(plan: Plan) -> str | None:
    text = plan.annotations.get(ANNOTATION_RUN_NOW, "")
    if not text:
        return None
    return text if len(text) <= TOKEN_LIMIT else f"sha256:{digest(text, length=64)}"
