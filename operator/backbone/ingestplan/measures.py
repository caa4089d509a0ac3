"""What is measured of an IngestPlan: how its runs ended, and how punctual they are."""

from __future__ import annotations

from datetime import datetime

from ..measures import Family, Form, Measure
from ..reports.run import RunReport

OF_PLAN = ("namespace", "plan")

RUNS = Family("backbone_runs", "Ingest runs that ended, by outcome.", (*OF_PLAN, "outcome"), Form.COUNTER)
REQUESTS = Family(
    "backbone_provider_requests",
    "Requests that runs which ended have sent to providers.",
    OF_PLAN,
    Form.COUNTER,
)
RETRIES = Family(
    "backbone_provider_retries",
    "Questions that runs which ended have asked providers again.",
    OF_PLAN,
    Form.COUNTER,
)
MISSED_RUNS = Family(
    "backbone_plan_missed_runs",
    "Fires of the schedule that were found without a run.",
    OF_PLAN,
    Form.COUNTER,
)
SECOND_TRIES = Family(
    "backbone_plan_second_tries",
    "Second tries of runs whose store was gone for a moment.",
    OF_PLAN,
    Form.COUNTER,
)
SUCCESS_AGE = Family(
    "backbone_plan_success_age_seconds",
    "How long ago a run delivered everything required; before the first, how long ago the plan began.",
    OF_PLAN,
    Form.AGE,
)
EXPORTS = Family("backbone_exports", "Exports that ended, by outcome.", (*OF_PLAN, "outcome"), Form.COUNTER)
EXPORT_AGE = Family(
    "backbone_export_age_seconds",
    "How long ago the last whole export ended; before the first, how long ago the plan began.",
    (*OF_PLAN, "export"),
    Form.AGE,
)
FAMILIES = (RUNS, REQUESTS, RETRIES, MISSED_RUNS, SECOND_TRIES, SUCCESS_AGE, EXPORTS, EXPORT_AGE)


def of_run(outcome: str, report: RunReport | None) -> tuple[Measure, ...]:
    """What a run that ended adds: itself, and what its report says that it asked of providers."""
    dimensions = report.dimensions if report is not None else ()
    return (
        Measure(RUNS, (outcome,), 1),
        Measure(REQUESTS, (), sum(item.requests for item in dimensions)),
        Measure(RETRIES, (), sum(item.retried for item in dimensions)),
        Measure(SECOND_TRIES, (), report.again if report is not None else 0),
    )


def of_fires(missed: int, since: datetime | None) -> tuple[Measure, ...]:
    """Fires newly found without a run, and since when (UTC) nothing was delivered, where that is known."""
    count = Measure(MISSED_RUNS, (), missed)
    return (count,) if since is None else (count, Measure(SUCCESS_AGE, (), since.timestamp()))
