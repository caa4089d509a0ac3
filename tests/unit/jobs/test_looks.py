"""A Job looks at something: when its verdict stands, when the next one is due, and why there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from support import readings
from support.readings import HOUR, MINUTE, NOW

from backbone.jobs.looks import (
    MESSAGE_LIMIT,
    TROUBLE_LIMIT,
    Desired,
    Look,
    LookStatus,
    Pace,
    Reading,
    Verdict,
    due,
    next_due,
    out_of_date,
    pending,
    pod_refused,
    read,
    stands,
    trouble_of,
)
from backbone.ports.readings import JobReading, PodReading
from backbone.reports import envelope
from backbone.vocabulary import Outcome, Reason

SECOND = timedelta(seconds=1)
REFUSED = "PodRefused: pods are forbidden: exceeded quota"


class Report(envelope.Report):
    """What the Jobs of these tests tell."""

    about: ClassVar[str] = "test"

    outcome: str
    message: str = ""


def judge(report: Report, job: JobReading) -> Verdict:
    return Verdict(
        report.outcome, report.message or f"{job.name} says {report.outcome}", report.outcome == "Good"
    )


LOOK = Look(
    job="The Job that checks it",
    report=Report,
    pending=Reason.PENDING,
    failed=Reason.DATABASE_CHECK_FAILED,
    retry_limit=10 * MINUTE,
    troubles=frozenset({Outcome.STORE_FULL}),
)
PACE = Pace(HOUR)
DESIRED = Desired(cause="spec-1", made_by=None, judge=judge)


def job(report: Report | str | None = None, name: str = "a", finished: datetime = NOW) -> JobReading:
    """A Job that ended; what it left as its termination message is a report, or words that are none."""
    if isinstance(report, Report):
        pod = readings.pod(report.encode().decode())
    else:
        pod = readings.pod(report or "", exit_code=1)
    return readings.job(
        name,
        pod,
        finished=finished,
        succeeded=isinstance(report, Report),
        claim_uid="claim-1",
        cause="spec-1",
    )


def late(*pods: PodReading) -> JobReading:
    """A Job that passed its deadline."""
    return readings.job("a", *pods, succeeded=False, failure="DeadlineExceeded", cause="spec-1")


def known(**more: Any) -> LookStatus:
    """The status after Job `a` ended well now."""
    values = {"job": "a", "cause": "spec-1", "outcome": "Good", "checked_at": NOW, "attempted_at": NOW}
    return LookStatus(**{**values, **more})


def seen(
    *jobs: JobReading, status: LookStatus | None = None, look: Look[Report] = LOOK, at: datetime = NOW
) -> Reading[LookStatus, Report]:
    return read(look, DESIRED, status or LookStatus(), jobs, pace=PACE, now=at)


GOOD, BAD = job(Report(outcome="Good")), job(Report(outcome="Full"))


def test_a_report_is_a_verdict_of_the_time_at_which_its_job_ended() -> None:
    found = seen(GOOD)
    assert found.status == known(message="a says Good")
    assert [(end.job.name, end.at, end.report) for end in found.ends] == [("a", NOW, Report(outcome="Good"))]


@pytest.mark.parametrize(
    ("ended", "outcome", "words"),
    [
        pytest.param(job("Traceback"), "DatabaseCheckFailed", "Traceback", id="words that are no report"),
        pytest.param(job('{"outcome":1}'), "DatabaseCheckFailed", "outcome", id="another report"),
        pytest.param(job(), "DatabaseCheckFailed", "said nothing", id="nothing at all"),
        pytest.param(
            late(),
            *("DatabaseCheckFailed", "deadline"),
            id="a deadline that passed while it ran",
        ),
        pytest.param(readings.job("a"), None, "pod was deleted", id="a pod that is gone"),
        pytest.param(
            readings.job("a", readings.pod(reason="Evicted"), succeeded=False),
            None,
            "evicted",
            id="an eviction",
        ),
    ],
)
def test_a_job_without_a_report_failed_and_says_why(
    ended: JobReading, outcome: str | None, words: str
) -> None:
    """Where it never came as far as what it was to look at, the last verdict stays."""
    before = known(job="before", attempted_at=NOW - HOUR, checked_at=NOW - HOUR)
    found = seen(ended, status=before)
    assert found.status.outcome == (outcome or "Good")
    assert found.status.checked_at == (NOW if outcome else NOW - HOUR)
    assert (found.status.attempted_at, found.status.failures) == (NOW, 1)
    assert words in found.status.message
    assert [end.report for end in found.ends] == [None]


def test_what_kept_a_pod_from_running_is_the_reason_once_its_deadline_passed() -> None:
    under_way = seen(readings.unfinished_job("a", readings.UNPULLED)).status
    assert under_way.trouble == "ImagePullFailed: no such tag"
    ended = seen(late(), status=under_way).status
    assert (ended.trouble, ended.outcome) == (None, None)
    assert "it never ran" in ended.message


def test_a_job_is_read_once_and_in_the_order_of_their_ends() -> None:
    later = replace(BAD, name="b", finished=NOW + MINUTE)
    found = seen(GOOD, later)
    assert [end.job.name for end in found.ends] == ["a", "b"]
    assert (found.status.job, found.status.outcome, found.status.failures) == ("b", "Full", 1)
    assert seen(GOOD, later, status=found.status).ends == ()


def test_texts_are_cut_to_what_a_status_has_room_for() -> None:
    unpulled = replace(readings.UNPULLED, waiting_message="x" * 2000)
    found = seen(job(Report(outcome="Full", message="y" * 2000)), readings.unfinished_job("b", unpulled))
    assert len(found.status.message) == MESSAGE_LIMIT
    assert len(found.status.trouble or "") == TROUBLE_LIMIT


def test_a_look_may_take_its_cause_from_elsewhere_on_the_job() -> None:
    look = replace(LOOK, cause=lambda job: job.claim_uid)
    assert seen(GOOD, look=look).status.cause == "claim-1"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(LookStatus(), None, id="the first look is due at once"),
        pytest.param(known(), NOW + HOUR, id="a good one stands for the interval"),
        pytest.param(known(cause="spec-0"), None, id="another cause asks at once"),
        pytest.param(known(job="gone"), None, id="whoever deletes the last Job asks at once"),
        pytest.param(known(failures=1), NOW + 15 * SECOND, id="the first retry"),
        pytest.param(known(failures=2), NOW + 30 * SECOND, id="the second waits twice as long"),
        pytest.param(known(failures=6), NOW + 8 * MINUTE, id="and so on"),
        pytest.param(known(failures=7), NOW + 10 * MINUTE, id="up to the limit"),
        pytest.param(known(failures=10_000), NOW + 10 * MINUTE, id="however many there were"),
        pytest.param(known(failures=1, message=REFUSED), NOW + 15 * SECOND, id="pods that are refused still"),
    ],
)
def test_when_the_next_look_is_due(status: LookStatus, expected: datetime | None) -> None:
    assert due(LOOK, DESIRED, status, (GOOD,), PACE) == expected
    assert seen(GOOD, status=status).due == expected or status.attempted_at is None


def test_other_settings_of_pods_retry_at_once_what_was_refused() -> None:
    desired = replace(DESIRED, made_by="settings-2")
    assert due(LOOK, desired, known(failures=1, message=REFUSED), (GOOD,), PACE) is None
    assert due(LOOK, desired, known(failures=1, message="OutOfMemory: x"), (GOOD,), PACE) is not None
    same = (replace(GOOD, made_by="settings-2"),)
    assert due(LOOK, desired, known(failures=1, message=REFUSED), same, PACE) is not None


def test_a_run_that_met_a_trouble_since_asks_at_once_unless_a_retry_is_on_its_way() -> None:
    asked = []

    def met(troubles: Any, since: datetime) -> bool:
        asked.append((Outcome.STORE_FULL in troubles, Outcome.EVICTED in troubles, since))
        return True

    desired = replace(DESIRED, met=met)
    assert due(LOOK, desired, known(), (GOOD,), PACE) is None
    assert asked == [(True, False, NOW)]
    assert due(LOOK, desired, known(failures=1), (GOOD,), PACE) == NOW + 15 * SECOND


def test_the_pace_is_the_operators_and_its_bounds_are_the_looks() -> None:
    pace, look = Pace(HOUR, retry=3 * SECOND), replace(LOOK, longest=15 * MINUTE)
    assert due(look, DESIRED, known(), (GOOD,), pace) == NOW + 15 * MINUTE
    assert due(look, DESIRED, known(), (GOOD,), replace(pace, interval=MINUTE)) == NOW + MINUTE
    assert due(look, DESIRED, known(failures=3), (GOOD,), pace) == NOW + 12 * SECOND


def test_a_verdict_stands_for_three_intervals() -> None:
    assert stands(NOW - 3 * HOUR, HOUR, NOW)
    assert not stands(NOW - 3 * HOUR - SECOND, HOUR, NOW)
    assert not stands(None, HOUR, NOW), "there is none"
    assert seen(GOOD).fresh
    assert not seen(GOOD, at=NOW + 4 * HOUR).fresh


def test_what_waits_for_a_look_gets_the_next_one_at_the_longest_pause() -> None:
    assert seen(GOOD).soon == NOW + 10 * MINUTE
    assert seen().soon is None, "at once where there was none"


def test_a_job_starts_when_it_is_due_and_no_other_is_under_way() -> None:
    assert seen().starts(NOW)
    assert not seen(GOOD).starts(NOW)
    assert seen(GOOD).starts(NOW + HOUR)
    assert not seen(GOOD, readings.unfinished_job("b")).starts(NOW + HOUR)


def test_each_job_has_a_name_of_its_own_by_the_attempt_before_it() -> None:
    assert [seen().attempt, seen(GOOD).attempt] == ["first", NOW.isoformat()]


def test_the_first_look_that_is_to_come_is_what_a_visit_waits_for() -> None:
    soon = seen(GOOD, look=replace(LOOK, longest=MINUTE))
    assert next_due([seen(GOOD), soon, seen()], NOW) == MINUTE
    assert next_due([seen()], NOW) is None, "what is due now needs no waiting"


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        pytest.param(LookStatus(), Reason.PENDING, "has not finished yet", id="nothing is known"),
        pytest.param(
            LookStatus(trouble="ImagePullFailed: no tag", failures=1, message="before"),
            *(Reason.PENDING, "does not run: ImagePullFailed: no tag"),
            id="what keeps the Job under way comes first",
        ),
        pytest.param(
            LookStatus(failures=1, message="Evicted: x"),
            *(Reason.PENDING, "has no result yet: Evicted: x"),
            id="then what ended the last one",
        ),
        pytest.param(
            LookStatus(trouble=REFUSED), Outcome.POD_REFUSED, REFUSED, id="a refused pod goes by its own name"
        ),
        pytest.param(
            LookStatus(failures=1, message=REFUSED), Outcome.POD_REFUSED, REFUSED, id="after its end too"
        ),
    ],
)
def test_why_there_is_no_verdict_yet(status: LookStatus, reason: str, words: str) -> None:
    assert pending(LOOK, status)[0] is reason
    assert pending(LOOK, status)[1].startswith("The Job that checks it ")
    assert words in pending(LOOK, status)[1]


@pytest.mark.parametrize(
    ("status", "why"),
    [
        pytest.param(known(), "no Job ran", id="nobody knows"),
        pytest.param(known(message="m"), "m", id="the last end"),
        pytest.param(known(message="m", trouble="t"), "t", id="the trouble under way"),
    ],
)
def test_a_verdict_that_is_out_of_date_is_named_with_what_keeps_the_next_one(
    status: LookStatus, why: str
) -> None:
    assert out_of_date("the broker", status) == f"The last verdict on the broker, Good, is out of date: {why}"


@pytest.mark.parametrize(
    "text", [None, "", "no trouble: at all", "Evicted", "Evicted: by the kubelet", REFUSED]
)
def test_a_trouble_reads_back_as_it_was_written(text: str | None) -> None:
    trouble = trouble_of(text)
    assert trouble is None or str(trouble) == (text if ": " in str(text) else f"{text}: ")
    assert (pod_refused(text) is Outcome.POD_REFUSED) == (text == REFUSED)
