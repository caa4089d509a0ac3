"""A backbone on TimescaleDB and Redis for tests of values: what was seen of it, and what a look reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.institutional import request_of
from backbone.databackbone.observation import Observation
from backbone.evaluation import Evaluation, Start, Subject
from backbone.migrations import newest
from backbone.ports.cluster import JsonObject
from backbone.ports.readings import JobReading
from backbone.reports.database import CacheReport, DatabaseReport
from backbone.vocabulary import ANNOTATION_CONFIRM, LABEL_CAUSE

from . import backbones, readings
from .evaluations import fields
from .readings import MINUTE, NOW

PROBE = readings.job("p", finished=NOW - 30 * MINUTE, claim_uid="claim-1")
SEEN = replace(backbones.SEEN, probes=(PROBE,))
SPEC = DataBackboneSpec.model_validate(
    {
        "mode": "Institutional",
        "timescale": {"connection": {"secretName": "db"}},
        "redis": {"connection": {"secretName": "cache"}},
    }
)
assert SPEC.timescale is not None
REQUEST = request_of(SPEC.timescale, SPEC.redis)
REACHED = CacheReport(outcome="Reachable", keys=256, hits=100, misses=100)
REPORT = DatabaseReport(
    outcome="Migrated",
    request=REQUEST,
    version=newest(),
    pending=0,
    pool_size=4,
    server_connections=7,
    server_limit=100,
    cache=REACHED,
    at=NOW,
)


def backbone(
    status: JsonObject | None = None,
    spec: DataBackboneSpec = SPEC,
    holds: bool | None = False,
    **notes: str,
) -> Subject[DataBackboneSpec]:
    """A backbone whose volume was probed well; `notes` are its annotations."""
    probed = (NOW - 30 * MINUTE).isoformat()
    volume = {
        "claimName": "market-data",
        "claimUid": "claim-1",
        "probeOutcome": "VolumeProbed",
        "probeJob": "p",
        "probedAt": probed,
        "attemptedAt": probed,
        **({} if holds is None else {"holdsRows": holds}),
    }
    annotations = {ANNOTATION_CONFIRM: notes["confirm"]} if "confirm" in notes else {}
    created = NOW - timedelta(days=1)
    return Subject("ns", "market", "uid", 3, annotations, spec, {"volume": volume, **(status or {})}, created)


def job(
    report: DatabaseReport | None,
    name: str = "d",
    *,
    finished: datetime | None = NOW,
    succeeded: bool = True,
    cause: str | None = None,
) -> JobReading:
    """A finished look at the database; without a report its pod died."""
    words = report.encode().decode() if report is not None else ""
    pod = readings.pod(words, exit_code=0 if words else 1)
    cause = cause_of(backbone()) if cause is None else cause
    return readings.job(name, pod, finished=finished, succeeded=succeeded, cause=cause)


def cause_of(subject: Subject[DataBackboneSpec]) -> str:
    """What the Job that a backbone asks for carries as its cause."""
    (made,) = looks(evaluate(subject, SEEN, (), NOW))
    return str(made["metadata"]["labels"][LABEL_CAUSE])


def looks(result: Evaluation) -> list[JsonObject]:
    """The Jobs that look at the database."""
    documents = [action.document for action in result.actions if isinstance(action, Start)]
    return [item for item in documents if "-database-" in item["metadata"]["name"]]


def looked(
    report: DatabaseReport = REPORT,
    *,
    name: str = "d",
    finished: datetime = NOW,
    cause: str | None = None,
) -> Observation:
    """What is seen once a look at the database ended with this report."""
    return replace(SEEN, checks=(job(report, name, finished=finished, cause=cause),))


def serving(report: DatabaseReport = REPORT) -> JsonObject:
    """The status of a backbone that went over to the institutional tier."""
    return fields(evaluate(backbone(), looked(report), (), NOW))
