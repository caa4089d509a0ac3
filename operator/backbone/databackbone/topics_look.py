"""The check of Kafka's topics: a Job describes them, creates what is missing, and makes allowed changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from ..jobs.looks import Desired, End, Look, Reading, Verdict, read
from ..jobs.pods import pods_mark
from ..naming import digest
from ..parts.kafka.topics import planned
from ..ports.readings import JobReading
from ..ports.stream import KafkaFault
from ..ports.topics import TopicWord
from ..reports.topics import TOPICS_CHECKED, TopicFindings, TopicsReport
from ..schema import shared
from ..tokens import CONFIRM
from ..vocabulary import Reason
from .api import DataBackboneStatus
from .children import Backbone, pods_of
from .kafka_spec import topics_request_of
from .kafka_status import TopicsStatus
from .observation import Observation

CHECK = Look(
    job="The Job that checks topics",
    report=TopicsReport,
    pending=Reason.TOPICS_PENDING,
    failed=Reason.TOPICS_CHECK_FAILED,
    retry_limit=timedelta(minutes=4),
    longest=timedelta(minutes=15),
)
RETRIED = {
    TopicWord.PLANNED,
    TopicWord.NOT_AUTHORIZED,
    TopicWord.REPLICATION_IMPOSSIBLE,
    TopicWord.REFUSED_BY_POLICY,
    TopicWord.QUOTA_EXCEEDED,
    TopicWord.FAILED,
}
"""Words that Kafka may take back without a change of the spec: the next check does not wait its interval."""

_ANOTHER_SPEC = (
    "it worked by the previous spec; the next one uses the current one. If this stays, the worker image and "
    "the operator are of different versions."
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a check of topics is for."""

    sections: str
    """Digest of spec.kafka."""
    token: str | None
    """The confirm annotation."""
    topics: int
    """Number of planned topics."""

    @property
    def cause(self) -> str:
        """Digest of both, which the Job carries as a label."""
        return digest(self.sections, self.token or "", length=16)


@dataclass(frozen=True, slots=True)
class TopicsChecked:
    """The topics as the last Jobs found them, and when they are checked next."""

    request: Request
    look: Reading[TopicsStatus, TopicsReport]

    @property
    def unseen(self) -> bool:
        """Whether no check has seen the topics of this spec yet."""
        return _only_planned(self.look.status)


def read_topics(
    backbone: Backbone, previous: DataBackboneStatus, seen: Observation, now: datetime
) -> TopicsChecked | None:
    """What the Jobs say of the topics; None where no Kafka is configured."""
    request = _request_of(backbone)
    if request is None:
        return None
    status = _planned(previous.topics or TopicsStatus(), request, now)
    desired = Desired(request.cause, pods_mark(pods_of(backbone)), partial(_judge, request))
    found = read(CHECK, desired, status, seen.topic_checks, pace=seen.pace, now=now)
    status = found.status
    for end in found.ends:
        status = _with_findings(status, request, end)
    if request.token is None:
        # An annotation that was taken away can come back, and then it is a new word.
        status = status.model_copy(update={"confirmed": None})
    return TopicsChecked(request, replace(found, status=status))


def _request_of(backbone: Backbone) -> Request | None:
    kafka = backbone.spec.kafka
    if kafka is None:
        return None
    topics = len(planned(kafka.entries, kafka.topic_prefix))
    return Request(topics_request_of(kafka), CONFIRM.value(backbone.annotations), topics)


def _planned(status: TopicsStatus, request: Request, now: datetime) -> TopicsStatus:
    """The status of this spec's topics: where it was of another spec's, all of them are planned anew."""
    if status.request == request.sections:
        return status
    return TopicsStatus(
        request=request.sections,
        planned_at=now.replace(microsecond=0),
        counts={TopicWord.PLANNED: request.topics},
        job=status.job,
        cause=status.cause,
        attempted_at=status.attempted_at,
        confirmed=status.confirmed,
    )


def _judge(request: Request, report: TopicsReport, _: JobReading) -> Verdict:
    if report.request != request.sections:
        return Verdict(None, _ANOTHER_SPEC)
    checked = report.outcome == TOPICS_CHECKED
    known = checked or KafkaFault.named(report.outcome)
    return Verdict(
        report.outcome if known else str(Reason.TOPICS_CHECK_FAILED),
        report.message,
        good=checked and RETRIED.isdisjoint(report.counts),
    )


def _with_findings(status: TopicsStatus, request: Request, end: End[TopicsReport]) -> TopicsStatus:
    """The status with what a Job found beside its verdict."""
    report = end.report
    if end.verdict.outcome is None:
        return status
    if report is None or report.outcome != TOPICS_CHECKED:
        # What it could not look at is not carried over; a plan that nobody has looked at stays one.
        counts = status.counts if _only_planned(status) else {}
        return status.model_copy(update={**dict(TopicFindings()), "counts": counts})
    confirmed = report.confirmed or status.confirmed
    return status.model_copy(update={**shared(TopicFindings, report), "confirmed": confirmed})


def _only_planned(status: TopicsStatus) -> bool:
    return status.counts.keys() == {TopicWord.PLANNED}
