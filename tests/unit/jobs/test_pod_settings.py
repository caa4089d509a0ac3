"""Settings of pods: which of two words counts, and what a pod gets of them."""

from __future__ import annotations

from typing import Any

import pytest

from backbone.jobs.pod_settings import PodSettings, merged, settings_of
from backbone.jobs.pods import DEFAULT_RESOURCES, Work, job_annotations, job_spec
from pod_examples import EVERYTHING


@pytest.mark.parametrize(
    ("all_jobs", "own", "expected"),
    [
        pytest.param({}, {}, {}, id="nothing said"),
        pytest.param({"priorityClassName": "low"}, {}, {"priorityClassName": "low"}, id="the backbone's"),
        pytest.param({}, {"priorityClassName": "low"}, {"priorityClassName": "low"}, id="the plan's"),
        pytest.param(
            {"priorityClassName": "low"},
            {"priorityClassName": "high"},
            {"priorityClassName": "high"},
            id="both",
        ),
        pytest.param(
            {"labels": {"team": "a", "cost": "1"}},
            {"labels": {"team": "b", "desk": "fx"}},
            {"labels": {"team": "b", "cost": "1", "desk": "fx"}},
            id="of maps each entry counts by itself",
        ),
        pytest.param(
            {"tolerations": [{"key": "a"}]},
            {"tolerations": [{"key": "b"}]},
            {"tolerations": [{"key": "b"}]},
            id="a list is taken whole",
        ),
        pytest.param(
            {"imagePullSecrets": [{"name": "a"}]},
            {"imagePullSecrets": []},
            {"imagePullSecrets": []},
            id="an empty list is a word too",
        ),
        pytest.param(
            {"resources": {"limits": {"cpu": "1"}}},
            {"resources": {"limits": {"memory": "2Gi"}, "requests": {"memory": "1Gi"}}},
            {"resources": {"limits": {"cpu": "1", "memory": "2Gi"}, "requests": {"memory": "1Gi"}}},
            id="a plan's memory beside the backbone's CPU",
        ),
        pytest.param(
            {"resources": {"limits": {"memory": "1Gi"}}},
            {"resources": {"requests": {"memory": "2Gi"}}},
            {"resources": {"limits": {"memory": "2Gi"}, "requests": {"memory": "2Gi"}}},
            id="a limit gives way to the plan's request",
        ),
        pytest.param(
            {"resources": {"requests": {"cpu": "2"}}},
            {"resources": {"limits": {"cpu": "500m"}}},
            {"resources": {"limits": {"cpu": "500m"}, "requests": {"cpu": "500m"}}},
            id="a request gives way to the plan's limit",
        ),
    ],
)
def test_a_plans_word_goes_before_its_backbones(
    all_jobs: dict[str, Any], own: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = (repr(all_jobs), repr(own))
    assert merged(all_jobs, own) == expected
    assert (repr(all_jobs), repr(own)) == before, "neither is changed"


def work(pods: dict[str, Any]) -> Work:
    return Work(
        ("probe-volume",), "worker:1", "Never", "claim", 300, 0, {"ours": "1", "team": "ours"}, pods=pods
    )


def test_a_pod_gets_every_setting_and_keeps_what_confines_it() -> None:
    settings = settings_of(PodSettings.model_validate(EVERYTHING))
    template = job_spec(work(settings))["template"]
    assert template["metadata"] == {
        "labels": {**EVERYTHING["labels"], "ours": "1", "team": "ours"},
        "annotations": EVERYTHING["annotations"],
    }
    spec, (container,) = template["spec"], template["spec"]["containers"]
    assert container["resources"] == EVERYTHING["resources"]
    for key in ("nodeSelector", "priorityClassName", "imagePullSecrets"):
        assert spec[key] == EVERYTHING[key]
    assert spec["tolerations"] == [
        EVERYTHING["tolerations"][0],
        {**EVERYTHING["tolerations"][1], "operator": "Equal"},
    ]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True


def test_our_labels_win_over_a_setting_of_their_name() -> None:
    assert job_spec(work({"labels": {"ours": "theirs"}}))["template"]["metadata"]["labels"]["ours"] == "1"


def test_where_nothing_is_said_a_job_is_as_it_was_before_there_were_settings() -> None:
    template = job_spec(work({}))["template"]
    assert template["metadata"] == {"labels": {"ours": "1", "team": "ours"}}
    assert template["spec"]["containers"][0]["resources"] == DEFAULT_RESOURCES
    assert {"nodeSelector", "tolerations", "priorityClassName", "imagePullSecrets"}.isdisjoint(
        template["spec"]
    )
    assert job_annotations({}) == {}


def test_a_job_tells_by_which_settings_its_pods_are_made() -> None:
    one, other = job_annotations({"labels": {"a": "1"}}), job_annotations({"labels": {"a": "2"}})
    assert one != other
    assert one.keys() == {"annotations"}
