"""One visit: what is written, in which order, what is told, and what a refusal leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from backbone.databackbone import handlers as databackbone
from backbone.databackbone.plans import Plans
from backbone.errors import Conflict
from backbone.evaluation import Notice
from backbone.handling import Reconciler, Visited
from backbone.jobs.looks import Pace
from backbone.jobs.pods import WorkerImages
from backbone.metrics import Metrics
from backbone.vocabulary import Reason

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
PROBED = '{"outcome":"VolumeProbed","bytesChecked":1,"message":"","at":"2024-03-01T12:00:00Z"}'


@pytest.fixture
def told() -> list[Notice]:
    return []


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def visit(cluster: Any, metrics: Metrics, told: list[Notice], custom: Callable[..., Any]) -> Any:
    """Visit the backbone `market`, which exists."""
    images = WorkerImages("worker:1", "sample:1", "IfNotPresent")
    room = databackbone.room(cluster, Plans(cluster), images, Pace(timedelta(hours=1)), lambda: NOW)
    reconciler = Reconciler(room, cluster, metrics, lambda: NOW, lambda body, notice: told.append(notice))
    cluster.put(custom("DataBackbone", "market", {}))

    async def once() -> Visited:
        return await reconciler.visit("ns", "market")

    once.reconciler = reconciler  # type: ignore[attr-defined]
    return once


def market(cluster: Any) -> Any:
    return cluster.objects["DataBackbone", "ns", "market"]


def condition(cluster: Any, kind: str = "Ready") -> tuple[str, str, str]:
    entries = market(cluster)["status"]["conditions"]
    found = next(entry for entry in entries if entry["type"] == kind)
    return found["status"], found["reason"], found["message"]


async def settle(cluster: Any, visit: Any) -> None:
    """Visit until the backbone is Ready."""
    await visit()
    await visit()
    cluster.finish_jobs(lambda name: PROBED)
    await visit()


async def test_a_first_visit_says_pending_before_it_does_anything(cluster: Any, visit: Any) -> None:
    await visit()
    verbs = [(verb, kind) for verb, kind, _ in cluster.log]
    assert verbs == [
        ("replace_status", "DataBackbone"),
        ("apply", "ConfigMap"),
        ("apply", "PersistentVolumeClaim"),
        ("replace_status", "DataBackbone"),
    ]


async def test_every_condition_that_applies_is_there_from_the_first_write(cluster: Any, visit: Any) -> None:
    seen: list[Any] = []
    cluster.before_write = lambda number: seen.append(market(cluster).get("status"))
    await visit()
    first = seen[1]["conditions"]
    assert {entry["type"]: (entry["status"], entry["reason"]) for entry in first} == dict.fromkeys(
        ("Ready", "Reconciling", "Stalled", "Validated", "StorageAvailable", "OnRequestedTier"),
        ("Unknown", "Pending"),
    )


async def test_nothing_is_written_about_an_object_that_does_not_change(
    cluster: Any, visit: Any, told: list[Notice]
) -> None:
    await settle(cluster, visit)
    assert condition(cluster)[:2] == ("True", "Available")
    before, events = market(cluster)["metadata"]["resourceVersion"], list(told)
    writes = len([entry for entry in cluster.log if entry[0] == "replace_status"])
    visited = await visit()
    assert visited.result == "done"
    assert market(cluster)["metadata"]["resourceVersion"] == before
    assert len([entry for entry in cluster.log if entry[0] == "replace_status"]) == writes
    assert told == events


async def test_each_turn_of_ready_is_told_once(cluster: Any, visit: Any, told: list[Notice]) -> None:
    await settle(cluster, visit)
    assert [(notice.type, notice.reason) for notice in told] == [
        ("Normal", "VolumePending"),
        ("Normal", "Available"),
    ]


async def test_drift_is_put_back_and_told_once(cluster: Any, visit: Any, told: list[Notice]) -> None:
    await settle(cluster, visit)
    told.clear()
    binding = cluster.objects["ConfigMap", "ns", "market-binding"]
    cluster.put({**binding, "data": {**binding["data"], "tier": "Institutional"}})
    await visit()
    await visit()
    assert cluster.objects["ConfigMap", "ns", "market-binding"]["data"]["tier"] == "Bootstrap"
    assert [notice.reason for notice in told] == [Reason.DRIFT_REVERTED]
    assert "market-binding" in told[0].message


async def test_a_child_that_somebody_deleted_is_back_and_told_once(
    cluster: Any, visit: Any, told: list[Notice]
) -> None:
    await settle(cluster, visit)
    told.clear()
    del cluster.objects["ConfigMap", "ns", "market-binding"]
    await visit()
    await visit()
    assert ("ConfigMap", "ns", "market-binding") in cluster.objects
    assert [(notice.reason, notice.message) for notice in told] == [
        (
            Reason.DRIFT_REVERTED,
            "ConfigMap market-binding was deleted by somebody else and created again.",
        )
    ]


async def test_a_new_wish_is_not_drift(
    cluster: Any, visit: Any, told: list[Notice], custom: Callable[..., Any]
) -> None:
    await settle(cluster, visit)
    told.clear()
    cluster.put({**market(cluster), "spec": {"deletionPolicy": "Delete"}})
    await visit()
    assert cluster.objects["PersistentVolumeClaim", "ns", "market-data"]["metadata"]["ownerReferences"]
    assert [notice.reason for notice in told] == [Reason.CONFIGURATION_CHANGED]


async def test_the_first_refusal_ends_the_actions_and_stands_in_status(cluster: Any, visit: Any) -> None:
    cluster.refuse = lambda verb, document: (
        "exceeded quota" if document["kind"] == "ConfigMap" and verb == "apply" else None
    )
    await visit()
    assert condition(cluster) == ("False", "ChildRefused", "market-binding: exceeded quota")
    assert cluster.only("PersistentVolumeClaim") == []


async def test_a_child_that_changed_since_it_was_read_is_left_for_the_next_look(
    cluster: Any, visit: Any
) -> None:
    await settle(cluster, visit)
    version = market(cluster)["metadata"]["resourceVersion"]

    def add(name: str) -> None:
        binding = cluster.objects["ConfigMap", "ns", "market-binding"]
        cluster.put({**binding, "data": {**binding["data"], name: "x"}})

    def somebody_writes(number: int) -> None:
        cluster.before_write = lambda number: None
        add("after it was read")

    add("before it was read")
    cluster.before_write = somebody_writes
    with pytest.raises(Conflict):
        await visit()
    assert market(cluster)["metadata"]["resourceVersion"] == version


async def test_an_object_that_changed_since_it_was_read_keeps_its_status(cluster: Any, visit: Any) -> None:
    await settle(cluster, visit)
    cluster.put({**market(cluster), "spec": {"suspend": True}})

    def on_status(number: int) -> None:
        cluster.before_write = lambda number: None
        cluster.put({**market(cluster), "spec": {"suspend": False}})

    cluster.before_write = on_status
    with pytest.raises(Conflict):
        await visit()
    assert condition(cluster)[:2] == ("True", "Available")


async def test_an_object_that_was_annotated_since_it_was_read_gets_its_status_and_its_event(
    cluster: Any, visit: Any, told: list[Notice]
) -> None:
    await settle(cluster, visit)
    told.clear()
    cluster.put({**market(cluster), "spec": {"suspend": True}})

    def on_status(number: int) -> None:
        cluster.before_write = lambda number: None
        metadata = {**market(cluster)["metadata"], "annotations": {"note": "x"}}
        cluster.put({**market(cluster), "metadata": metadata})

    cluster.before_write = on_status
    await visit()
    assert condition(cluster)[:2] == ("False", "Suspended")
    assert market(cluster)["metadata"]["annotations"] == {"note": "x"}
    assert [notice.reason for notice in told] == [Reason.CONFIGURATION_CHANGED, Reason.SUSPENDED]


async def test_the_end_of_a_pause_is_told_as_that(cluster: Any, visit: Any, told: list[Notice]) -> None:
    await settle(cluster, visit)
    told.clear()
    for suspend in (True, False):
        cluster.put({**market(cluster), "spec": {"suspend": suspend}})
        await visit()
    assert [(notice.type, notice.reason) for notice in told] == [
        ("Normal", Reason.CONFIGURATION_CHANGED),
        ("Normal", Reason.SUSPENDED),
        ("Normal", Reason.CONFIGURATION_CHANGED),
        ("Normal", Reason.RESUMED),
    ]


@pytest.mark.parametrize("last", [1, 2, 3])
async def test_a_change_is_told_whichever_write_the_visit_died_before(
    cluster: Any, visit: Any, told: list[Notice], last: int
) -> None:
    await settle(cluster, visit)
    assert "lastChange" not in market(cluster)["status"]
    told.clear()
    cluster.put({**market(cluster), "spec": {"deletionPolicy": "Delete"}})
    before = cluster.writes

    def die(number: int) -> None:
        if number == before + last:
            raise ZeroDivisionError

    cluster.before_write = die
    with pytest.raises(ZeroDivisionError):
        await visit()
    await visit()
    await visit()
    assert market(cluster)["status"]["lastChange"]["summary"] == "deletionPolicy: Retain → Delete"
    assert [notice.reason for notice in told] == [Reason.CONFIGURATION_CHANGED]


async def test_a_child_is_applied_again_only_when_somebody_touched_it_or_something_else_is_wished(
    cluster: Any, visit: Any
) -> None:
    await settle(cluster, visit)
    writes = cluster.writes
    await visit()
    assert cluster.writes == writes, "nothing was touched"
    claim = cluster.objects["PersistentVolumeClaim", "ns", "market-data"]
    cluster.put({**claim, "status": {**claim.get("status", {}), "phase": "Bound"}, "extra": "x"})
    await visit()
    assert cluster.log[-1] == ("apply", "PersistentVolumeClaim", "market-data")
    cluster.put({**market(cluster), "spec": {"deletionPolicy": "Delete"}})
    await visit()
    assert ("apply", "PersistentVolumeClaim", "market-data") in cluster.log[writes + 1 :]


@pytest.mark.parametrize(
    ("kind", "name", "status"),
    [
        pytest.param("PersistentVolumeClaim", "market-data", {"phase": "Bound"}, id="a claim that was bound"),
        pytest.param("ConfigMap", "market-binding", {"any": "thing"}, id="any other child"),
    ],
)
async def test_a_child_of_which_the_status_alone_changed_is_not_applied_again(
    cluster: Any, visit: Any, kind: str, name: str, status: dict[str, str]
) -> None:
    await settle(cluster, visit)
    child = cluster.objects[kind, "ns", name]
    cluster.put({**child, "status": status})
    assert (
        cluster.objects[kind, "ns", name]["metadata"]["resourceVersion"]
        != child["metadata"]["resourceVersion"]
    )
    await visit()
    assert ("apply", kind, name) not in cluster.log[-3:]
    assert [entry[0] for entry in cluster.log].count("apply") == 2, "each child once"


async def test_an_object_on_its_way_out_is_left_alone(cluster: Any, visit: Any, metrics: Metrics) -> None:
    await settle(cluster, visit)
    leaving = {**market(cluster)["metadata"], "deletionTimestamp": "2024-03-01T12:00:00Z"}
    cluster.put({**market(cluster), "metadata": leaving})
    writes = cluster.writes
    assert (await visit()).gone
    assert cluster.writes == writes
    assert b'name="market"' not in metrics.page().body


async def test_an_object_that_is_gone_is_gone(cluster: Any, visit: Any) -> None:
    cluster.objects.clear()
    assert (await visit()).gone
    assert cluster.writes == 0


async def test_a_spec_that_makes_no_sense_touches_no_child(
    cluster: Any, visit: Any, custom: Callable[..., Any]
) -> None:
    await settle(cluster, visit)
    children = len(cluster.only("ConfigMap")), len(cluster.only("PersistentVolumeClaim"))
    cluster.put({**market(cluster), "spec": {"bootstrap": {"storage": {"size": "huge"}}}})
    assert (await visit()).result == "InvalidSpec"
    status, reason, message = condition(cluster)
    assert (status, reason) == ("False", "InvalidSpec")
    assert message.startswith("spec.bootstrap.storage.size: ")
    assert condition(cluster, "Stalled")[:2] == ("True", "InvalidSpec")
    assert condition(cluster, "OnRequestedTier")[0] == "Unknown"
    assert market(cluster)["status"]["tier"]["active"] == "Bootstrap", "what is known stays"
    assert (len(cluster.only("ConfigMap")), len(cluster.only("PersistentVolumeClaim"))) == children


async def test_a_right_that_is_missing_waits_for_somebody(cluster: Any, visit: Any) -> None:
    await settle(cluster, visit)
    await visit.reconciler.admit("ns", "market", Reason.PERMISSION_DENIED, "cannot get cronjobs")
    assert condition(cluster, "Stalled") == ("True", "PermissionDenied", "cannot get cronjobs")
    assert condition(cluster)[:2] == ("Unknown", "PermissionDenied")


async def test_a_claim_that_may_not_grow_still_changes_its_policy(cluster: Any, visit: Any) -> None:
    cluster.put({**market(cluster), "spec": {"deletionPolicy": "Delete"}})
    await settle(cluster, visit)
    claim = ("PersistentVolumeClaim", "ns", "market-data")
    assert cluster.objects[claim]["metadata"]["ownerReferences"]
    cluster.put({**cluster.objects[claim], "status": {"phase": "Bound"}})
    cluster.refuse = lambda verb, document: (
        "may not resize" if verb == "apply" and "2Gi" in str(document.get("spec")) else None
    )
    cluster.put({**market(cluster), "spec": {"bootstrap": {"storage": {"size": "2Gi"}}}})
    await visit()
    assert "ownerReferences" not in cluster.objects[claim]["metadata"]
    await visit()
    assert condition(cluster, "Stalled") == ("True", "ChildRefused", "market-data: may not resize")
    assert condition(cluster)[0] == "True"
    writes = cluster.writes
    await visit()
    assert cluster.writes == writes, "a refusal that stands is no reason to write"


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param("2Gi", id="as it was asked for"),
        pytest.param("1536Mi", id="as the most that the API server can count"),
    ],
)
async def test_a_claim_that_grew_is_left_alone_whatever_the_api_server_made_of_its_size(
    cluster: Any, visit: Any, stored: str
) -> None:
    await settle(cluster, visit)
    claim = ("PersistentVolumeClaim", "ns", "market-data")
    cluster.put({**cluster.objects[claim], "status": {"phase": "Bound"}})
    take = cluster.apply

    async def apply(document: Any) -> Any:
        if document["kind"] == claim[0] and "2048Mi" in str(document["spec"]):
            document = {
                **document,
                "spec": {**document["spec"], "resources": {"requests": {"storage": stored}}},
            }
        return await take(document)

    cluster.apply = apply
    cluster.put({**market(cluster), "spec": {"bootstrap": {"storage": {"size": "2048Mi"}}}})
    await visit()
    await visit()
    assert cluster.objects[claim]["spec"]["resources"]["requests"]["storage"] == stored
    writes = cluster.writes
    await visit()
    await visit()
    assert cluster.writes == writes


async def test_what_could_not_be_looked_at_is_unknown_and_never_healthy(cluster: Any, visit: Any) -> None:
    await settle(cluster, visit)
    await visit.reconciler.admit("ns", "market", Reason.API_UNREACHABLE, "no answer")
    entries = {entry["type"]: entry["status"] for entry in market(cluster)["status"]["conditions"]}
    assert entries == {
        "Ready": "Unknown",
        "Validated": "Unknown",
        "StorageAvailable": "Unknown",
        "OnRequestedTier": "Unknown",
        "Reconciling": "False",
        "Stalled": "False",
    }
    await visit()
    assert condition(cluster)[:2] == ("True", "Available")


async def test_what_is_not_configured_has_no_condition_and_what_is_begins_unknown(
    cluster: Any, visit: Any, custom: Callable[..., Any]
) -> None:
    optional = {"Migrated", "RetentionMet", "PoliciesRun", "CacheHealthy"}
    await visit()
    assert not optional & {entry["type"] for entry in market(cluster)["status"]["conditions"]}
    spec = {"mode": "Institutional", "timescale": {"connection": {"secretName": "db"}}}
    cluster.put(custom("DataBackbone", "market", spec))
    seen: list[set[str]] = []
    write = cluster.replace_status

    async def recorded(document: Any) -> Any:
        entries = document["status"]["conditions"]
        seen.append({entry["type"] for entry in entries if entry["reason"] == "Pending"})
        return await write(document)

    cluster.replace_status = recorded
    await visit()
    assert seen[0] & optional == {"Migrated", "RetentionMet", "PoliciesRun"}
    assert condition(cluster, "Migrated")[:2] == ("False", "MigrationPending")
