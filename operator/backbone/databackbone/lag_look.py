"""The look at the lag of consumer groups: a Job samples offsets for a minute and says one word per group."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from ..grading.lag_advice import advice, means
from ..jobs.looks import STANDS_FOR, Desired, End, Look, Pace, Reading, Verdict, out_of_date, read, stands
from ..jobs.pods import pods_mark
from ..naming import digest
from ..ports.lag import LagReason, LagWord
from ..ports.readings import JobReading
from ..ports.stream import KafkaFault
from ..reports.lag import LAG_SAMPLED, LagFinding, LagFindings, LagReport
from ..schema import shared
from ..vocabulary import Reason
from .api import DataBackboneStatus
from .children import Backbone, pods_of
from .kafka_spec import Kafka, lag_request_of
from .lag_status import LagStatus
from .observation import Observation

LAG = Look(
    job="The Job that samples lag",
    report=LagReport,
    pending=Reason.LAG_PENDING,
    failed=Reason.LAG_CHECK_FAILED,
    retry_limit=timedelta(minutes=4),
)
SPREAD = 10
"""Backbones look up to the tenth part of their interval sooner, each by another amount."""

_SOON_KNOWN = {LagReason.FILLING, LagReason.NOT_SAMPLED}
"""Reasons that another look takes away: it does not wait its interval."""
_ANOTHER_SPEC = (
    "it worked by the previous spec; the next one uses the current one. If this stays, the worker image and "
    "the operator are of different versions."
)


@dataclass(frozen=True, slots=True)
class LagLooked:
    """The lag as the last Jobs sampled it, and when it is sampled next."""

    kafka: Kafka
    look: Reading[LagStatus, LagReport]

    @property
    def cause(self) -> str:
        """What the next Job is for, which it carries as a label."""
        return _cause(self.kafka)

    @property
    def interval(self) -> timedelta:
        """The interval of the spec."""
        return timedelta(seconds=self.kafka.lag.interval_seconds)

    def ages_after(self, now: datetime) -> timedelta | None:
        """How long until the words are too old to be shown; None where they are, or there are none."""
        checked = self.look.status.checked_at
        return checked + STANDS_FOR * self.interval - now if checked and self.look.fresh else None


def read_lag(
    backbone: Backbone, previous: DataBackboneStatus, seen: Observation, now: datetime
) -> LagLooked | None:
    """What the Jobs say of the lag; None where no consumer group is configured."""
    kafka = backbone.spec.kafka
    if kafka is None or not kafka.consumer_groups:
        return None
    before = previous.lag or LagStatus()
    request = lag_request_of(kafka)
    interval = timedelta(seconds=kafka.lag.interval_seconds)
    desired = Desired(_cause(kafka), pods_mark(pods_of(backbone)), partial(_judge, request))
    pace = Pace(interval - _sooner(backbone.uid, interval), seen.pace.retry)
    found = read(LAG, desired, _of_this_spec(before, request), seen.lag_looks, pace=pace, now=now)
    status = found.status
    for end in found.ends:
        status = _with_findings(status, end)
    fresh = stands(status.checked_at, interval, now)
    return LagLooked(kafka, replace(found, status=_worded(status, before, fresh=fresh, now=now), fresh=fresh))


def worst_of(status: LagStatus) -> LagWord:
    """The worst word that a group has; Unknown where nothing was found."""
    found = {LagWord.named(word) or LagWord.UNKNOWN for word, count in status.counts.items() if count}
    return next((word for word in LagWord if word in found), LagWord.UNKNOWN)


def _cause(kafka: Kafka) -> str:
    return digest("lag", lag_request_of(kafka), length=16)


def _sooner(uid: str, interval: timedelta) -> timedelta:
    """How much sooner than the interval this backbone looks, so that not all look at once."""
    return interval / SPREAD * (int(digest(uid, length=4), 16) / 0xFFFF)


def _of_this_spec(status: LagStatus, request: str) -> LagStatus:
    """The status of this spec's groups; of another spec's it keeps what is known of the last Job."""
    if status.request == request:
        return status
    return LagStatus(
        request=request,
        job=status.job,
        cause=status.cause,
        attempted_at=status.attempted_at,
        since=status.since,
    )


def _judge(request: str, report: LagReport, _: JobReading) -> Verdict:
    if report.request != request:
        return Verdict(None, _ANOTHER_SPEC)
    sampled = report.outcome == LAG_SAMPLED
    known = sampled or KafkaFault.named(report.outcome)
    waits = any(LagReason.named(item.reason) in _SOON_KNOWN for item in report.groups)
    return Verdict(
        report.outcome if known else str(Reason.LAG_CHECK_FAILED), report.message, good=sampled and not waits
    )


def _with_findings(status: LagStatus, end: End[LagReport]) -> LagStatus:
    """The status with what a Job found beside its verdict; what it could not look at is not carried over."""
    report = end.report
    if end.verdict.outcome is None:
        return status
    if report is None or report.outcome != LAG_SAMPLED:
        return status.model_copy(update={**dict(LagFindings()), "sampled_at": None})
    groups = tuple(item.model_copy(update={"message": _told(item)}) for item in report.groups)
    found = {**shared(LagFindings, report), "groups": groups}
    return status.updated(**found, sampled_at=report.sampled_at)


def _told(item: LagFinding) -> str:
    """What the look told of a group; where its report had no room for that, what the word means and asks."""
    if item.message or (item.reason is None and LagWord.named(item.word) is LagWord.OK):
        return item.message
    return f"{means(item.word, item.reason)} {advice(item.word, item.reason)}"


def _worded(status: LagStatus, before: LagStatus, *, fresh: bool, now: datetime) -> LagStatus:
    """The status with its word; what is too old to be shown is left out."""
    sampled = status.outcome == LAG_SAMPLED
    if sampled and not fresh:
        said = {**dict(LagFindings()), "message": out_of_date("lag", status)}
        status = status.updated(**said, outcome=Reason.OUT_OF_DATE)
        sampled = False
    word = worst_of(status) if sampled else LagWord.UNKNOWN
    same = before.since is not None and before.word == word
    return status.model_copy(
        update={"word": str(word), "since": before.since if same else now.replace(microsecond=0)}
    )
