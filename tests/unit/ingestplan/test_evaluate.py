"""What is true of an IngestPlan, and what is done about it, by tables of values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backbone.evaluation import Apply, Evaluation, Prune, Refusal, Start, Subject
from backbone.ingestplan.api import IngestPlanSpec
from backbone.ingestplan.evaluate import evaluate
from backbone.ingestplan.observation import Observation
from backbone.ports.readings import BackboneReading, ChildReading, CronJobReading, JobReading, PodReading
from backbone.report import DimensionReport, PastRun, RunReport, StoreRecoveryReport
from backbone.vocabulary import FIELD_MANAGER, LABEL_MANAGED_BY, LABEL_PLAN, Outcome, Reason
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
    ended = PodReading("pod", NOW, "Succeeded", "", "", False, None, None, "", 0, "Completed", words, NOW)
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
    "Reconciling": ("False", "Settled"),
    "Stalled": ("False", "Settled"),
}
AWAITING = {
    "Ready": ("False", "AwaitingFirstRun"),
    "Complete": ("Unknown", "AwaitingFirstRun"),
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


@pytest.mark.parametrize(
    ("subject", "seen", "refusals", "expected"),
    [
        pytest.param(plan(DELIVERED), SEEN, (), {}, id="a plan whose last run delivered is Ready"),
        pytest.param(plan(), NEVER_RUN, (), AWAITING, id="a new plan waits for its first run"),
        pytest.param(
            plan(),
            replace(SEEN, runs=(active("run-1", UNPULLED),)),
            (),
            {**AWAITING, "Ready": ("False", "ImagePullFailed")},
            id="a first run whose image cannot be pulled names it while it waits",
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, runs=(active("run-2", UNPULLED),)),
            (),
            {},
            id="a later run in trouble leaves what was delivered",
        ),
        pytest.param(
            plan(failed("UnknownSymbol")),
            SEEN,
            (),
            {
                "Ready": ("False", "UnknownSymbol"),
                "Complete": ("False", "UnknownSymbol"),
                "Stalled": ("True", "UnknownSymbol"),
            },
            id="an unknown symbol waits for somebody",
        ),
        pytest.param(
            plan(failed("StoreBusy")),
            SEEN,
            (),
            {"Ready": ("False", "StoreBusy"), "Complete": ("False", "StoreBusy")},
            id="a busy store waits for the next run",
        ),
        pytest.param(
            plan(failed("Partial", dimensions=DELIVERED["dimensions"])),
            SEEN,
            (),
            {},
            id="a partial run that delivered what is required is enough",
        ),
        pytest.param(
            plan(DELIVERED, schedule="0 22 30 2 *"),
            SEEN,
            (),
            hindered("InvalidSchedule", valid=False, stalled=True),
            id="a schedule that never fires waits for somebody",
        ),
        pytest.param(
            plan(DELIVERED, timeZone="Mars/Olympus"),
            SEEN,
            (),
            hindered("UnknownTimeZone", valid=False, stalled=True),
            id="a time zone that does not exist waits for somebody",
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=None),
            (),
            hindered("BackboneNotFound", valid=False, waits=True),
            id="a backbone that is not there may yet come",
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=replace(BACKBONE, terminating=True)),
            (),
            hindered("BackboneDeleted", valid=False, stalled=True),
            id="a backbone on its way out waits for somebody",
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=replace(BACKBONE, suspended=True, ready=False)),
            (),
            hindered("BackboneSuspended"),
            id="a suspended backbone suspends its plans",
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=replace(BACKBONE, ready=False)),
            (),
            hindered("BackboneNotReady", waits=True),
            id="a backbone that is not Ready holds its plans",
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=replace(BACKBONE, ready=None)),
            (),
            {"Ready": ("Unknown", "BackboneNotReady"), "Reconciling": ("True", "Progressing")},
            id="a backbone that nobody could look at leaves the schedule in force",
        ),
        pytest.param(
            plan(DELIVERED, suspend=True), SEEN, (), hindered("Suspended"), id="a suspended plan is not Ready"
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, cron_job=replace(CRON_JOB, labels=(), controller_uid="somebody")),
            (),
            hindered("NameTaken", stalled=True),
            id="a CronJob of somebody else is not taken",
        ),
        pytest.param(
            plan(DELIVERED),
            SEEN,
            (Refusal("daily", Reason.CHILD_REFUSED, "exceeded quota"),),
            hindered("ChildRefused", stalled=True),
            id="a child that the API server refuses waits for somebody",
        ),
    ],
)
def test_conditions(
    subject: Subject[IngestPlanSpec],
    seen: Observation,
    refusals: tuple[Refusal, ...],
    expected: dict[str, tuple[str, str]],
) -> None:
    result = evaluate(subject, seen, refusals, NOW)
    assert conditions(result) == {**READY, **expected}
    assert {item.observed_generation for item in result.conditions} == {3}


def test_a_change_of_the_spec_shows_until_a_run_takes_it_up() -> None:
    older = {**DELIVERED, "lastRun": {**DELIVERED["lastRun"], "generation": 2}}
    assert "next run takes it up" in message(evaluate(plan(older), SEEN, (), NOW), "Ready")
    assert "next run takes it up" not in message(evaluate(plan(DELIVERED), SEEN, (), NOW), "Ready")


@pytest.mark.parametrize(
    ("subject", "seen", "suspended"),
    [
        pytest.param(plan(DELIVERED), SEEN, False, id="a plan in order fires"),
        pytest.param(plan(DELIVERED, suspend=True), SEEN, True, id="a suspended one does not"),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=replace(BACKBONE, suspended=True)),
            True,
            id="nor one whose backbone is suspended",
        ),
        pytest.param(
            plan(DELIVERED), replace(SEEN, backbone=None), True, id="nor one whose backbone is not there"
        ),
        pytest.param(
            plan(DELIVERED, schedule="0 0 30 2 *"), SEEN, True, id="nor one whose new schedule is wrong"
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=replace(BACKBONE, ready=None)),
            False,
            id="not knowing the backbone's state does not stop a schedule in force",
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=replace(BACKBONE, ready=None), cron_job=replace(CRON_JOB, suspended=True)),
            True,
            id="and does not start one that is suspended",
        ),
    ],
)
def test_whether_the_schedule_fires(
    subject: Subject[IngestPlanSpec], seen: Observation, suspended: bool
) -> None:
    document = applied(evaluate(subject, seen, (), NOW), "CronJob")
    assert document is not None
    assert document["spec"]["suspend"] is suspended
    assert document["spec"]["schedule"] == "0 22 * * 1-5"


def test_a_wrong_schedule_makes_no_cron_job_where_none_stands() -> None:
    result = evaluate(plan(schedule="0 0 30 2 *"), NEVER_RUN, (), NOW)
    assert applied(result, "CronJob") is None
    assert "schedule" not in fields(result)


@pytest.mark.parametrize(
    ("subject", "seen", "count"),
    [
        pytest.param(plan(), NEVER_RUN, 1, id="creating a plan starts one run"),
        pytest.param(plan(DELIVERED), SEEN, 0, id="a change of the spec starts none"),
        pytest.param(plan(failed("UnknownSymbol")), SEEN, 0, id="a first run that failed is not repeated"),
        pytest.param(plan(token="t"), NEVER_RUN, 1, id="a token at creation is handled by the first run"),
        pytest.param(plan(DELIVERED, token="t"), SEEN, 1, id="a new token starts one run"),
        pytest.param(
            plan({**DELIVERED, "triggers": {"first": "run-1", "runNow": "t"}}, token="t"),
            SEEN,
            0,
            id="a handled token starts none",
        ),
        pytest.param(plan(DELIVERED, token=""), SEEN, 0, id="an empty token is none"),
        pytest.param(plan(suspend=True, token="t"), NEVER_RUN, 0, id="a suspended plan starts none"),
        pytest.param(
            plan(),
            replace(NEVER_RUN, backbone=replace(BACKBONE, ready=False)),
            0,
            id="nor before the backbone",
        ),
        pytest.param(
            plan(),
            replace(NEVER_RUN, backbone=replace(BACKBONE, ready=None)),
            0,
            id="nor while nobody knows how the backbone is",
        ),
        pytest.param(
            plan({"triggers": {"first": "run-1"}}),
            replace(SEEN, runs=(active("run-1"),)),
            0,
            id="a first run under way is enough",
        ),
        pytest.param(
            plan({"triggers": {"first": "run-1"}, "activeRun": {"id": "run-1"}}),
            SEEN,
            1,
            id="a first run that vanished unread is started again",
        ),
        pytest.param(
            plan({**DELIVERED, "activeRun": {"id": "run-2"}}),
            SEEN,
            0,
            id="a later run that vanished is left to the schedule",
        ),
    ],
)
def test_which_runs_start(subject: Subject[IngestPlanSpec], seen: Observation, count: int) -> None:
    result = evaluate(subject, seen, (), NOW)
    assert len(started(result)) == count
    assert [notice.reason for notice in result.notices].count("RunStarted") == count


def test_one_cause_is_one_job_and_two_causes_are_two() -> None:
    first = started(evaluate(plan(), NEVER_RUN, (), NOW))
    assert first == started(evaluate(plan(), NEVER_RUN, (), NOW + MINUTE))
    tokens = [started(evaluate(plan(DELIVERED, token=token), SEEN, (), NOW))[0] for token in ("a", "b")]
    assert len({*first, *tokens}) == 3


def test_a_started_run_is_recorded_with_the_token_it_handles() -> None:
    result = evaluate(plan(token="t"), NEVER_RUN, (), NOW)
    name = started(result)[0]
    assert fields(result)["triggers"] == {"first": name, "runNow": "t", "runNowJob": name}


def test_a_run_whose_job_was_refused_is_not_recorded() -> None:
    name = started(evaluate(plan(), NEVER_RUN, (), NOW))[0]
    refused = evaluate(plan(), NEVER_RUN, (Refusal(name, Reason.CHILD_REFUSED, "exceeded quota"),), NOW)
    assert "triggers" not in fields(refused)
    assert refused.notices == ()


def test_a_token_longer_than_status_takes_is_recorded_by_its_digest() -> None:
    result = evaluate(plan(DELIVERED, token="t" * 300), SEEN, (), NOW)
    recorded = fields(result)["triggers"]["runNow"]
    assert recorded.startswith("sha256:")
    again = {**DELIVERED, "triggers": {"first": "run-1", "runNow": recorded}}
    assert started(evaluate(plan(again, token="t" * 300), SEEN, (), NOW)) == []


def test_a_run_starts_after_the_children_it_needs() -> None:
    actions = evaluate(plan(), NEVER_RUN, (), NOW).actions
    assert [type(action).__name__ for action in actions] == ["Apply", "Apply", "Start"]


def test_a_finished_run_is_recorded_told_and_counted_once() -> None:
    seen = replace(SEEN, runs=(job("run-1", report(rows=1200)),))
    first = evaluate(plan({"triggers": {"first": "run-1"}}), seen, (), NOW + 2 * MINUTE)
    assert conditions(first) == READY
    assert first.outcomes == ("Succeeded",)
    assert [(notice.type, notice.reason) for notice in first.notices] == [("Normal", "Succeeded")]
    found = fields(first)
    assert found["lastRun"] == {
        "id": "run-1",
        "sequence": 1,
        "generation": 3,
        "outcome": "Succeeded",
        "start": "2024-03-01T12:00:00Z",
        "end": "2024-03-01T12:01:00Z",
        "rows": 1200,
        "message": "",
    }
    assert found["lastSuccess"] == "2024-03-01T12:01:00Z"
    assert found["dimensions"][0]["name"] == "dailyBars"
    again = evaluate(plan(found), seen, (), NOW + 3 * MINUTE)
    assert (again.outcomes, again.notices) == ((), ())
    assert fields(again) == found


@pytest.mark.parametrize(
    ("ended", "outcome", "words"),
    [
        pytest.param(
            job("run-2", pods=(pod("Traceback: boom", exit_code=1),), succeeded=False),
            "DiedWithoutMessage",
            "Traceback: boom",
            id="a crash shows the end of its log",
        ),
        pytest.param(
            job("run-2"), "DiedWithoutMessage", "exit code 0", id="success without a report is none"
        ),
        pytest.param(
            job("run-2", pods=(), succeeded=False, failure="DeadlineExceeded"),
            "DeadlineExceeded",
            "deadline",
            id="a run past its deadline",
        ),
        pytest.param(
            job("run-2", report(Outcome.STORE_BUSY, message="waited 300 s")),
            "StoreBusy",
            "waited 300 s",
            id="a report's own message",
        ),
    ],
)
def test_how_a_run_ended(ended: JobReading, outcome: str, words: str) -> None:
    result = evaluate(plan(DELIVERED), replace(SEEN, runs=(ended,)), (), NOW)
    assert conditions(result)["Ready"] == ("False", outcome)
    assert words in message(result, "Ready")
    assert fields(result)["lastSuccess"] == "2024-03-01T10:05:00Z"
    assert [(notice.type, notice.reason) for notice in result.notices] == [("Warning", outcome)]


def test_a_run_that_never_pulled_its_image_keeps_that_name_past_its_deadline() -> None:
    waiting = evaluate(plan(), replace(SEEN, runs=(active("run-1", UNPULLED),)), (), NOW)
    ended = job("run-1", pods=(), succeeded=False, failure="DeadlineExceeded")
    result = evaluate(plan(fields(waiting)), replace(SEEN, runs=(ended,)), (), NOW)
    assert conditions(result)["Ready"] == ("False", "ImagePullFailed")
    assert "no such tag" in message(result, "Ready")


def test_a_run_whose_job_was_deleted_is_job_vanished() -> None:
    standing = {**DELIVERED, "activeRun": {"id": "run-2", "start": "2024-03-01T11:59:00Z"}}
    result = evaluate(plan(standing), SEEN, (), NOW)
    assert conditions(result)["Ready"] == ("False", "JobVanished")
    assert fields(result)["lastRun"]["id"] == "run-2"
    assert "activeRun" not in fields(result)
    assert result.outcomes == ("JobVanished",)


def test_missing_symbols_are_named_and_counted() -> None:
    bars = DimensionReport(
        name="dailyBars",
        outcome=Outcome.UNKNOWN_SYMBOL,
        rows=10,
        symbols=1,
        missing=("A", "B", "C", "D", "E", "F"),
        missing_count=9,
    )
    said = report(Outcome.PARTIAL, dimensions=(bars,))
    result = evaluate(plan(DELIVERED), replace(SEEN, runs=(job("run-2", said),)), (), NOW)
    assert conditions(result)["Ready"] == ("False", "Partial")
    assert "dailyBars: UnknownSymbol, missing A, B, C, D, E and 4 more" in message(result, "Ready")
    assert fields(result)["dimensions"][0]["missingCount"] == 9


def test_a_report_that_status_could_not_hold_is_no_report() -> None:
    said = report(dimensions=(DimensionReport(name="x" * 99, outcome=Outcome.SUCCEEDED),))
    result = evaluate(plan(DELIVERED), replace(SEEN, runs=(job("run-2", said),)), (), NOW)
    assert conditions(result)["Ready"] == ("False", "DiedWithoutMessage")


@pytest.mark.parametrize(
    ("runs", "last"),
    [
        pytest.param(
            (job("a", report(), NOW), job("b", report(Outcome.NO_DATA), NOW + 2 * MINUTE)),
            "b",
            id="a failure after a success is the last run",
        ),
        pytest.param(
            (job("a", report(Outcome.NO_DATA), NOW), job("b", report(), NOW + 2 * MINUTE)),
            "b",
            id="a success after a failure is the last run",
        ),
        pytest.param(
            (
                job("a", report(), NOW, finished=NOW + 9 * MINUTE),
                job("b", report(Outcome.STORE_BUSY), NOW + MINUTE),
            ),
            "a",
            id="a run that waited in vain for one that delivered is not the last",
        ),
        pytest.param(
            (
                job("a", start=NOW, pods=(), failure="DeadlineExceeded", finished=NOW + 30 * MINUTE),
                job("b", report(), NOW + 5 * MINUTE),
            ),
            "b",
            id="an old run that times out after a newer one delivered is not the last",
        ),
    ],
)
def test_which_run_is_the_last_one(runs: tuple[JobReading, ...], last: str) -> None:
    result = evaluate(plan({"triggers": {"first": "a"}}), replace(SEEN, runs=runs), (), NOW)
    assert fields(result)["lastRun"]["id"] == last
    assert len(result.outcomes) == 2


def past(sequence: int, outcome: Outcome = Outcome.NO_DATA, by: str = "daily") -> PastRun:
    return PastRun(sequence=sequence, plan=by, outcome=outcome, end=NOW - MINUTE)


@pytest.mark.parametrize(
    ("said", "plans", "gap"),
    [
        pytest.param(report(sequence=5), 1, None, id="the next number leaves no gap"),
        pytest.param(report(sequence=7), 1, "runs 5 to 6", id="numbers that nobody saw are a gap"),
        pytest.param(report(sequence=7, recent=(past(6),)), 1, "run 5 ", id="recent runs fill a part of it"),
        pytest.param(report(sequence=7, recent=(past(5), past(6))), 1, None, id="or all of it"),
        pytest.param(report(sequence=7), 2, None, id="another plan's runs are no gap"),
        pytest.param(report(sequence=1), 1, None, id="a journal that began anew has none"),
    ],
)
def test_runs_that_nobody_saw(said: RunReport, plans: int, gap: str | None) -> None:
    seen = replace(SEEN, backbone=replace(BACKBONE, plans=plans), runs=(job("run-2", said),))
    notices = evaluate(plan(DELIVERED), seen, (), NOW).notices
    found = [notice.message for notice in notices if notice.reason == "StatusGap"]
    assert (gap is None and not found) or (gap is not None and gap in found[0])


def test_a_success_that_only_a_later_report_tells_of_counts() -> None:
    said = report(Outcome.NO_DATA, sequence=6, recent=(past(5, Outcome.SUCCEEDED),))
    result = evaluate(plan(DELIVERED), replace(SEEN, runs=(job("run-2", said),)), (), NOW)
    assert fields(result)["lastSuccess"] == "2024-03-01T11:59:00Z"
    others = report(Outcome.NO_DATA, sequence=6, recent=(past(5, Outcome.SUCCEEDED, by="other"),))
    result = evaluate(plan(DELIVERED), replace(SEEN, runs=(job("run-2", others),)), (), NOW)
    assert fields(result)["lastSuccess"] == "2024-03-01T10:05:00Z"


def test_a_store_that_was_set_aside_stays_on_record() -> None:
    recovery = StoreRecoveryReport(set_aside="working/x.corrupt-1", continued_from="empty", at=NOW)
    seen = replace(SEEN, runs=(job("run-2", report(store_recovery=recovery)),))
    found = fields(evaluate(plan(DELIVERED), seen, (), NOW))
    assert found["storeRecovery"] == {
        "setAside": "working/x.corrupt-1",
        "continuedFrom": "empty",
        "at": "2024-03-01T12:00:00Z",
    }
    assert fields(evaluate(plan(found), SEEN, (), NOW))["storeRecovery"] == found["storeRecovery"]


def test_finished_jobs_beyond_the_newest_three_go_unless_a_cron_job_keeps_them() -> None:
    runs = tuple(job(f"run-{number}", report(), NOW + number * MINUTE) for number in range(5))
    scheduled = tuple(replace(item, scheduled=True) for item in runs)
    result = evaluate(plan(DELIVERED), replace(SEEN, runs=runs), (), NOW)
    assert [action.name for action in result.actions if isinstance(action, Prune)] == ["run-0", "run-1"]
    result = evaluate(plan(DELIVERED), replace(SEEN, runs=scheduled), (), NOW)
    assert [action for action in result.actions if isinstance(action, Prune)] == []


def test_a_status_that_does_not_parse_is_begun_anew() -> None:
    result = evaluate(plan({"lastRun": "nonsense"}), replace(SEEN, runs=(job("run-1", report()),)), (), NOW)
    assert conditions(result) == READY
