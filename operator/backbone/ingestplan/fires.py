"""Which fires of the schedule had no run, and for which one a run is to be made up now. Pure.

A fire is settled once a Job began after it, whatever started it. The Job that the CronJob controller makes
for a fire carries it in its name, and so does the one that we make up: the API server takes one of the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..evaluation import Finding, Notice
from ..measures import Measure
from ..naming import slot_of
from ..vocabulary import Reason
from .api import IngestPlanStatus
from .children import STARTING_DEADLINE_SECONDS, Plan, cron_job_name
from .measures import of_fires
from .observation import Observation
from .schedule import fire_after, last_fire
from .starts import FiresStatus

LAG = timedelta(seconds=15)
"""By which two machines' clocks may differ, and a Job be seen after its creation."""

ASKED_AGAIN = timedelta(seconds=30)
"""How long an answer is good to the question why a fire has no Job yet."""

CATCHING_UP = timedelta(seconds=STARTING_DEADLINE_SECONDS) + LAG
"""How long after a fire the CronJob controller may still start its run by itself."""

AT_ONCE = timedelta(milliseconds=100)

LESSER = {Reason.BACKBONE_NOT_FOUND, Reason.BACKBONE_NOT_READY, Reason.CHILD_REFUSED}
"""Obstacles that are tried again: that a run is missing says more of the plan than they do."""


@dataclass(frozen=True, slots=True)
class Fires:
    """The record of the fires; `due` is one to make up now, `news` one that was found missing just now."""

    status: IngestPlanStatus
    due: datetime | None = None
    news: datetime | None = None
    first: bool = False
    """Whether nothing was missing before it."""
    rested: bool = False
    """Whether the backbone was suspended until now: `news` is made up, and nobody has to hear an alert."""
    look_after: timedelta | None = None
    """When there will be something to see that no event tells."""


def note_fires(
    plan: Plan, seen: Observation, status: IngestPlanStatus, now: datetime, *, valid: bool, paused: bool
) -> Fires:
    """Bring the record up to the present. `paused` is whether we keep the CronJob from firing now.

    A run is due for a missed fire that stands in the record already, so that none is made up untold.
    """
    asked, second = _asked(plan), now.replace(microsecond=0)
    known = status.fires
    if plan.spec.suspend:
        settled = known.settled_until if known is not None else second
        return Fires(_with(status, FiresStatus(schedule=asked, settled_until=settled, paused=True)))
    if not valid:
        return Fires(status)
    if known is None:
        # It is judged once it stands: definitions of an earlier version keep no record.
        return Fires(_with(status, FiresStatus(schedule=asked, settled_until=_told(plan, status) or second)))
    if known.schedule != asked or known.paused:
        known = FiresStatus(schedule=asked, settled_until=second)
    settled = max([known.settled_until, *_begun(plan, seen)])
    known = known.model_copy(update={"settled_until": settled})
    under_way = any(job.finished is None for job in seen.runs)
    if (
        known.missed is not None
        and known.missed <= settled
        and (not under_way or _ended_since(known.missed, seen))
    ):
        known = known.model_copy(update={"missed": None})
    suspended = seen.backbone is not None and seen.backbone.suspended
    if suspended:
        known = known.model_copy(update={"backbone_suspended": True})
    # Until the first run has ended it is the one that is awaited; who suspends a backbone wants no run of it.
    if under_way or status.last_run is None or suspended:
        return Fires(_with(status, known))
    rested = bool(known.backbone_suspended)
    known = known.model_copy(update={"backbone_suspended": None})
    late = LAG if paused else CATCHING_UP
    asks = not paused or seen.refusal is not None
    if not rested:
        return _judged(plan, status, known, now, late, asks=asks)
    # No fire up to now could have had a run, so nothing is waited for.
    return replace(_judged(plan, status, known, now, timedelta(0), asks=asks), rested=True)


def unbegun(plan: Plan, seen: Observation, status: IngestPlanStatus, now: datetime) -> datetime | None:
    """The last fire whose Job should be there and is not, where no other run is awaited in its place.

    The schedule has to be valid, and nothing known to be in the way of a run.
    """
    known = status.fires
    if known is None or known.paused or known.schedule != _asked(plan) or status.last_run is None:
        return None
    if any(job.finished is None for job in seen.runs):
        return None
    settled = max([known.settled_until, *_begun(plan, seen)])
    return last_fire(plan.spec.schedule, plan.spec.time_zone, settled, now - LAG)


