"""What is true of a plan's exports, and what is done about them, by values."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support import readings
from support.evaluations import conditions, fields, measured, message, prunes, started
from support.exporting_plans import BARS, EXPORTING, TARGET, export_job, exporting_plan
from support.plans import DELIVERED, READY, SEEN, plan
from support.readings import MINUTE, NOW, UNPULLED

from backbone.evaluation import Apply, Evaluation, Refusal
from backbone.ingestplan.api import IngestPlanStatus
from backbone.ingestplan.children import export_schedule_name
from backbone.ingestplan.evaluate import evaluate
from backbone.ingestplan.measures import EXPORT_AGE, EXPORTS
from backbone.naming import CRON_JOB_NAME_LIMIT
from backbone.ports.cluster import CRON_JOB
from backbone.vocabulary import FIELD_MANAGER, LABEL_COMPONENT, LABEL_MANAGED_BY, Outcome, Reason

LATER = NOW + 2 * MINUTE
VOLUME = ((LABEL_MANAGED_BY, FIELD_MANAGER), (LABEL_COMPONENT, "volume"))
TRADES = {**BARS, "name": "trades", "dimension": "intradayTrades", "target": {"claimName": "other"}}


def schedules(result: Evaluation) -> dict[str, dict[str, Any]]:
    """The CronJobs of exports that are to be applied, by export."""
    documents = [item.document for item in result.actions if isinstance(item, Apply)]
    return {
        item["metadata"]["labels"]["backbone.emp.dev/export"]: item["spec"]
        for item in documents
        if item["metadata"]["labels"][LABEL_COMPONENT] == "export"
    }


def after(*jobs: Any, token: str | None = None, status: Any = None, **seen: Any) -> Evaluation:
    found = replace(EXPORTING, exports=tuple(("bars", item) for item in jobs), **seen)
    return evaluate(exporting_plan(status, token=token), found, (), LATER)


def test_a_plan_without_exports_says_nothing_of_them() -> None:
    result = evaluate(plan(DELIVERED), SEEN, (), NOW)
    assert "Exported" not in conditions(result)
    assert not schedules(result)


def test_each_export_has_a_cron_job_that_forbids_two_at_once_and_mounts_both_claims() -> None:
    spec = schedules(after())["bars"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"], spec["suspend"]) == (
        "30 22 * * 1-5",
        "Etc/UTC",
        "Forbid",
        False,
    )
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    claims = [
        item["persistentVolumeClaim"]["claimName"]
        for item in pod["volumes"][:3]
        if len(item) == 2 and "persistentVolumeClaim" in item
    ]
    assert claims == ["market-data", "exports"]
    [container] = pod["containers"]
    assert container["args"] == ["export", "run", "--plan", "/etc/backbone/plan", "--name", "bars"]
    assert {"name": "EMP_EXPORTS_DIR", "value": "/target"} in container["env"]
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 1800


def test_before_the_first_export_the_condition_waits_and_ready_does_not() -> None:
    result = after()
    assert conditions(result) == {**READY, "Exported": ("Unknown", "AwaitingFirstExport")}
    [entry] = fields(result)["exports"]
    assert entry["next"] == "2024-03-01T22:30:00Z"


def test_a_whole_export_is_told_with_its_manifest() -> None:
    result = after(export_job("j"))
    assert conditions(result)["Exported"] == ("True", "Exported")
    [entry] = fields(result)["exports"]
    assert {key: entry[key] for key in ("manifest", "rows", "files", "completeUpTo", "attempts")} == {
        "manifest": 7,
        "rows": 1200,
        "files": 3,
        "completeUpTo": 4,
        "attempts": 1,
    }
    assert (entry["outcome"], entry["durationSeconds"]) == ("Succeeded", 60)
    assert entry["lastSuccess"] == "2024-03-01T12:01:00Z"
    assert measured(result, EXPORTS) == {("Succeeded",): 1}
    assert measured(result, EXPORT_AGE) == {("bars",): (NOW + MINUTE).timestamp()}
    again = after(export_job("j"), status=fields(result))
    assert fields(again)["exports"] == [entry]
    assert not measured(again, EXPORTS)


@pytest.mark.parametrize(
    "outcome", [item for item in Outcome if item not in {"Succeeded", "Superseded"}], ids=str
)
def test_a_failed_export_keeps_the_last_whole_one_and_leaves_ready(outcome: Outcome) -> None:
    before = fields(after(export_job("a")))
    failed = replace(export_job("b", outcome), finished=NOW + 2 * MINUTE)
    result = after(export_job("a"), failed, status=before)
    assert conditions(result) == {**READY, "Exported": ("False", str(outcome))}
    [entry] = fields(result)["exports"]
    assert (entry["manifest"], entry["lastSuccess"]) == (7, "2024-03-01T12:01:00Z")
    assert "Readers have manifest 7" in message(result, "Exported")
    assert [(item.type, item.reason) for item in result.notices] == [("Warning", str(outcome))]


def test_one_that_was_superseded_is_no_failure() -> None:
    before = fields(after(export_job("a")))
    late = replace(export_job("b", Outcome.SUPERSEDED), finished=NOW + 2 * MINUTE)
    assert conditions(after(export_job("a"), late, status=before))["Exported"] == ("True", "Exported")


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        (readings.pod("", phase="Failed", exit_code=137, terminated_reason="OOMKilled"), "OutOfMemory"),
        (readings.pod("", phase="Failed", exit_code=1, reason="Evicted"), "Evicted"),
        (readings.pod("Traceback", phase="Failed", exit_code=1), "DiedWithoutMessage"),
    ],
    ids=["out of memory", "evicted", "a crash"],
)
def test_a_pod_that_left_no_report_is_told_as_for_runs(ended: Any, reason: str) -> None:
    result = after(readings.job("j", ended, succeeded=False, finished=NOW + MINUTE))
    assert conditions(result)["Exported"] == ("False", reason)


def test_a_deadline_a_vanished_job_and_an_image_that_cannot_be_pulled_are_told() -> None:
    late = readings.job("j", succeeded=False, failure="DeadlineExceeded", finished=NOW + MINUTE)
    assert conditions(after(late))["Exported"] == ("False", "DeadlineExceeded")
    stuck = after(readings.unfinished_job("k", UNPULLED))
    assert conditions(stuck)["Exported"] == ("False", "ImagePullFailed")
    assert conditions(after(status=fields(stuck)))["Exported"] == ("False", "JobVanished")


@pytest.mark.parametrize(
    ("targets", "reason"),
    [
        ({}, "TargetMissing"),
        ({"exports": replace(TARGET, terminating=True)}, "TargetMissing"),
        ({"exports": replace(TARGET, labels=VOLUME)}, "TargetIsBackbone"),
    ],
    ids=["not there", "being deleted", "of a backbone"],
)
def test_a_target_that_cannot_be_is_said_before_a_pod_starts(targets: Any, reason: str) -> None:
    result = after(token="bars:1", targets=targets)
    assert conditions(result) == {**READY, "Exported": ("False", reason)}
    assert schedules(result)["bars"]["suspend"] is True
    assert started(result) == []
    assert "exportNow" not in fields(result)
    assert result.recheck_after == timedelta(seconds=30)
    [name] = started(after(token="bars:1", status=fields(result)))
    assert name.startswith("daily-")


def test_a_token_starts_one_job_which_a_killed_process_starts_again_under_its_name() -> None:
    result = after(token="bars:1")
    [name] = started(result)
    assert fields(result)["exportNow"] == {"token": "bars:1", "job": name, "message": ""}
    assert started(after(readings.unfinished_job(name), token="bars:1")) == [name]
    assert started(after(token="bars:1", status=fields(result))) == []


@pytest.mark.parametrize("token", ["trades:1", "bars", "bars:", ":1"])
def test_a_token_of_no_export_is_told_once(token: str) -> None:
    result = after(token=token)
    assert started(result) == []
    [notice] = result.notices
    assert (notice.type, notice.reason) == ("Warning", "ExportRefused")
    assert after(token=token, status=fields(result)).notices == ()


def test_a_token_waits_for_the_export_under_way_and_for_the_backbone() -> None:
    assert started(after(readings.unfinished_job("j"), token="bars:1")) == []
    assert EXPORTING.backbone is not None
    for change in ({"ready": False}, {"suspended": True}):
        result = after(token="bars:1", backbone=replace(EXPORTING.backbone, **change))
        assert started(result) == []
        assert schedules(result)["bars"]["suspend"] is True


def test_a_suspended_plan_suspends_its_exports() -> None:
    result = evaluate(exporting_plan(None, token="bars:1", suspend=True), EXPORTING, (), NOW)
    assert schedules(result)["bars"]["suspend"] is True
    assert started(result) == []
    assert "next" not in fields(result)["exports"][0]


def test_an_export_that_left_the_spec_loses_its_cron_job_its_series_and_its_entry() -> None:
    before = fields(after(export_job("a")))
    left = readings.cron_job(export_schedule_name(exporting_plan(), "bars"))
    seen = replace(EXPORTING, exports=(("bars", export_job("a")),), export_schedules=(left,))
    result = evaluate(plan(before), seen, (), LATER)
    assert prunes(result) == [left.name, "a"]
    assert [item.kind for item in result.actions if getattr(item, "name", "") == left.name] == [CRON_JOB]
    assert measured(result, EXPORT_AGE) == {("bars",): None}
    assert "exports" not in {key for key, value in fields(result).items() if value}


def test_an_export_whose_child_is_refused_leaves_runs_as_they_are() -> None:
    name = export_schedule_name(exporting_plan(), "bars")
    refusal = Refusal(name, Reason.CHILD_REFUSED, "exceeded quota")
    result = evaluate(exporting_plan(), EXPORTING, (refusal,), NOW)
    assert conditions(result) == {**READY, "Exported": ("False", "ChildRefused")}


def test_a_schedule_that_never_fires_is_said_and_makes_no_cron_job() -> None:
    result = evaluate(exporting_plan(None, {**BARS, "schedule": "0 0 30 2 *"}), EXPORTING, (), NOW)
    assert conditions(result) == {**READY, "Exported": ("False", "InvalidSchedule")}
    assert not schedules(result)


def test_the_worst_export_decides_and_finished_jobs_beyond_three_go() -> None:
    jobs = tuple(replace(export_job(f"j{n}"), finished=NOW + n * MINUTE) for n in range(1, 6))
    before = fields(
        evaluate(
            exporting_plan(None, BARS, TRADES),
            replace(EXPORTING, exports=tuple(("bars", item) for item in jobs)),
            (),
            LATER,
        )
    )
    result = evaluate(
        exporting_plan(before, BARS, TRADES),
        replace(EXPORTING, exports=tuple(("bars", item) for item in jobs)),
        (),
        LATER,
    )
    assert conditions(result)["Exported"] == ("False", "TargetMissing")
    assert prunes(result) == ["j1", "j2"]


def test_names_of_cron_jobs_are_short_and_each_its_own() -> None:
    long = replace(exporting_plan(), name="p" * 63)
    names = {export_schedule_name(long, "e" * 62 + end) for end in "abc"}
    assert len(names) == 3
    assert all(len(name) <= CRON_JOB_NAME_LIMIT for name in names)


def test_random_observations_give_a_status_that_reads_and_starts_nothing_twice() -> None:
    chance = random.Random(7)
    outcomes = list(Outcome)
    for _ in range(200):
        jobs = tuple(
            replace(
                export_job(f"j{n}", chance.choice(outcomes)), finished=chance.choice([None, NOW + n * MINUTE])
            )
            for n in range(chance.randrange(4))
        )
        result = after(*jobs, token=chance.choice([None, "bars:1", "x", "bars:2"]))
        status = fields(result)
        assert IngestPlanStatus.model_validate(status)
        again = after(
            *jobs, token=chance.choice([None, status.get("exportNow", {}).get("token")]), status=status
        )
        assert started(again) == []
        assert conditions(result).keys() == {*READY, "Exported"}
