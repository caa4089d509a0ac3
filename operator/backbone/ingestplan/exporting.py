"""The exports of a plan: what is true of each, which Jobs are due, and what nobody needs any more.

An export that fails does not make the plan less Ready: ingest goes on, and readers have the export before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..errors import Rejected
from ..evaluation import Action, Apply, Finding, Notice, Prune, Refusal, Start
from ..grading.children import refused
from ..measures import Measure
from ..ports.cluster import CRON_JOB
from ..ports.readings import CronJobReading, JobReading
from ..tokens import EXPORT_NOW, fresh
from ..vocabulary import LABEL_COMPONENT, LABEL_PLAN, Component, Outcome, Reason
from . import children
from .actions import claim_goes, suspends
from .api import IngestPlanStatus
from .children import FINISHED_JOBS_KEPT, Plan, export_schedule_name, run_name
from .export_record import GOOD, Recorded, is_read, record, whole
from .export_spec import Export
from .export_status import ExportNowStatus, ExportStatus
from .measures import EXPORT_AGE, EXPORTS
from .observation import Observation
from .schedule import next_fire, schedule_problem, time_zone_problem

TARGET_AGAIN = timedelta(seconds=30)
"""When to look again for a claim that does not exist: no event tells of claims that are not ours."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A plan, what was seen, and what keeps its Jobs; `startable` is whether a token may start one."""

    plan: Plan
    seen: Observation
    obstacle: Finding | None
    startable: bool
    refusals: Sequence[Refusal]
    now: datetime

    @property
    def exports(self) -> tuple[Export, ...]:
        """The exports of the spec."""
        return self.plan.spec.exports or ()

    def jobs(self, export: str) -> tuple[JobReading, ...]:
        """The Jobs of an export, the oldest first."""
        return tuple(job for name, job in self.seen.exports if name == export)

    def cron_job(self, export: str) -> CronJobReading | None:
        """The CronJob of an export, as it was seen."""
        name = export_schedule_name(self.plan, export)
        return next((item for item in self.seen.export_schedules if item.name == name), None)


@dataclass(frozen=True, slots=True)
class Exporting:
    """What came of a visit; without exports `exported` is None."""

    status: IngestPlanStatus
    exported: Finding | None
    actions: tuple[Action, ...]
    notices: tuple[Notice, ...]
    measures: tuple[Measure, ...]
    look_after: timedelta | None


def of_exports(refusal: Refusal, plan: Plan) -> bool:
    """Whether the API server refused the CronJob or the Job of an export."""
    schedules = {export_schedule_name(plan, export.name) for export in plan.spec.exports or ()}
    return refusal.child in schedules or refusal.child == _due_name(plan)


def exporting(situation: Situation, status: IngestPlanStatus, standing: IngestPlanStatus) -> Exporting:
    """Judge the exports. `standing` is the status as it is stored, whose outcomes nobody reads again."""
    plan = situation.plan
    known = {item.name: item for item in status.exports}
    found = [
        (export, record(known.get(export.name, ExportStatus(name=export.name)), jobs, situation.now))
        for export in situation.exports
        for jobs in (situation.jobs(export.name),)
    ]
    entries = tuple(_with_next(situation, export, item.status) for export, item in found)
    requested, start, said = _requested(situation, status.export_now)
    status = status.model_copy(update={"exports": entries, "export_now": requested})
    judged = [
        _judged(situation, export, entry) for export, entry in zip(situation.exports, entries, strict=True)
    ]
    actions: list[Action] = [*_cron_jobs(situation), *start, *_prunes(situation, standing)]
    taken = situation.obstacle is not None and situation.obstacle.reason is Reason.NAME_TAKEN
    lacking = any(target_problem(situation, export) for export in situation.exports)
    return Exporting(
        status=status,
        exported=_summed(judged, entries),
        actions=() if taken else tuple(actions),
        notices=(*(notice for _, item in found for notice in item.notices), *said),
        measures=tuple(_measures(plan, found, standing)),
        look_after=TARGET_AGAIN if lacking else None,
    )


