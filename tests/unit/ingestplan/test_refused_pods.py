"""A plan whose runs get no pod, and settings of pods that its backbone has for all Jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.evaluations import applied, conditions, fields, measured, message, prunes, started
from support.plans import BACKBONE, DELIVERED, NEVER_RUN, SEEN, active, job, plan
from support.readings import NOW, pod

from backbone.evaluation import Start
from backbone.ingestplan.evaluate import evaluate
from backbone.ingestplan.measures import RUNS

WORDS = "pods is forbidden: exceeded quota: all, requested: limits.cpu=2"
ALL = {"pods": {"resources": {"limits": {"cpu": "1"}}, "labels": {"team": "data"}}}
WITH_PODS = replace(BACKBONE, spec={"mode": "Auto", **ALL})
FIRST = {"triggers": {"first": "run-1"}}


def refused(name: str = "run-1") -> Any:
    return replace(active(name), refused=WORDS)


def test_a_first_run_without_a_pod_is_told_by_name_in_the_servers_words() -> None:
    result = evaluate(plan(FIRST), replace(SEEN, runs=(refused(),)), (), NOW)
    assert conditions(result)["Ready"] == ("False", "PodRefused")
    assert WORDS in message(result, "Ready")
    assert fields(result)["activeRun"]["trouble"] == "PodRefused"
    assert prunes(result) == []


def test_a_later_run_without_a_pod_is_told_beside_what_was_delivered() -> None:
    result = evaluate(plan(DELIVERED), replace(SEEN, runs=(refused("run-2"),)), (), NOW)
    assert conditions(result)["Ready"] == ("True", "Delivered")
    assert f"PodRefused: {WORDS}" in message(result, "Ready")


def test_a_run_without_a_pod_is_looked_at_again_before_long() -> None:
    result = evaluate(plan(FIRST), replace(SEEN, runs=(active("run-1"),)), (), NOW)
    assert result.recheck_after == timedelta(seconds=3)


def test_the_first_run_is_made_anew_once_the_settings_change() -> None:
    seen = replace(SEEN, runs=(refused(),), backbone=WITH_PODS)
    result = evaluate(plan(FIRST), seen, (), NOW)
    assert prunes(result) == ["run-1"]
    gone = evaluate(plan(fields(result)), replace(seen, runs=()), (), NOW)
    assert len(started(gone)) == 1


@pytest.mark.parametrize("written", [True, False], ids=["its status written", "and the operator dies"])
def test_a_first_run_that_is_made_anew_did_not_vanish(written: bool) -> None:
    told = fields(evaluate(plan(FIRST), replace(SEEN, runs=(refused(),)), (), NOW))
    changed = replace(SEEN, runs=(refused(),), backbone=WITH_PODS)
    deleted = evaluate(plan(told), changed, (), NOW)
    assert prunes(deleted) == ["run-1"]
    after = fields(deleted) if written else told
    gone = evaluate(plan(after), replace(changed, runs=()), (), NOW)
    assert conditions(gone)["Ready"] == ("False", "AwaitingFirstRun")
    assert not {"lastRun", "activeRun"} & set(fields(gone))
    (again,) = started(gone)
    assert again != "run-1"
    words = f"Job {again}: again, with the settings that hold now, since Job run-1 is gone"
    assert [(item.type, item.reason, item.message) for item in gone.notices] == [
        ("Normal", "RunStarted", words)
    ]
    assert measured(gone, RUNS) == {}
    made = replace(changed, runs=(refused(again),))
    new = evaluate(plan(fields(gone)), made, (), NOW)
    assert conditions(new)["Ready"] == ("False", "PodRefused")
    assert again in message(new, "Ready")
    assert started(evaluate(plan(after), made, (), NOW)) == [again], "it was made, and not recorded"


def test_what_is_in_the_way_does_not_keep_a_first_run_from_being_made_anew_later() -> None:
    told = fields(evaluate(plan(FIRST), replace(SEEN, runs=(refused(),)), (), NOW))
    away = replace(SEEN, backbone=replace(WITH_PODS, ready=False))
    waits = evaluate(plan(told), away, (), NOW)
    assert started(waits) == []
    assert "lastRun" not in fields(waits)
    assert len(started(evaluate(plan(fields(waits)), SEEN, (), NOW))) == 1


def test_a_first_run_is_deleted_only_once_the_status_says_that_it_is_refused() -> None:
    known = fields(evaluate(plan(FIRST), replace(SEEN, runs=(active("run-1"),)), (), NOW))
    seen = replace(SEEN, runs=(refused(),), backbone=WITH_PODS)
    told = evaluate(plan(known), seen, (), NOW)
    assert prunes(told) == []
    assert told.recheck_after is not None
    assert prunes(evaluate(plan(fields(told)), seen, (), NOW)) == ["run-1"]


def test_a_first_run_that_had_a_pod_and_whose_job_is_gone_has_vanished() -> None:
    known = fields(evaluate(plan(FIRST), replace(SEEN, runs=(active("run-1", pod()),)), (), NOW))
    assert conditions(evaluate(plan(known), SEEN, (), NOW))["Ready"] == ("False", "JobVanished")


@pytest.mark.parametrize(
    ("worker", "limits"),
    [
        pytest.param({}, {"cpu": "1"}, id="the backbone's"),
        pytest.param({"resources": {"limits": {"cpu": "2"}}}, {"cpu": "2"}, id="the plan's"),
        pytest.param(
            {"resources": {"limits": {"memory": "2Gi"}}}, {"cpu": "1", "memory": "2Gi"}, id="both, by entry"
        ),
    ],
)
def test_runs_have_the_backbones_settings_under_the_plans(
    worker: dict[str, Any], limits: dict[str, str]
) -> None:
    result = evaluate(plan(worker=worker), replace(NEVER_RUN, backbone=WITH_PODS), (), NOW)
    scheduled = applied(result, "CronJob")
    assert scheduled is not None
    (run,) = [action.document for action in result.actions if isinstance(action, Start)]
    for spec in (scheduled["spec"]["jobTemplate"]["spec"], run["spec"]):
        assert spec["template"]["spec"]["containers"][0]["resources"]["limits"] == limits
        assert spec["template"]["metadata"]["labels"]["team"] == "data"


def test_a_release_without_a_pod_is_told_by_name_until_it_has_one_and_at_its_end() -> None:
    release = {"release": {"token": "all:1", "job": "release-1"}, "triggers": {"quarantineRelease": "all:1"}}
    status = {**DELIVERED, **release, "triggers": {**DELIVERED["triggers"], **release["triggers"]}}
    told = evaluate(plan(status), replace(SEEN, releases=(refused("release-1"),)), (), NOW)
    assert fields(told)["release"]["message"] == f"PodRefused: {WORDS}"
    assert told.recheck_after is not None
    runs = evaluate(plan(fields(told)), replace(SEEN, releases=(active("release-1", pod()),)), (), NOW)
    assert fields(runs)["release"]["message"] == ""
    over = replace(job("release-1"), pods=(), succeeded=False, failure="DeadlineExceeded")
    ended = evaluate(plan(fields(told)), replace(SEEN, releases=(over,)), (), NOW)
    assert fields(ended)["release"]["outcome"] == "PodRefused"


def test_what_pods_are_made_of_is_no_part_of_what_a_worker_reads() -> None:
    written = [
        applied(evaluate(plan(), replace(NEVER_RUN, backbone=backbone), (), NOW), "ConfigMap")
        for backbone in (BACKBONE, WITH_PODS)
    ]
    assert written[0] == written[1], "a change of them changes no document, and no worker has to know them"
