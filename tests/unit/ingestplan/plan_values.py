"""Values for the tests of plans: what was observed, what a run said, and how to read an evaluation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from backbone.evaluation import Apply, Evaluation, Start, Subject
from backbone.ingestplan.api import IngestPlanSpec
from backbone.ingestplan.observation import Observation
from backbone.ports.readings import BackboneReading, ChildReading, CronJobReading, JobReading, PodReading
from backbone.report import DimensionReport, RunReport
from backbone.vocabulary import FIELD_MANAGER, LABEL_MANAGED_BY, LABEL_PLAN, Outcome
from backbone.workload import WorkerImages

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OURS = ((LABEL_MANAGED_BY, FIELD_MANAGER), (LABEL_PLAN, "daily"))

BACKBONE = BackboneReading(
    name="market",
    uid="b",
    generation=1,
    spec={"mode": "Auto"},
    terminating=False,
    suspended=False,
    ready=True,
    ready_message="Available: it works",
    plans=1,
    claim_uid="claim-1",
    claim_leaving=False,
)
PLAN_FILE = ChildReading("ConfigMap", "daily-plan", "f", "1", OURS, "uid", False, None, "")
CRON_JOB = CronJobReading(
    kind="CronJob",
    name="daily",
    uid="c",
    resource_version="1",
    labels=OURS,
    controller_uid="uid",
    terminating=False,
    desired=None,
    owned_fields="",
    schedule="0 22 * * 1-5",
    time_zone="Etc/UTC",
    suspended=False,
)
SEEN = Observation(
    backbone=BACKBONE,
    plan_file=PLAN_FILE,
    cron_job=CRON_JOB,
    runs=(),
    images=WorkerImages("worker:1", "sample:1", "IfNotPresent"),
)
NEVER_RUN = replace(SEEN, plan_file=None, cron_job=None)


def plan(
    status: dict[str, Any] | None = None, token: str | None = None, **spec: Any
) -> Subject[IngestPlanSpec]:
    body = {
        "backboneRef": {"name": "market"},
        "schedule": "0 22 * * 1-5",
        "dailyBars": {"provider": "Sample", "symbols": ["AAPL", "IBM"]},
        **spec,
    }
    annotations = {} if token is None else {"backbone.emp.dev/run-now": token}
    return Subject("ns", "daily", "uid", 3, annotations, IngestPlanSpec.model_validate(body), status or {})


def report(outcome: Outcome = Outcome.SUCCEEDED, **more: Any) -> RunReport:
    rows = 0 if outcome is Outcome.STORE_BUSY else 100
    bars = DimensionReport(name="dailyBars", outcome=outcome, rows=rows, symbols=2)
    return RunReport(
        **{
            "run_id": "run",
            "sequence": 1,
            "plan": "daily",
            "generation": 3,
            "outcome": outcome,
            "start": NOW,
            "end": NOW,
            "rows": rows,
            "dimensions": (bars,),
            **more,
        }
    )


def pod(words: str = "", **more: Any) -> PodReading:
    ended = PodReading(
        "pod", NOW, "Succeeded", "", "", False, None, None, "", None, 0, "Completed", words, NOW
    )
    return replace(ended, **more)


def job(name: str, said: RunReport | None = None, start: datetime = NOW, **more: Any) -> JobReading:
    """A Job that ended a minute after its start, with or without a report."""
    words = said.encode().decode() if said else ""
    ended = JobReading(
        name, f"uid-{name}", start, start, start + MINUTE, True, "", False, False, None, (pod(words),)
    )
    return replace(ended, **more)


def active(name: str, *pods: PodReading, start: datetime = NOW) -> JobReading:
    return replace(job(name, start=start), finished=None, succeeded=False, pods=pods)


UNPULLED = pod(phase="Pending", exit_code=None, waiting_reason="ErrImagePull", waiting_message="no such tag")
DELIVERED: dict[str, Any] = {
    "lastRun": {
        "id": "run-1",
        "outcome": "Succeeded",
        "start": "2024-03-01T10:00:00Z",
        "end": "2024-03-01T10:05:00Z",
        "rows": 1200,
        "generation": 3,
        "sequence": 4,
    },
    "lastSuccess": "2024-03-01T10:05:00Z",
    "outcomesReadUntil": "2024-03-01T10:05:00Z",
    "dimensions": [{"name": "dailyBars", "outcome": "Succeeded", "rows": 1200, "changed": 0, "symbols": 2}],
    "triggers": {"first": "run-1"},
}


def failed(outcome: str, **more: Any) -> dict[str, Any]:
    last = {**DELIVERED["lastRun"], "outcome": outcome, "message": "what happened"}
    return {**DELIVERED, "lastRun": last, "dimensions": [], "lastSuccess": None, **more}


def conditions(result: Evaluation) -> dict[str, tuple[str, str]]:
    return {item.type: (item.status, item.reason) for item in result.conditions}


def message(result: Evaluation, kind: str) -> str:
    return next(item.message for item in result.conditions if item.type == kind)


def started(result: Evaluation) -> list[str]:
    return [action.document["metadata"]["name"] for action in result.actions if isinstance(action, Start)]


def applied(result: Evaluation, kind: str) -> dict[str, Any] | None:
    found = [
        action.document
        for action in result.actions
        if isinstance(action, Apply) and action.document["kind"] == kind
    ]
    return found[0] if found else None


def fields(result: Evaluation) -> dict[str, Any]:
    found: dict[str, Any] = result.fields.model_dump(mode="json", by_alias=True, exclude_none=True)
    return found


READY = {
    "Ready": ("True", "Delivered"),
    "Validated": ("True", "Valid"),
    "Scheduled": ("True", "ScheduleInPlace"),
    "Complete": ("True", "Delivered"),
    "StoreIntact": ("True", "StoreIntact"),
    "Reconciling": ("False", "Settled"),
    "Stalled": ("False", "Settled"),
}
AWAITING = {
    "Ready": ("False", "AwaitingFirstRun"),
    "Complete": ("Unknown", "AwaitingFirstRun"),
    "StoreIntact": ("Unknown", "AwaitingFirstRun"),
    "Reconciling": ("True", "Progressing"),
}


def hindered(reason: str, valid: bool = True, waits: bool = False, stalled: bool = False) -> dict[str, Any]:
    """Conditions of a plan that delivered before something came in the way."""
    return {
        "Ready": ("False", reason),
        "Scheduled": ("False", reason),
        **({} if valid else {"Validated": ("False", reason)}),
        **({"Reconciling": ("True", "Progressing")} if waits else {}),
        **({"Stalled": ("True", reason)} if stalled else {}),
    }
