"""A backbone on TimescaleDB and Redis for tests of values: what was seen of it, and what a look reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.institutional import request_of
from backbone.databackbone.observation import Observation
from backbone.evaluation import Evaluation, Start, Subject
from backbone.ports.readings import ChildReading, ClaimReading, JobReading, PodReading
from backbone.report import CacheReport, DatabaseReport
from backbone.vocabulary import (
    ANNOTATION_CONFIRM,
    FIELD_MANAGER,
    LABEL_BACKBONE,
    LABEL_CAUSE,
    LABEL_MANAGED_BY,
)
from backbone.workload import WorkerImages

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OURS = ((LABEL_MANAGED_BY, FIELD_MANAGER), (LABEL_BACKBONE, "market"))
CLAIM = ClaimReading(
    *("PersistentVolumeClaim", "market-data", "claim-1", "1", OURS, None, False, None, ""),
    *("Bound", "1Gi", "1Gi"),
)
BINDING = ChildReading("ConfigMap", "market-binding", "b", "1", OURS, "uid", False, None, "")
PROBE = JobReading("p", "p", NOW, NOW, NOW - 30 * MINUTE, True, "", False, False, "claim-1", ())
SEEN = Observation(
    CLAIM, BINDING, (PROBE,), (), WorkerImages("worker:1", "sample:1", "Never"), timedelta(hours=1)
)
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
    version=4,
    pending=0,
    pool_size=4,
    server_connections=7,
    server_limit=100,
    cache=REACHED,
    at=NOW,
)


def backbone(
    status: dict[str, Any] | None = None,
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


def job(report: DatabaseReport | None, name: str = "d", **more: Any) -> JobReading:
    """A finished look at the database; without a report its pod died."""
    words = report.encode().decode() if report is not None else ""
    pod = PodReading(
        "pod",
        NOW,
        "Succeeded",
        "",
        "",
        False,
        None,
        None,
        "",
        None,
        0 if words else 1,
        "Completed",
        words,
        NOW,
    )
    made = JobReading(name, name, NOW, NOW, NOW, True, "", False, False, None, (pod,), cause_of(backbone()))
    return replace(made, **more)


def cause_of(subject: Subject[DataBackboneSpec]) -> str:
    """What the Job that a backbone asks for carries as its cause."""
    (made,) = looks(evaluate(subject, SEEN, (), NOW))
    return str(made["metadata"]["labels"][LABEL_CAUSE])


def looks(result: Evaluation) -> list[dict[str, Any]]:
    """The Jobs that look at the database."""
    documents = [action.document for action in result.actions if isinstance(action, Start)]
    return [item for item in documents if "-database-" in item["metadata"]["name"]]


def looked(report: DatabaseReport = REPORT, **spec: Any) -> Observation:
    return replace(SEEN, checks=(job(report, **spec),))


def conditions(result: Evaluation) -> dict[str, tuple[str, str]]:
    return {item.type: (item.status, item.reason) for item in result.conditions}


def message(result: Evaluation, kind: str) -> str:
    return next(item.message for item in result.conditions if item.type == kind)


def fields(result: Evaluation) -> dict[str, Any]:
    found: dict[str, Any] = result.fields.model_dump(mode="json", by_alias=True, exclude_none=True)
    return found


def serving(report: DatabaseReport = REPORT) -> dict[str, Any]:
    """The status of a backbone that went over to the institutional tier."""
    return fields(evaluate(backbone(), looked(report), (), NOW))
