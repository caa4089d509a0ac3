"""A backbone with one plan, what their Jobs' pods say at their end, and a process that is killed."""

from __future__ import annotations

from datetime import UTC, datetime

from backbone.jobs.pods import WorkerImages
from backbone.reports.run import DimensionReport, RunReport
from backbone.reports.volume import VolumeProbeReport
from backbone.vocabulary import Outcome

NOW = datetime(2024, 3, 1, 12, 5, tzinfo=UTC)
IMAGES = WorkerImages("worker:1", "sample:1", "IfNotPresent")
PLAN = {
    "backboneRef": {"name": "market"},
    "schedule": "0 22 * * 1-5",
    "dailyBars": {"provider": "Sample", "symbols": ["AAPL"]},
}


class Killed(BaseException):
    """The process ends here, as by SIGKILL: nothing catches it."""


def words(job: str) -> str:
    """What a Job's pod says at its end."""
    if "-probe-" in job:
        return VolumeProbeReport(outcome="VolumeProbed", at=NOW).encode().decode()
    bars = DimensionReport(name="dailyBars", outcome=Outcome.SUCCEEDED, rows=7, symbols=1)
    report = RunReport(
        run_id=job,
        sequence=1,
        plan="daily",
        generation=1,
        outcome=Outcome.SUCCEEDED,
        start=NOW,
        end=NOW,
        rows=7,
        dimensions=(bars,),
    )
    return report.encode().decode()
