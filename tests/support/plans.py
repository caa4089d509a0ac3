"""A plan for tests of values: what was seen of it, what its runs report, and its conditions."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from backbone.evaluation import Subject
from backbone.ingestplan.api import IngestPlanSpec
from backbone.ingestplan.observation import Observation
from backbone.jobs.pods import WorkerImages
from backbone.naming import schedule_name
from backbone.ports.cluster import JsonObject
from backbone.ports.readings import BackboneReading, JobReading, PodReading
from backbone.reports.run import DimensionReport, RunReport
from backbone.vocabulary import LABEL_PLAN, Outcome

from . import readings
from .readings import MINUTE, NOW

OURS = readings.marked(LABEL_PLAN, "daily")
BACKBONE = BackboneReading(
    name="market",
    uid="b",
    generation=1,
    spec={"mode": "Auto"},
    terminating=False,
    suspended=False,
    ready=True,
    ready_reason="Available",
    plans=1,
    claim_uid="claim-1",
    claim_leaving=False,
)
PLAN_FILE = readings.child("ConfigMap", "daily-plan", uid="f", labels=OURS)
CRON_JOB = readings.cron_job(schedule_name("daily", "uid"), labels=OURS)
SEEN = Observation(
    backbone=BACKBONE,
    plan_file=PLAN_FILE,
    cron_job=CRON_JOB,
    runs=(),
    images=WorkerImages("worker:1", "sample:1", "IfNotPresent"),
)
NEVER_RUN = replace(SEEN, plan_file=None, cron_job=None)


def plan(
    status: JsonObject | None = None, token: str | None = None, **spec: object
) -> Subject[IngestPlanSpec]:
    """A plan, what its status says, its run-now token, and what its spec has beyond a daily schedule."""
    body = {
        "backboneRef": {"name": "market"},
        "schedule": "0 22 * * 1-5",
        "dailyBars": {"provider": "Sample", "symbols": ["AAPL", "IBM"]},
        **spec,
    }
    annotations = {} if token is None else {"backbone.emp.dev/run-now": token}
    return Subject("ns", "daily", "uid", 3, annotations, IngestPlanSpec.model_validate(body), status or {})


def report(outcome: Outcome = Outcome.SUCCEEDED, **more: object) -> RunReport:
    """What a run says of itself; `more` are fields of its report."""
    rows = 0 if outcome is Outcome.STORE_BUSY else 100
    said = RunReport(
        run_id="run",
        sequence=1,
        plan="daily",
        generation=3,
        outcome=outcome,
        start=NOW,
        end=NOW,
        rows=rows,
        dimensions=(DimensionReport(name="dailyBars", outcome=outcome, rows=rows, symbols=2),),
    )
    return said.model_copy(update=more)


def job(
    name: str,
    said: RunReport | None = None,
    start: datetime = NOW,
    *,
    pods: tuple[PodReading, ...] | None = None,
    finished: datetime | None = None,
    succeeded: bool = True,
    failure: str = "",
    scheduled: bool = False,
) -> JobReading:
    """A Job that ended, a minute after its start if nothing else is said, with or without a report."""
    ended = (readings.pod(said.encode().decode() if said else ""),)
    return readings.job(
        name,
        *(ended if pods is None else pods),
        uid=f"uid-{name}",
        created=start,
        started=start,
        finished=finished or start + MINUTE,
        succeeded=succeeded,
        failure=failure,
        scheduled=scheduled,
    )


def active(name: str, *pods: PodReading, start: datetime = NOW) -> JobReading:
    """A Job under way."""
    return readings.unfinished_job(name, *pods, uid=f"uid-{name}", created=start, started=start)


DELIVERED: JsonObject = {
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


def failed(outcome: str, **more: object) -> JsonObject:
    """The status of a plan whose last run ended so."""
    last = {**DELIVERED["lastRun"], "outcome": outcome, "message": "what happened"}
    return {**DELIVERED, "lastRun": last, "dimensions": [], "lastSuccess": None, **more}


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


def hindered(reason: str, valid: bool = True, waits: bool = False, stalled: bool = False) -> JsonObject:
    """Conditions of a plan that delivered before something came in the way."""
    return {
        "Ready": ("False", reason),
        "Scheduled": ("False", reason),
        **({} if valid else {"Validated": ("False", reason)}),
        **({"Reconciling": ("True", "Progressing")} if waits else {}),
        **({"Stalled": ("True", reason)} if stalled else {}),
    }