def _judged(
    plan: Plan, status: IngestPlanStatus, known: FiresStatus, now: datetime, late: timedelta, *, asks: bool
) -> Fires:
    schedule = plan.spec.schedule, plan.spec.time_zone
    before = known.missed
    since = max(known.settled_until, before or known.settled_until)
    fire = last_fire(*schedule, since, now - late)
    if fire is not None:
        known = known.model_copy(update={"missed": fire})
        return Fires(_with(status, known), news=fire, first=before is None, look_after=AT_ONCE)
    coming = fire_after(*schedule, since)
    awaited = before or coming
    waits = [] if coming is None else [coming + LAG - now, coming + late - now]
    if asks and awaited is not None and awaited + LAG <= now:
        waits.append(ASKED_AGAIN)
    if before is None:
        return Fires(_with(status, known), look_after=_soon(*waits))
    # For a fire that came since, its run may still begin by itself.
    newest = coming is None or coming > now
    due = before if newest and now - before >= CATCHING_UP else None
    return Fires(_with(status, known), due=due, look_after=_soon(*waits, before + CATCHING_UP - now))


def missed_finding(status: IngestPlanStatus, obstacle: Finding | None) -> Finding | None:
    """What Ready says while a run is missing; an obstacle that somebody has to clear away goes first."""
    missed = status.fires.missed if status.fires is not None else None
    if missed is None:
        return None
    words = f"No run began for the fire of {missed:%Y-%m-%dT%H:%M:%SZ}; "
    if status.active_run is not None:
        words += f"run {status.active_run.id}, which is under way, makes up for it."
    else:
        words += "one is made up as soon as it can store."
    if obstacle is None:
        return Finding(False, Reason.RUN_MISSED, words)
    if obstacle.reason in LESSER:
        return Finding(False, Reason.RUN_MISSED, f"{words} {obstacle.message}", obstacle.stuck)
    return replace(obstacle, message=f"{obstacle.message} {words}")


def missed_notices(fires: Fires, obstacle: Finding | None) -> tuple[Notice, ...]:
    """An event for the first fire of several that had no run."""
    if fires.news is None or not fires.first:
        return ()
    if fires.rested:
        words = f"The backbone was suspended at the fire of {fires.news:%Y-%m-%dT%H:%M:%SZ}; "
        return (Notice("Normal", Reason.RUN_MISSED, f"{words}its run is made up as soon as one can store."),)
    found = missed_finding(fires.status, obstacle)
    return () if found is None else (Notice("Warning", Reason.RUN_MISSED, found.message),)


def punctuality(plan: Plan, fires: Fires) -> tuple[Measure, ...]:
    """What is measured of the fires."""
    return of_fires(
        int(fires.news is not None and not fires.rested), fires.status.last_success or plan.created
    )


def _begun(plan: Plan, seen: Observation) -> Iterator[datetime]:
    """Moments at which a run began, and fires for which a Job was made."""
    schedules = [item for item in (seen.cron_job, *seen.former) if item is not None]
    for item in schedules:
        if item.last_scheduled is not None:
            yield item.last_scheduled
    names = {cron_job_name(plan), *(item.name for item in schedules)}
    for job in seen.runs:
        yield job.created
        yield from (slot for name in names if (slot := slot_of(name, job.name)) is not None)
        # While a run of the schedule is under way its next one waits, and then is none.
        if job.scheduled and job.finished is not None:
            yield job.finished


def _ended_since(missed: datetime, seen: Observation) -> bool:
    """Whether a run that began after a fire has ended, where there is always one under way."""
    return any(job.created >= missed for job in seen.runs if job.finished is not None)


def _told(plan: Plan, status: IngestPlanStatus) -> datetime | None:
    """From when on fires count, of a plan whose record is from before there was one of them."""
    ends = (status.outcomes_read_until, status.last_run.end if status.last_run else None, plan.created)
    return max((moment for moment in ends if moment is not None), default=None)


def _asked(plan: Plan) -> str:
    return f"{plan.spec.schedule} {plan.spec.time_zone}"


def _with(status: IngestPlanStatus, fires: FiresStatus) -> IngestPlanStatus:
    return status.model_copy(update={"fires": fires})


def _soon(*pauses: timedelta) -> timedelta | None:
    ahead = [max(pause, AT_ONCE) for pause in pauses if pause > timedelta(0)]
    return min(ahead, default=None)
