"""A backbone whose Jobs get no pod: what it says, and what it does once its settings of pods change."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.backbones import CLAIM, SEEN, backbone, probe, volume
from support.evaluations import conditions, message, prunes, started
from support.readings import NOW

from backbone.databackbone import children
from backbone.databackbone.evaluate import evaluate
from backbone.jobs.pods import WorkerImages, pods_mark
from backbone.ports.readings import JobReading

IMAGES = WorkerImages("worker:1", "sample:1", "Never")
WORDS = 'pods "market-probe-1-…" is forbidden: failed quota: all: must specify limits.cpu'
LIMITS = {"resources": {"limits": {"cpu": "1"}}}
TIMESCALE = {"connection": {"secretName": "db"}}


def refused(**more: Any) -> JobReading:
    """A probe's Job of no settings, whose pods the API server refuses."""
    return replace(probe(finished=None), pods=(), refused=WORDS, **more)


def test_a_refused_pod_is_told_by_name_in_the_servers_words() -> None:
    result = evaluate(backbone(), replace(SEEN, probes=(refused(),)), (), NOW)
    for kind in ("Ready", "StorageAvailable"):
        assert conditions(result)[kind] == ("False", "PodRefused")
    assert WORDS in message(result, "StorageAvailable")
    assert (prunes(result), started(result)) == ([], []), "as long as nothing changes the Job goes on trying"


@pytest.mark.parametrize("age", [1, 30])
def test_a_job_without_a_pod_is_looked_at_again_before_long(age: int) -> None:
    seen = replace(SEEN, probes=(replace(refused(), refused=None),))
    result = evaluate(backbone(), seen, (), NOW + timedelta(seconds=age))
    assert result.recheck_after is not None
    assert result.recheck_after <= timedelta(seconds=15)


def test_other_settings_end_the_refused_job_and_the_next_one_starts_at_once() -> None:
    subject = backbone(pods=LIMITS)
    result = evaluate(subject, replace(SEEN, probes=(refused(),)), (), NOW)
    assert prunes(result) == ["market-probe-1"]
    gone = evaluate(backbone(volume(result), pods=LIMITS), SEEN, (), NOW)
    assert len(started(gone)) == 1


def test_a_probe_that_was_refused_to_its_end_is_tried_at_once_with_other_settings() -> None:
    ended = replace(
        refused(), name="p", refused=None, finished=NOW, succeeded=False, failure="DeadlineExceeded"
    )
    before = {"claimName": CLAIM.name, "claimUid": CLAIM.uid, "probeTrouble": f"PodRefused: {WORDS}"}
    status = volume(evaluate(backbone(before), replace(SEEN, probes=(ended,)), (), NOW))
    soon, seen = NOW + timedelta(seconds=1), replace(SEEN, probes=(ended,))
    same = evaluate(backbone(status), seen, (), soon)
    assert conditions(same)["Ready"] == ("False", "PodRefused"), "it is known why, until the next probe"
    assert started(same) == []
    assert len(started(evaluate(backbone(status, pods=LIMITS), seen, (), soon))) == 1


def test_every_job_of_the_backbone_has_the_settings() -> None:
    subject = backbone(pods={**LIMITS, "labels": {"team": "data"}}, timescale=TIMESCALE)
    mark = pods_mark(children.pods_of(subject))
    for job in (
        children.probe(subject, "claim-1", "first", IMAGES),
        children.database(subject, "cause", None, "first", IMAGES),
    ):
        assert job["metadata"]["annotations"] == {"backbone.emp.dev/pods": mark}
        template = job["spec"]["template"]
        assert template["metadata"]["labels"]["team"] == "data"
        assert template["spec"]["containers"][0]["resources"] == LIMITS["resources"]
