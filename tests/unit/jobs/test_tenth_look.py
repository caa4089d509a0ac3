"""A further thing that Jobs check is a spec, a report, a status and an entry in a table, and nothing else.

The one of this module is imaginary: a message broker and its topics.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field
from support import readings
from support.readings import HOUR, MINUTE, NOW

from backbone.jobs.looks import Desired, Look, LookStatus, Pace, Reading, Verdict, pending, read
from backbone.naming import digest
from backbone.ports.readings import JobReading
from backbone.reports.envelope import Report
from backbone.schema import Model
from backbone.vocabulary import Reason

PACE = Pace(HOUR, retry=timedelta(seconds=3))


# The tenth look begins.
class BrokerSpec(Model):
    """What the user asks for."""

    topics: tuple[str, ...] = Field(max_length=8, description="Topics that have to exist.")


class BrokerReport(Report):
    """What the Job reports."""

    about: ClassVar[str] = "broker"

    missing: tuple[str, ...] = ()


class BrokerStatus(LookStatus):
    """What the status remembers."""

    missing: tuple[str, ...] = Field(default=(), max_length=8, description="Topics that do not exist.")


def cause_of(spec: BrokerSpec) -> str:
    return digest(*spec.topics, length=16)


def judge(report: BrokerReport, _: JobReading) -> Verdict:
    missing = ", ".join(report.missing)
    return Verdict("TopicsMissing", f"Create {missing}.") if missing else Verdict("Reachable", "", good=True)


LOOKS = {
    "broker": Look(
        job="The Job that checks the broker",
        report=BrokerReport,
        pending=Reason.PENDING,
        failed=Reason.DATABASE_CHECK_FAILED,
        retry_limit=timedelta(minutes=4),
    )
}


def check(spec: BrokerSpec, status: BrokerStatus, jobs: tuple[JobReading, ...], now: datetime) -> Checked:
    found = read(LOOKS["broker"], Desired(cause_of(spec), None, judge), status, jobs, pace=PACE, now=now)
    missing = [end.report.missing for end in found.ends if end.report is not None]
    update = {"missing": missing[-1]} if missing else {}
    return replace(found, status=found.status.model_copy(update=update))


# The tenth look ends.


Checked = Reading[BrokerStatus, BrokerReport]
SPEC = BrokerSpec(topics=("bars", "trades"))


def job(*missing: str, name: str = "a", spec: BrokerSpec = SPEC) -> JobReading:
    pod = readings.pod(BrokerReport(missing=missing).encode().decode())
    return readings.job(name, pod, cause=cause_of(spec))


def test_it_is_less_than_forty_lines() -> None:
    _, _, own = Path(__file__).read_text().partition("# The tenth look begins.\n")
    own, _, _ = own.partition("# The tenth look ends.\n")
    lines = [line for line in own.splitlines() if line.strip()]
    assert 20 < len(lines) < 40


def test_the_first_check_starts_at_once_and_says_so_far_why_there_is_no_verdict() -> None:
    found = check(SPEC, BrokerStatus(), (), NOW)
    assert (found.due, found.starts(NOW), found.attempt) == (None, True, "first")
    assert pending(LOOKS["broker"], found.status)[1].startswith(
        "The Job that checks the broker has not finished"
    )


def test_a_good_verdict_stands_and_the_next_check_is_due_after_the_interval() -> None:
    found = check(SPEC, BrokerStatus(), (job(),), NOW)
    assert (found.status.outcome, found.status.failures, found.fresh) == ("Reachable", 0, True)
    assert (found.due, found.starts(NOW)) == (NOW + HOUR, False)


@pytest.mark.parametrize(("failures", "pause"), [(0, 3), (1, 6), (2, 12), (9, 240)])
def test_what_is_missing_is_in_the_status_and_checked_again_at_growing_pauses(
    failures: int, pause: int
) -> None:
    found = check(SPEC, BrokerStatus(failures=failures), (job("trades"),), NOW)
    assert (found.status.outcome, found.status.message) == ("TopicsMissing", "Create trades.")
    assert found.status.missing == ("trades",)
    assert found.due == NOW + timedelta(seconds=pause)


def test_another_spec_asks_for_a_check_at_once_and_so_does_whoever_deletes_the_job() -> None:
    status = check(SPEC, BrokerStatus(), (job(),), NOW).status
    assert check(SPEC, status, (job(),), NOW + MINUTE).due == NOW + HOUR
    assert check(BrokerSpec(topics=("bars",)), status, (job(),), NOW + MINUTE).due is None
    assert check(SPEC, status, (), NOW + MINUTE).due is None


def test_a_pod_that_does_not_run_is_named_and_costs_no_verdict() -> None:
    status = check(SPEC, BrokerStatus(), (job(),), NOW).status
    waiting = readings.unfinished_job("b", readings.UNPULLED)
    found = check(SPEC, status, (job(), waiting), NOW + HOUR)
    assert (found.status.outcome, found.status.trouble) == ("Reachable", "ImagePullFailed: no such tag")
    assert not found.starts(NOW + HOUR)
