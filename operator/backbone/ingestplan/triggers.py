"""Runs that we start: the first one, one per run-now token, and one for a fire that had none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..evaluation import Notice
from ..naming import slot_name
from ..tokens import RUN_NOW, Queue, fresh
from ..vocabulary import Outcome, Reason
from .api import IngestPlanStatus
from .children import Plan, cron_job_name, run_name
from .observation import Observation
from .starts import Triggers


@dataclass(frozen=True, slots=True)
class Trigger:
    """A run to start. `token` is the run-now token that it handles, if there is one."""

    job: str
    why: str
    first: bool
    token: str | None


def due_trigger(
    plan: Plan, status: IngestPlanStatus, seen: Observation, missed: datetime | None = None
) -> Trigger | None:
    """The run to start now. The first run handles the token that the plan was created with.

    `missed` is a fire to make up; a run that anything else starts now is as good.

    A run whose Job exists and that is not recorded was started by a process that died before it could record
    it: it is due again, and creating it again changes nothing.
    """
    done = status.triggers or Triggers()
    token = _fresh(plan, done)
    first = run_name(plan, "first", status.claim_uid or "", done.first or "", token or "")
    if any(job.name == first for job in seen.runs) or _first_is_due(done, status, seen):
        return Trigger(first, _why_first(done, status), True, token)
    if token is not None:
        # The Job before it, not the value before it: values come back, and each time they ask for a run.
        job = run_name(plan, "run-now", token, done.run_now_job or done.run_now or "")
        if not _waits(job, done, seen):
            return Trigger(job, f"run-now token {token!r}", False, token)
    if missed is None:
        return None
    job = slot_name(cron_job_name(plan), missed)
    return Trigger(job, f"made up for the fire of {missed:%Y-%m-%dT%H:%M:%SZ}", False, None)


def note_tokens(
    plan: Plan, status: IngestPlanStatus, seen: Observation, *, may_start: bool
) -> tuple[IngestPlanStatus, tuple[Notice, ...]]:
    """Record the token that waits for a run under way, or for what is in the way, and what it replaces."""
    done = status.triggers or Triggers()
    token = _fresh(plan, done)
    running = _run_now(done, seen)
    before = Queue(done.run_now, done.run_now_waiting, done.run_now_superseded or ())
    queue = before.joined(token, blocked=running or not may_start)
    if queue == before:
        return status, ()
    change = {"run_now_waiting": queue.waiting, "run_now_superseded": queue.superseded or None}
    notices = []
    lost = before.lost_to(token)
    if lost is not None:
        message = f"Run-now token {lost[:60]!r} did not start a run: " + (
            f"token {token[:60]!r} replaced it." if token is not None else "it was removed."
        )
        notices.append(Notice("Normal", Reason.RUN_SUPERSEDED, message))
    if queue.waiting is not None and running:
        message = f"Run-now token {queue.waiting[:60]!r} waits until run {done.run_now_job} has ended."
        notices.append(Notice("Normal", Reason.RUN_WAITS, message))
    return status.model_copy(update={"triggers": done.model_copy(update=change)}), tuple(notices)


def _waits(job: str, done: Triggers, seen: Observation) -> bool:
    """Whether the run of the token before is under way; one that was started already is to be recorded."""
    return _run_now(done, seen) and all(item.name != job for item in seen.runs)


def _run_now(done: Triggers, seen: Observation) -> bool:
    return any(job.name == done.run_now_job and job.finished is None for job in seen.runs)


def record_trigger(status: IngestPlanStatus, trigger: Trigger | None) -> IngestPlanStatus:
    """The status with the started run in it, so that it is not started again."""
    if trigger is None:
        return status
    done = status.triggers or Triggers()
    update: dict[str, object] = {"first": trigger.job} if trigger.first else {}
    if trigger.token is not None:
        update |= {"run_now": trigger.token, "run_now_job": trigger.job, "run_now_waiting": None}
    return status.model_copy(update={"triggers": done.model_copy(update=update)})


def _why_first(done: Triggers, status: IngestPlanStatus) -> str:
    if done.first is None:
        return "the first run of the plan"
    anew = ", with the settings that hold now" if status.last_run is None else ""
    return f"again{anew}, since Job {done.first} is gone"


def _first_is_due(done: Triggers, status: IngestPlanStatus, seen: Observation) -> bool:
    """Whether nothing ran yet, or the first run's Job or pod went away before anybody read its outcome."""
    last = status.last_run
    if status.last_success is not None or any(job.finished is None for job in seen.runs):
        return False
    if last is None:
        return not seen.runs
    return last.id == done.first and last.outcome == Outcome.JOB_VANISHED


def _fresh(plan: Plan, done: Triggers) -> str | None:
    return fresh(RUN_NOW.value(plan.annotations), done.run_now)