def target_problem(situation: Situation, export: Export) -> Finding | None:
    """What is wrong with the claim of an export, before a pod starts."""
    name = export.target.claim_name
    claim = situation.seen.targets.get(name)
    place = f"spec.exports[{export.name}].target"
    if claim is None or claim.terminating:
        what = "does not exist" if claim is None else "is being deleted"
        message = f"{place}: the PersistentVolumeClaim {name} {what}; create it. No pod starts before that."
        return Finding(False, Outcome.TARGET_MISSING, message)
    if claim.managed and (LABEL_COMPONENT, str(Component.VOLUME)) in claim.labels:
        message = f"{place}: {name} is the claim of a DataBackbone; create another one and name that."
        return Finding(False, Reason.TARGET_IS_BACKBONE, message)
    return None


def _schedule_problem(situation: Situation, export: Export) -> Finding | None:
    problem = schedule_problem(export.schedule)
    if problem is not None:
        message = f"spec.exports[{export.name}].schedule: {problem}"
        return Finding(False, Reason.INVALID_SCHEDULE, message)
    problem = time_zone_problem(situation.plan.spec.time_zone)
    return Finding(False, Reason.UNKNOWN_TIME_ZONE, f"spec.timeZone: {problem}") if problem else None


def _with_next(situation: Situation, export: Export, entry: ExportStatus) -> ExportStatus:
    fires = not _schedule_problem(situation, export) and not _paused(situation, export)
    zone = situation.plan.spec.time_zone
    moment = next_fire(export.schedule, zone, situation.now) if fires else None
    return entry.model_copy(update={"next": moment})


def _paused(situation: Situation, export: Export) -> bool:
    return suspends(situation.seen, situation.obstacle) or target_problem(situation, export) is not None


def _judged(situation: Situation, export: Export, entry: ExportStatus) -> Finding:
    """What keeps the next export comes before how the last one ended."""
    plan = situation.plan
    children_of = {export_schedule_name(plan, export.name)} | (
        {_due_name(plan)} if _asks(plan, export) else set()
    )
    refusals = (refused(item) for item in situation.refusals if item.child in children_of)
    problem = (
        _schedule_problem(situation, export) or target_problem(situation, export) or next(refusals, None)
    )
    if problem is not None:
        return replace(problem, stuck=False)
    outcome = Outcome.named(entry.outcome)
    if outcome in GOOD:
        held = entry.last_success is not None
        words = whole(entry) if held else Outcome.SUPERSEDED.meaning
        return Finding(
            held or None, Reason.EXPORTED if held else Outcome.SUPERSEDED, f"{export.name}: {words}"
        )
    active = entry.active
    if active is not None and active.trouble is not None:
        why = Outcome.named(active.trouble) or Reason.AWAITING_FIRST_EXPORT
        message = f"{export.name}: Job {active.job} does not progress: {active.message}"
        return Finding(False, why, message)
    if entry.outcome is None:
        return Finding(None, Reason.AWAITING_FIRST_EXPORT, f"{export.name}: no export has ended yet")
    reason = outcome or Outcome.DIED_WITHOUT_MESSAGE
    said = f"{export.name}: {reason}: {entry.message or reason.meaning}"
    return Finding(
        False, reason, f"{said} Readers have manifest {entry.manifest}." if entry.manifest else said
    )


def _summed(judged: Sequence[Finding], entries: Sequence[ExportStatus]) -> Finding | None:
    """The worst finding decides, and the message has all that are as bad."""
    if not entries:
        return None
    for holds in (False, None, True):
        found = [item for item in judged if item.holds is holds]
        if found:
            return Finding(holds, found[0].reason, "; ".join(item.message for item in found))
    return None


def _cron_jobs(situation: Situation) -> Iterator[Action]:
    plan, seen = situation.plan, situation.seen
    for export in situation.exports:
        standing = situation.cron_job(export.name)
        if standing is not None and standing.terminating:
            continue
        schedule: str | None = export.schedule
        if _schedule_problem(situation, export) is not None:
            schedule = standing.schedule if standing is not None else None
        if schedule is None or time_zone_problem(plan.spec.time_zone):
            continue
        document = children.export_cron_job(
            plan,
            export,
            seen.images,
            schedule,
            suspend=_paused(situation, export),
            services=seen.services,
            pods=seen.pods,
        )
        yield Apply(document, standing)
    named = {export_schedule_name(plan, export.name) for export in situation.exports}
    for item in seen.export_schedules:
        ours = item.belongs_to(plan.uid, {LABEL_PLAN: plan.name})
        if item.name not in named and ours and not item.terminating:
            yield Prune(item.name, item.uid, CRON_JOB, why="its export is no longer in the spec")


