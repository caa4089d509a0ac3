"""A look: a Job checks something, and its verdict stands for a while. Once, for all that Jobs look at.

A look that ended well is repeated after an interval. After one that did not, the next one is due after a
pause that doubles up to a limit. Somebody who deletes the last Job asks for the next one at once. Pure: what
is looked at, and what its report means, is the business of who defines the Look. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field

from ..documented import Documented
from ..errors import Rejected
from ..ports.readings import JobReading
from ..reports.envelope import Report
from ..schema import CutAt, Model, Word
from ..vocabulary import Outcome
from .ends import NEVER_STARTED, Trouble, last_words, tail, trouble_under_way, why_no_report

R = TypeVar("R", bound=Report)
S = TypeVar("S", bound="LookStatus")

STANDS_FOR = 3
"""Intervals after which a verdict no longer speaks for the present."""

SAYS_NOTHING = NEVER_STARTED | {Outcome.EVICTED, Outcome.JOB_VANISHED}
"""Ends of a Job without a report that say nothing about what it was to look at."""

MESSAGE_LIMIT, TROUBLE_LIMIT = 640, 512
"""Characters of a message and of a trouble that a status keeps."""


class LookStatus(Model):
    """What a status remembers of a look. A model may store a field under another name, as an alias."""

    job: str | None = Field(default=None, max_length=63, description="The last Job of this check.")
    cause: Word | None = Field(
        default=None,
        description="Hash of the spec's sections and of the annotation for which the last Job started.",
    )
    outcome: Word | None = Field(
        default=None,
        description="Result of the last check: success, or the first problem that the Job found.",
    )
    message: Annotated[str, CutAt(MESSAGE_LIMIT)] = Field(
        default="", description="What the last finished Job reported."
    )
    checked_at: datetime | None = Field(
        default=None, description="When a Job last reported; the time of outcome (UTC)."
    )
    attempted_at: datetime | None = Field(
        default=None, description="When the last Job ended, even without a report (UTC)."
    )
    failures: int = Field(default=0, ge=0, description="Number of consecutive Jobs that failed.")
    trouble: Annotated[str, CutAt(TROUBLE_LIMIT)] | None = Field(
        default=None, description="Why the current Job does not run."
    )


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the operator looks, as its settings say; the same for all looks."""

    interval: timedelta
    """From the end of a look that ended well to the next one."""
    retry: timedelta = timedelta(seconds=15)
    """From the end of the first one that did not to the next one."""


@dataclass(frozen=True, slots=True)
class Look(Generic[R]):
    """Something that Jobs look at: what they report, and what is its own of the schedule and the words."""

    job: str
    """The Job as the subject of a sentence."""
    report: type[R]
    pending: Documented
    """The reason of a condition as long as no Job has said anything."""
    failed: Documented
    """The outcome of a Job that ran and left no report."""
    retry_limit: timedelta
    """The longest pause before a retry."""
    longest: timedelta | None = None
    """The longest interval; without it the setting alone counts."""
    troubles: frozenset[str | None] = frozenset()
    """Outcomes of runs after which the next look is due at once."""
    cause: Callable[[JobReading], str | None] = lambda job: job.cause
    """What a Job was started for."""

    def interval(self, pace: Pace) -> timedelta:
        """From the end of a look that ended well to the next one."""
        return pace.interval if self.longest is None else min(pace.interval, self.longest)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one look ended. Without an outcome the Job never got as far as what it was to look at."""

    outcome: str | None
    message: str
    good: bool = False


@dataclass(frozen=True, slots=True)
class End(Generic[R]):
    """A Job that ended since the last visit, when, and what it reported."""

    job: JobReading
    at: datetime
    report: R | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Desired(Generic[R]):
    """What a visit asks of a look."""

    cause: str | None
    """What the next Job is for: where the last one was for something else, the next one is due at once."""
    made_by: str | None
    """Digest of the settings that the next Job's pods are made by."""
    judge: Callable[[R, JobReading], Verdict]
    """What a report of a Job means."""
    met: Callable[[Container[str | None], datetime], bool] = lambda troubles, since: False
    """Whether a run met one of these troubles since a moment."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[S, R]):
    """What is known of a look after this visit's Jobs were read, and when it is repeated."""

    status: S
    jobs: tuple[JobReading, ...]
    """All that there are, the oldest first."""
    ends: tuple[End[R], ...]
    """Those that the status did not know yet, the oldest first."""
    fresh: bool
    """Whether the verdict is recent enough to speak for the present."""
    due: datetime | None
    """When the next look is due; None means at once."""
    soon: datetime | None
    """When it is due where something waits for what the last one did not tell; None means at once."""

    @property
    def attempt(self) -> str:
        """What tells the next Job from the one before it: a part of its name."""
        last = self.status.attempted_at
        return last.isoformat() if last is not None else "first"

    def starts(self, now: datetime) -> bool:
        """Whether the next Job starts now: it is due, and no other is under way."""
        idle = all(job.finished is not None for job in self.jobs)
        return idle and (self.due is None or self.due <= now)


