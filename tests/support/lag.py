"""A backbone with consumer groups for tests of values: what was seen, and what a look reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.kafka_spec import lag_request_of, topics_request_of
from backbone.databackbone.observation import Observation
from backbone.evaluation import Evaluation, Start, Subject
from backbone.ports.cluster import JsonObject
from backbone.ports.readings import JobReading
from backbone.reports.lag import LagFinding, LagReport
from backbone.vocabulary import LABEL_CAUSE, LABEL_COMPONENT, Component

from . import readings, topics
from .evaluations import fields
from .readings import NOW

DESK = {"name": "desk", "topics": ["ingest.dailyBars"]}
RISK = {"name": "risk", "topics": ["ingest.macroSeries", "orders"]}


def section(*groups: Mapping[str, Any], **kafka: object) -> DataBackboneSpec:
    """A spec with these consumer groups, by default one."""
    return topics.section(consumerGroups=list(groups or (DESK,)), **kafka)


SPEC = section(DESK, RISK)
SEEN = topics.SEEN


def request_of(spec: DataBackboneSpec) -> str:
    assert spec.kafka is not None
    return lag_request_of(spec.kafka)


def finding(group: str = "desk", word: str = "OK", **more: object) -> LagFinding:
    """One group, with some unread records unless it says otherwise."""
    place = {
        "worst_topic": "ingest.dailyBars",
        "worst_partition": 2,
        "records": 7,
        "seconds": 30,
        "since": NOW,
    }
    return LagFinding(**{"group": group, "word": word, **place, **more})


def report(*findings: LagFinding, spec: DataBackboneSpec = SPEC, **more: object) -> LagReport:
    """What a look reports of these groups; without any, both of SPEC are OK."""
    found = findings or (finding("desk"), finding("risk"))
    counts: dict[str, int] = {}
    for item in found:
        counts[item.word] = counts.get(item.word, 0) + 1
    records = [item.records for item in found if item.records is not None]
    told = LagReport(
        outcome="Sampled",
        request=request_of(spec),
        counts=counts,
        records=sum(records) if records else None,
        seconds=max((item.seconds for item in found if item.seconds is not None), default=None),
        groups=found[:20],
        sampled_at=NOW,
    )
    return told.model_copy(update=more)


FAILED = report().model_copy(
    update={"outcome": "TimedOut", "message": "no answer", "counts": {}, "groups": (), "records": None}
)


def job(
    found: LagReport | None,
    name: str = "l",
    *,
    finished: datetime | None = NOW,
    spec: DataBackboneSpec = SPEC,
) -> JobReading:
    """A finished look; without a report its pod died."""
    words = found.encode().decode() if found is not None else ""
    pod = readings.pod(words, exit_code=0 if words else 1)
    return readings.job(name, pod, finished=finished, succeeded=found is not None, cause=cause_of(spec))


def cause_of(spec: DataBackboneSpec) -> str:
    """What the look that a backbone asks for carries as its cause."""
    (made,) = looks(evaluate(topics.backbone(spec=spec), SEEN, (), NOW))
    return str(made["metadata"]["labels"][LABEL_CAUSE])


def looks(result: Evaluation) -> list[JsonObject]:
    """The Jobs that sample lag."""
    documents = [action.document for action in result.actions if isinstance(action, Start)]
    return [item for item in documents if item["metadata"]["labels"][LABEL_COMPONENT] == Component.LAG]


def seen_with(*jobs: JobReading, spec: DataBackboneSpec = SPEC, at: datetime = NOW) -> Observation:
    """What is seen with these looks, and with topics that are all usable."""
    assert spec.kafka is not None
    well = topics.REPORT.model_copy(update={"request": topics_request_of(spec.kafka)})
    return replace(SEEN, topic_checks=(topics.job(well, finished=at),), lag_looks=jobs)


def visited(
    *jobs: JobReading,
    status: JsonObject | None = None,
    spec: DataBackboneSpec = SPEC,
    at: datetime = NOW,
) -> Evaluation:
    """The visit that reads these looks."""
    return evaluate(subject(status, spec), seen_with(*jobs, spec=spec, at=at), (), at)


def subject(status: JsonObject | None = None, spec: DataBackboneSpec = SPEC) -> Subject[DataBackboneSpec]:
    return topics.backbone(status, spec)


def looked(*findings: LagFinding, spec: DataBackboneSpec = SPEC) -> Evaluation:
    """The visit that reads a look which found this."""
    return visited(job(report(*findings, spec=spec), spec=spec), spec=spec)


def lag(result: Evaluation) -> dict[str, Any]:
    """What the status says of lag."""
    found: dict[str, Any] = fields(result)["lag"]
    return found