def _asks(plan: Plan, export: Export) -> bool:
    return (EXPORT_NOW.value(plan.annotations) or "").startswith(f"{export.name}:")


def _due_name(plan: Plan, before: ExportNowStatus | None = None) -> str:
    """The Job of the annotation. The Job before it makes a value that comes back another export."""
    if before is None and plan.status.get("exportNow"):
        before = ExportNowStatus.model_validate(plan.status["exportNow"], extra="ignore")
    token = fresh(EXPORT_NOW.value(plan.annotations), None) or ""
    last = before or ExportNowStatus(token="")
    return run_name(plan, "export-now", token, last.job or last.token)


def _requested(
    situation: Situation, before: ExportNowStatus | None
) -> tuple[ExportNowStatus | None, tuple[Start, ...], tuple[Notice, ...]]:
    """What the annotation asks for now: its record, its Job, and an event."""
    plan, seen = situation.plan, situation.seen
    text = EXPORT_NOW.value(plan.annotations)
    token = fresh(text, before.token if before else None)
    if text is None or token is None or not situation.startable:
        return before, (), ()
    try:
        name, _ = EXPORT_NOW.split(text)
        export = next((item for item in situation.exports if item.name == name), None)
        if export is None:
            raise Rejected(f"{name[:60]!r} is not an export of this plan; {EXPORT_NOW.advice}")
    except Rejected as error:
        notice = Notice("Warning", Reason.EXPORT_REFUSED, str(error))
        return ExportNowStatus(token=token, message=str(error)), (), (notice,)
    job = _due_name(plan, before)
    jobs = situation.jobs(export.name)
    waits = any(item.finished is None for item in jobs) and all(item.name != job for item in jobs)
    if waits or target_problem(situation, export) is not None:
        return before, (), ()
    document = children.export_job(plan, export, seen.images, job, seen.services, pods=seen.pods)
    start = (Start(document, f"export-now {text[:60]!r}"),)
    if situation.refusals:
        return before, start, ()
    notice = Notice("Normal", Reason.EXPORT_STARTED, f"Job {job}: export-now {text[:60]!r}")
    return ExportNowStatus(token=token, job=job), start, (notice,)


def _prunes(situation: Situation, standing: IngestPlanStatus) -> Iterator[Prune]:
    """Finished Jobs whose outcome is stored, beyond the newest few; all where a claim has to go."""
    known = {item.name: item for item in standing.exports}
    targets = {export.name: export.target.claim_name for export in situation.exports}
    for name in sorted({name for name, _ in situation.seen.exports}):
        claim = situation.seen.targets.get(targets.get(name, ""))
        every = name not in targets or claim_goes(situation.seen) or (claim is not None and claim.terminating)
        entry = known.get(name)
        done = [job for job in situation.jobs(name) if job.finished is not None]
        read = [job for job in done if name not in targets or (entry is not None and is_read(entry, job))]
        if not every:
            read = [job for job in read if not job.scheduled][:-FINISHED_JOBS_KEPT]
        yield from (Prune(job.name, job.uid) for job in read)


def _measures(
    plan: Plan, found: Sequence[tuple[Export, Recorded]], standing: IngestPlanStatus
) -> Iterator[Measure]:
    for export, item in found:
        yield from (Measure(EXPORTS, (outcome,), 1) for outcome in item.ended)
        since = item.status.last_success or plan.created
        if since is not None:
            yield Measure(EXPORT_AGE, (export.name,), since.timestamp())
    named = {export.name for export, _ in found}
    yield from (
        Measure(EXPORT_AGE, (item.name,), None) for item in standing.exports if item.name not in named
    )
