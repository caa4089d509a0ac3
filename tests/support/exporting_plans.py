"""A plan with an export, what was seen of it, and what its Jobs report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backbone.evaluation import Subject
from backbone.ingestplan.api import IngestPlanSpec
from backbone.ports.cluster import JsonObject
from backbone.ports.readings import JobReading
from backbone.reports.exports import ExportReport
from backbone.vocabulary import Outcome

from . import readings
from .plans import DELIVERED, SEEN, plan
from .readings import MINUTE, NOW

BARS: dict[str, Any] = {
    "name": "bars",
    "dimension": "dailyBars",
    "schedule": "30 22 * * 1-5",
    "partitionBy": "Year",
    "target": {"claimName": "exports"},
}
TARGET = readings.claim(name="exports", uid="target")
EXPORTING = replace(SEEN, targets={"exports": TARGET})


def exporting_plan(
    status: JsonObject | None = None, *exports: dict[str, Any], token: str | None = None, **spec: Any
) -> Subject[IngestPlanSpec]:
    """A plan that delivered, with one export where none is named, and its export-now annotation."""
    found = plan(DELIVERED if status is None else status, exports=list(exports or (BARS,)), **spec)
    annotations = {} if token is None else {"backbone.emp.dev/export-now": token}
    return replace(found, annotations=annotations)


def export_job(name: str, outcome: Outcome = Outcome.SUCCEEDED, **more: Any) -> JobReading:
    """A Job of an export that ended a minute after its start, with a report."""
    done = outcome is Outcome.SUCCEEDED
    numbers = {"manifest": 7, "rows": 1200, "files": 3, "bytes": 9000, "complete_up_to": 4} if done else {}
    report = ExportReport(
        name="bars",
        dimension="dailyBars",
        outcome=outcome,
        started_at=NOW,
        ended_at=NOW + MINUTE,
        message="" if done else "what happened",
        **numbers,
    )
    said = readings.pod(report.encode().decode())
    return readings.job(name, said, finished=NOW + MINUTE, **more)
