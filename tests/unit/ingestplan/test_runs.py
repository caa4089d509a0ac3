"""How runs ended, which one counts, and what nobody saw, by tables of values."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.evaluations import conditions, fields, measured, message, started
from support.plans import BACKBONE, DELIVERED, READY, SEEN, active, job, plan, report
from support.readings import MINUTE, NOW, UNPULLED, pod

from backbone.evaluation import Prune
from backbone.ingestplan.evaluate import evaluate
from backbone.ingestplan.measures import REQUESTS, RETRIES, RUNS, SECOND_TRIES
from backbone.ports.readings import BackboneReading, JobReading
from backbone.reports.run import DimensionReport, PastRun, RowCount, RunReport, StoreRecoveryReport
from backbone.vocabulary import Outcome


def test_a_finished_run_is_recorded_told_and_counted_once() -> None:
    seen = replace(SEEN, runs=(job("run-1", report(rows=1200)),))
    first = evaluate(plan({"triggers": {"first": "run-1"}}), seen, (), NOW + 2 * MINUTE)
    assert conditions(first) == READY
    assert measured(first, RUNS) == {("Succeeded",): 1}
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
    assert (measured(again, RUNS), again.notices) == ({}, ())
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


def test_what_a_run_asked_of_providers_is_counted_over_its_dimensions() -> None:
    asked = tuple(
        DimensionReport(name=name, outcome=Outcome.SUCCEEDED, requests=requests, retried=retried)
        for name, requests, retried in (("dailyBars", 7, 2), ("macroSeries", 3, 0))
    )
    seen = replace(SEEN, runs=(job("run-1", report(rows=10).model_copy(update={"dimensions": asked})),))
    found = evaluate(plan(), seen, (), NOW + 2 * MINUTE)
    counts = [measured(found, family) for family in (RUNS, REQUESTS, RETRIES, SECOND_TRIES)]
    assert counts == [{("Succeeded",): 1}, {(): 10}, {(): 2}, {(): 0}]
    assert [(item["requests"], item["retried"]) for item in fields(found)["dimensions"]] == [(7, 2), (3, 0)]


def test_a_run_that_never_pulled_its_image_keeps_that_name_past_its_deadline() -> None:
    waiting = evaluate(plan(), replace(SEEN, runs=(active("run-1", UNPULLED),)), (), NOW)
    # At the deadline its pod goes first.
    ending = evaluate(plan(fields(waiting)), replace(SEEN, runs=(active("run-1"),)), (), NOW)
    ended = job("run-1", pods=(), succeeded=False, failure="DeadlineExceeded")
    result = evaluate(plan(fields(ending)), replace(SEEN, runs=(ended,)), (), NOW)
    assert conditions(result)["Ready"] == ("False", "ImagePullFailed")
    assert "no such tag" in message(result, "Ready")


def test_a_run_whose_job_was_deleted_is_job_vanished() -> None:
    standing = {**DELIVERED, "activeRun": {"id": "run-2", "start": "2024-03-01T11:59:00Z"}}
    result = evaluate(plan(standing), SEEN, (), NOW)
    assert conditions(result)["Ready"] == ("False", "JobVanished")
    assert fields(result)["lastRun"]["id"] == "run-2"
    assert "activeRun" not in fields(result)
    assert measured(result, RUNS) == {("JobVanished",): 1}


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
    bars = report().dimensions[0].model_copy(update={"name": "x" * 99})
    said = report().model_copy(update={"dimensions": (bars,)})
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
        pytest.param(
            (
                job("b", report(), NOW, finished=NOW + MINUTE),
                job("a", report(Outcome.STORE_UNREACHABLE), NOW + MINUTE),
            ),
            "a",
            id="a failure that began in the second in which a success ended is the last run",
        ),
    ],
)
def test_which_run_is_the_last_one(runs: tuple[JobReading, ...], last: str) -> None:
    result = evaluate(plan({"triggers": {"first": "a"}}), replace(SEEN, runs=runs), (), NOW)
    assert fields(result)["lastRun"]["id"] == last
    assert sum(measure.value or 0 for measure in result.measures if measure.family is RUNS) == 2


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
        pytest.param(report(sequence=9, earlier=()), 1, None, id="another backbone's are none"),
        pytest.param(report(sequence=9, earlier=()), 2, None, id="nor are another plan's"),
        pytest.param(report(sequence=9, earlier=(6, 4, 2)), 2, "run 6 ", id="a run of the plan is one"),
        pytest.param(
            report(sequence=9, earlier=(7, 6, 5)), 3, "runs 5 to 7 ", id="several are told as a span"
        ),
        pytest.param(report(sequence=30, earlier=(20, 9, 7)), 2, "runs 7, 9 and 20 ", id="or one by one"),
        pytest.param(report(sequence=3, earlier=(2, 1)), 2, None, id="with several plans too"),
    ],
)
def test_runs_that_nobody_saw(said: RunReport, plans: int, gap: str | None) -> None:
    seen = replace(SEEN, backbone=replace(BACKBONE, plans=plans), runs=(job("run-2", said),))
    notices = evaluate(plan(DELIVERED), seen, (), NOW).notices
    found = [notice.message for notice in notices if notice.reason == "StatusGap"]
    assert (gap is None and not found) or (gap is not None and gap in found[0])


def test_a_run_whose_job_is_still_there_was_seen() -> None:
    """Though it is not the last one: it failed after waiting for the one that is."""
    failed = job("run-2", report(Outcome.STORE_BUSY, sequence=5), NOW - 9 * MINUTE, finished=NOW - MINUTE)
    runs = (failed, job("run-3", report(sequence=20, earlier=(6, 5)), finished=NOW + MINUTE))
    seen = replace(SEEN, backbone=replace(BACKBONE, plans=2), runs=runs)
    notices = evaluate(plan(DELIVERED), seen, (), NOW).notices
    told = [notice.message for notice in notices if notice.reason == "StatusGap"]
    assert told == ["The outcome of run 6 of the backbone's journal was never seen."]


def test_a_run_that_began_earlier_and_is_still_under_way_is_no_gap() -> None:
    runs = (job("run-2", report(sequence=6)), replace(job("run-1"), finished=None))
    notices = evaluate(plan(DELIVERED), replace(SEEN, runs=runs), (), NOW).notices
    assert [notice.message for notice in notices if notice.reason == "StatusGap"] == []


def test_a_success_that_only_a_later_report_tells_of_counts() -> None:
    said = report(Outcome.NO_DATA, sequence=6, recent=(past(5, Outcome.SUCCEEDED),))
    result = evaluate(plan(DELIVERED), replace(SEEN, runs=(job("run-2", said),)), (), NOW)
    assert fields(result)["lastSuccess"] == "2024-03-01T11:59:00Z"
    others = report(Outcome.NO_DATA, sequence=6, recent=(past(5, Outcome.SUCCEEDED, by="other"),))
    result = evaluate(plan(DELIVERED), replace(SEEN, runs=(job("run-2", others),)), (), NOW)
    assert fields(result)["lastSuccess"] == "2024-03-01T10:05:00Z"


def test_what_an_earlier_plan_of_the_name_achieved_is_not_this_ones() -> None:
    said = report(Outcome.NO_DATA, sequence=6, recent=(past(5, Outcome.SUCCEEDED),))
    seen = replace(SEEN, runs=(job("run-2", said),))
    for created, last in ((NOW, None), (NOW - 2 * MINUTE, "2024-03-01T11:59:00Z")):
        result = evaluate(replace(plan(), created=created), seen, (), NOW)
        assert fields(result).get("lastSuccess") == last


def test_what_a_run_did_beside_its_rows_is_told_by_its_event_and_in_status() -> None:
    seen = replace(SEEN, runs=(job("run-2", report(message="the store's file was rewritten")),))
    result = evaluate(plan(DELIVERED), seen, (), NOW)
    assert [item.message for item in result.notices] == [
        "Run run-2: 100 rows; the store's file was rewritten"
    ]
    assert fields(result)["lastRun"]["message"] == "the store's file was rewritten"


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


def test_another_claim_ends_the_record_and_a_first_run_fills_it() -> None:
    delivered = {**DELIVERED, "claimUid": "claim-0"}
    old = replace(job("run-1", report()), claim_uid="claim-0")
    result = evaluate(plan(delivered), replace(SEEN, runs=(old,)), (), NOW)
    assert conditions(result)["Ready"] == ("False", "AwaitingFirstRun")
    assert [notice.reason for notice in result.notices] == ["VolumeReplaced", "RunStarted"]
    assert len(started(result)) == 1
    found = fields(result)
    assert (found["claimUid"], "lastRun" in found, "lastSuccess" in found) == ("claim-1", False, False)
    again = evaluate(plan(found), replace(SEEN, runs=(old,)), (), NOW)
    assert "VolumeReplaced" not in [notice.reason for notice in again.notices]


def test_another_claim_ends_no_record_of_rows_that_are_in_the_database() -> None:
    assert SEEN.backbone is not None
    tier = {
        "active": "Institutional",
        "requested": "Institutional",
        "epoch": 2,
        "since": "2024-03-01T12:00:00Z",
    }
    seen = replace(SEEN, backbone=replace(SEEN.backbone, tier=tier))
    old = replace(job("run-1", report()), claim_uid="claim-0")
    result = evaluate(plan({**DELIVERED, "claimUid": "claim-0"}), replace(seen, runs=(old,)), (), NOW)
    assert conditions(result)["Ready"] == READY["Ready"]
    assert "VolumeReplaced" not in [notice.reason for notice in result.notices]
    assert started(result) == []
    found = fields(result)
    assert (found["claimUid"], found["lastRun"]["id"]) == ("claim-1", "run-1")


@pytest.mark.parametrize(
    "backbone",
    [
        pytest.param(None, id="the backbone is gone"),
        pytest.param(replace(BACKBONE, terminating=True), id="the backbone goes"),
        pytest.param(replace(BACKBONE, ready=False, claim_leaving=True), id="the claim goes"),
    ],
)
def test_finished_runs_do_not_hold_a_claim_that_has_to_go(backbone: BackboneReading | None) -> None:
    runs = (replace(job("cron-1", report()), scheduled=True), job("run-2", report()))
    strays = (job("cron-0", report()), active("cron-2"))
    seen = replace(SEEN, backbone=backbone, runs=runs, strays=strays)
    unread = evaluate(plan(DELIVERED), seen, (), NOW)
    pruned = [action.name for action in unread.actions if isinstance(action, Prune)]
    assert pruned == ["cron-0"], "outcomes are read first, and nobody reads those of another plan's runs"
    read = evaluate(plan(fields(unread)), seen, (), NOW)
    assert [action.name for action in read.actions if isinstance(action, Prune)] == [
        "cron-1",
        "run-2",
        "cron-0",
    ]


def test_a_worker_that_could_not_read_its_plan_is_not_of_an_earlier_spec() -> None:
    said = report(Outcome.INVALID_PLAN, generation=0, dimensions=(), rows=0)
    ended = job("run-2", said, succeeded=False)
    result = evaluate(plan(DELIVERED), replace(SEEN, runs=(ended,)), (), NOW)
    assert conditions(result)["Ready"] == ("False", "InvalidPlan")
    assert conditions(result)["Stalled"] == ("True", "InvalidPlan")


def test_a_last_run_without_its_times_counts_as_none() -> None:
    result = evaluate(plan({"lastRun": {"id": "zzz"}}), SEEN, (), NOW)
    assert "lastRun" not in fields(result)


def test_a_run_whose_job_has_no_pod_says_where_to_look() -> None:
    result = evaluate(plan({"triggers": {"first": "run-1"}}), replace(SEEN, runs=(active("run-1"),)), (), NOW)
    assert "kubectl describe job" in message(result, "Ready")


def test_rows_in_quarantine_are_told_by_reason_and_do_not_speak_against_the_run() -> None:
    bars = DimensionReport(
        name="dailyBars",
        outcome=Outcome.SUCCEEDED,
        rows=1200,
        symbols=2,
        quarantined=(RowCount(reason="OffSession", rows=1500), RowCount(reason="NotFinite", rows=1)),
        flagged=(RowCount(reason="GapBefore", rows=3),),
        unchecked=4,
    )
    said = report(rows=1200, dimensions=(bars,))
    result = evaluate(plan(DELIVERED), replace(SEEN, runs=(job("run-2", said),)), (), NOW)
    assert conditions(result)["Ready"] == ("True", "Delivered")
    assert message(result, "Ready").startswith("Run run-2 stored 1,200 rows. 1,501 rows are in quarantine")
    found = fields(result)["dimensions"][0]
    assert found["quarantined"] == [
        {"reason": "OffSession", "rows": 1500},
        {"reason": "NotFinite", "rows": 1},
    ]
    assert (found["flagged"], found["unchecked"]) == ([{"reason": "GapBefore", "rows": 3}], 4)
