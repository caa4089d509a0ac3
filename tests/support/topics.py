"""A backbone on Kafka for tests of values: what was seen of it, and what a check of its topics reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.kafka_spec import topics_request_of
from backbone.databackbone.observation import Observation
from backbone.evaluation import Evaluation, Start, Subject
from backbone.parts.kafka.topics import OURS
from backbone.ports.cluster import JsonObject
from backbone.ports.readings import JobReading
from backbone.reports.topics import TopicFinding, TopicsReport
from backbone.vocabulary import LABEL_CAUSE, LABEL_COMPONENT, Component

from . import institutional, readings
from .evaluations import fields
from .readings import NOW

SPEC = DataBackboneSpec.model_validate({"kafka": {"connection": {"secretName": "kafka"}}})
assert SPEC.kafka is not None
SEEN = institutional.SEEN
REPORT = TopicsReport(
    outcome="Checked",
    request=topics_request_of(SPEC.kafka),
    counts={"Ready": len(OURS)},
    brokers=3,
    broker_creates_topics=False,
    at=NOW,
)


def section(**kafka: object) -> DataBackboneSpec:
    """A spec with these fields of spec.kafka beside its connection."""
    return DataBackboneSpec.model_validate({"kafka": {"connection": {"secretName": "kafka"}, **kafka}})


def backbone(
    status: JsonObject | None = None, spec: DataBackboneSpec = SPEC, **notes: str
) -> Subject[DataBackboneSpec]:
    """A backbone whose volume was probed well; `notes` are its annotations."""
    return institutional.backbone(status, spec, False, **notes)


def found(**counts: int) -> TopicsReport:
    """A report of topics with these words; each that is not Ready is told of."""
    worst = tuple(
        TopicFinding(name=f"{word}-{number}", word=word, message=f"topic {word}-{number} is odd")
        for word, count in counts.items()
        if word != "Ready"
        for number in range(min(count, 20))
    )
    return REPORT.model_copy(update={"counts": dict(counts), "worst": worst[:20]})


def job(
    report: TopicsReport | None = REPORT,
    name: str = "t",
    *,
    finished: datetime | None = NOW,
    cause: str | None = None,
) -> JobReading:
    """A finished check of the topics; without a report its pod died."""
    words = report.encode().decode() if report is not None else ""
    pod = readings.pod(words, exit_code=0 if words else 1)
    cause = cause_of(backbone()) if cause is None else cause
    return readings.job(name, pod, finished=finished, succeeded=report is not None, cause=cause)


def cause_of(subject: Subject[DataBackboneSpec]) -> str:
    """What the Job that a backbone asks for carries as its cause."""
    (made,) = checks(evaluate(subject, SEEN, (), NOW))
    return str(made["metadata"]["labels"][LABEL_CAUSE])


def checks(result: Evaluation) -> list[JsonObject]:
    """The Jobs that check topics."""
    documents = [action.document for action in result.actions if isinstance(action, Start)]
    return [item for item in documents if item["metadata"]["labels"][LABEL_COMPONENT] == Component.TOPICS]


def seen_with(*jobs: JobReading) -> Observation:
    """What is seen with these checks of topics."""
    return replace(SEEN, topic_checks=jobs)


def checked(
    report: TopicsReport | None = REPORT, status: JsonObject | None = None, at: datetime = NOW
) -> Evaluation:
    """The visit that reads this report."""
    return evaluate(backbone(status), seen_with(job(report, finished=at)), (), at)


def after(report: TopicsReport | None = REPORT) -> JsonObject:
    """The status of a backbone once a check left this report."""
    return fields(checked(report))


def topics(result: Evaluation) -> Mapping[str, object]:
    """What the status says of topics."""
    found: Mapping[str, object] = fields(result)["topics"]
    return found
