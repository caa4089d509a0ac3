"""What of a watched object matters to whom."""

from __future__ import annotations

from typing import Any

import pytest

from backbone.ports.cluster import INGEST_PLAN
from backbone.visits import Key
from backbone.watching import Referring, backbone_of, child_mark_of, key_of


def plan(name: str, backbone: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns"}, "spec": {"backboneRef": {"name": backbone}}}


def test_who_refers_to_a_backbone_follows_the_watch_and_leaves_nothing_behind() -> None:
    referring = Referring()
    one, two = Key("DataBackbone", "ns", "one"), Key("DataBackbone", "ns", "two")
    daily, macro = plan("daily", "one"), plan("macro", "one")
    for event, body in ((None, daily), ("ADDED", macro), ("MODIFIED", daily)):
        referring.note(body, event, key_of(INGEST_PLAN, body))
    assert backbone_of(daily) == one
    assert {key.name for key in referring.to(one)} == {"daily", "macro"}
    # Its end was missed, and it was made again for another backbone.
    again = plan("daily", "two")
    referring.note(again, None, key_of(INGEST_PLAN, again))
    assert [key.name for key in referring.to(one)] == ["macro"]
    assert [key.name for key in referring.to(two)] == ["daily"]
    for body in (macro, again):
        referring.note(body, "DELETED", key_of(INGEST_PLAN, body))
    assert (referring.to(one), referring.to(two)) == ((), ())
    assert not referring._objects


POD: dict[str, Any] = {
    "kind": "Pod",
    "metadata": {"name": "run-x", "namespace": "ns", "creationTimestamp": "2024-03-01T12:00:00Z"},
    "status": {"phase": "Pending"},
}
LIFE_OF_A_POD = [
    ({"phase": "Pending"}, False),
    ({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}]}, False),
    ({"phase": "Pending", "hostIP": "172.18.0.2", "qosClass": "Burstable"}, False),
    (
        {
            "phase": "Pending",
            "conditions": [
                {
                    "type": "PodReadyToStartContainers",
                    "status": "False",
                    "lastTransitionTime": "2024-03-01T12:00:01Z",
                }
            ],
            "containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}],
        },
        True,
    ),
    ({"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}, True),
    ({"phase": "Running", "podIP": "10.0.0.7", "containerStatuses": [{"state": {"running": {}}}]}, False),
    ({"phase": "Succeeded", "containerStatuses": [{"state": {"terminated": {"exitCode": 0}}}]}, True),
    ({"phase": "Succeeded", "containerStatuses": [{"state": {"terminated": {"exitCode": 0}}}]}, False),
]


def test_of_a_pods_life_only_what_is_read_of_it_has_another_mark() -> None:
    known = child_mark_of(POD, "ADDED")
    for number, (status, news) in enumerate(LIFE_OF_A_POD):
        metadata = {
            **POD["metadata"],
            "resourceVersion": str(number),
            "managedFields": [{"time": str(number)}],
        }
        mark = child_mark_of({**POD, "metadata": metadata, "status": status}, "MODIFIED")
        assert (mark != known) == news, status
        known = mark
    assert child_mark_of(POD, "DELETED") is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"labels": {"backbone.emp.dev/plan-uid": "another"}}, id="a label"),
        pytest.param({"ownerReferences": [{"uid": "u", "controller": True}]}, id="its controller"),
        pytest.param({"deletionTimestamp": "2024-03-01T12:00:00Z"}, id="that it is going"),
        pytest.param({"uid": "another"}, id="that it is another one of its name"),
    ],
)
@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "ConfigMap", "CronJob", "Job"])
def test_what_is_read_of_every_child_has_another_mark(kind: str, change: dict[str, Any]) -> None:
    metadata = {**POD["metadata"], "uid": "u", "resourceVersion": "1", "labels": {}}
    child = {"kind": kind, "metadata": metadata, "spec": {"schedule": "@daily"}}
    changed = {**child, "metadata": {**metadata, **change}}
    assert child_mark_of(child, "ADDED") != child_mark_of(changed, "MODIFIED")