def read(
    look: Look[R],
    desired: Desired[R],
    status: S,
    jobs: tuple[JobReading, ...],
    *,
    pace: Pace,
    now: datetime,
) -> Reading[S, R]:
    """Bring a status up to what the Jobs say, the oldest first, and find when the next one is due."""
    earlier, trouble, ends = trouble_of(status.trouble), None, []
    for job in jobs:
        if job.finished is None:
            trouble = trouble_under_way(job, earlier, now)
        elif status.attempted_at is None or job.finished > status.attempted_at:
            end = _end(look, job, job.finished, earlier, desired)
            status = _noted(look, status, end)
            ends.append(end)
    status = status.updated(trouble=str(trouble) if trouble else None)
    last = status.attempted_at
    return Reading(
        status,
        jobs,
        tuple(ends),
        fresh=stands(status.checked_at, look.interval(pace), now),
        due=due(look, desired, status, jobs, pace),
        soon=last + look.retry_limit if last is not None else None,
    )


def due(
    look: Look[R], desired: Desired[R], status: LookStatus, jobs: Sequence[JobReading], pace: Pace
) -> datetime | None:
    """When the next look is due; None means at once."""
    last = status.attempted_at
    if last is None or status.cause != desired.cause:
        return None
    if all(job.name != status.job for job in jobs):
        # Somebody deleted the last one: that is how to ask for another at once.
        return None
    if pod_refused(status.message) and _made_otherwise(jobs, status.job, desired.made_by):
        return None
    if status.failures:
        doublings = min(status.failures - 1, 10)
        return last + min(pace.retry * (1 << doublings), look.retry_limit)
    return None if desired.met(look.troubles, last) else last + look.interval(pace)


def stands(checked_at: datetime | None, interval: timedelta, now: datetime) -> bool:
    """Whether a verdict of that time is recent enough to speak for the present."""
    return checked_at is not None and now - checked_at <= STANDS_FOR * interval


def next_due(looks: Iterable[Reading[Any, Any]], now: datetime) -> timedelta | None:
    """How long until the first of these is due that is not due yet; None where there is none."""
    return min((look.due - now for look in looks if look.due is not None and look.due > now), default=None)


def pending(look: Look[R], status: LookStatus) -> tuple[Documented, str]:
    """Why there is no verdict yet: the reason of a condition, and a sentence."""
    reason = pod_refused(status.trouble or status.message) or look.pending
    if status.trouble is not None:
        return reason, f"{look.job} does not run: {status.trouble}"
    if status.failures and status.message:
        return reason, f"{look.job} has no result yet: {status.message}"
    return reason, f"{look.job} has not finished yet; `kubectl describe job` shows why."


def out_of_date(subject: str, status: LookStatus) -> str:
    """That the last verdict on a subject does not stand any more, and why there is no other."""
    why = status.trouble or status.message or "no Job ran"
    return f"The last verdict on {subject}, {status.outcome}, is out of date: {why}"


def pod_refused(text: str | None) -> Outcome | None:
    """PodRefused, where that is the trouble that stands in a status: it goes by its own name everywhere."""
    trouble = trouble_of(text)
    return Outcome.POD_REFUSED if trouble is not None and trouble.outcome is Outcome.POD_REFUSED else None


def trouble_of(text: str | None) -> Trouble | None:
    """A trouble as it stands in a status."""
    name, _, message = (text or "").partition(": ")
    known = Outcome.named(name)
    return Trouble(known, message) if known else None


def _made_otherwise(jobs: Iterable[JobReading], name: str | None, made_by: str | None) -> bool:
    return any(job.name == name and job.made_by != made_by for job in jobs)


def _end(
    look: Look[R], job: JobReading, at: datetime, earlier: Trouble | None, desired: Desired[R]
) -> End[R]:
    words = last_words(job)
    report = _reported(look, words)
    if report is not None:
        return End(job, at, report, desired.judge(report, job))
    why = why_no_report(job, tail(words) if words else None, earlier)
    outcome = None if why.outcome in SAYS_NOTHING else str(look.failed)
    return End(job, at, None, Verdict(outcome, str(why)))


def _reported(look: Look[R], words: str | None) -> R | None:
    try:
        return look.report.decode(words) if words is not None else None
    except Rejected:
        return None


def _noted(look: Look[R], status: S, end: End[R]) -> S:
    verdict = end.verdict
    update: dict[str, object] = {
        "job": end.job.name,
        "cause": look.cause(end.job),
        "attempted_at": end.at,
        "failures": 0 if verdict.good else status.failures + 1,
        "message": verdict.message,
    }
    if verdict.outcome is not None:
        update |= {"outcome": verdict.outcome, "checked_at": end.at}
    return status.updated(**update)
