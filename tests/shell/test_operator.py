"""kopf, the client and the loops together: what reaches the API server, and what survives a fault."""

from __future__ import annotations

import asyncio
from typing import Any

import kmock
import pytest

from backbone import app
from backbone.failoverdrill import handlers as failoverdrill
from backbone.handling import METADATA_CHANGES
from backbone.visits import Key

DRILLS = "backbone.emp.dev/v1alpha1/failoverdrills"
BACKBONES = "backbone.emp.dev/v1alpha1/databackbones"
REHEARSAL = "/apis/backbone.emp.dev/v1alpha1/namespaces/ns/failoverdrills/rehearsal"
CLAIMS, CONFIG_MAPS, JOBS = "v1/persistentvolumeclaims", "v1/configmaps", "batch/v1/jobs"


def custom(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "backbone.emp.dev/v1alpha1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": f"uid-{name}",
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": "2024-03-01T12:00:00Z",
        },
        "spec": spec,
    }


def drill(**spec: Any) -> dict[str, Any]:
    return custom(
        "FailoverDrill", "rehearsal", {"backboneRef": {"name": "market"}, "scenario": "RedisOutage", **spec}
    )


def summary(item: dict[str, Any] | None, kind: str = "Succeeded") -> tuple[str, str] | None:
    for entry in ((item or {}).get("status") or {}).get("conditions") or []:
        if entry["type"] == kind:
            return entry["status"], entry["reason"]
    return None


JUDGED = ("Unknown", "BackboneNotFound")
"""What a visit finds of a drill alone in its namespace."""


def status_writes(request: kmock.Request) -> bool:
    return request.method == kmock.method.PUT and request.subresource == "status"


async def test_status_is_written_whole_and_nothing_else_of_the_object(
    api: Any, working: Any, until: Any
) -> None:
    api.objects[DRILLS, "ns", "rehearsal"] = drill()
    async with working():
        await until(lambda: summary(api.stored(DRILLS, "rehearsal")) == JUDGED)
        await until(lambda: api.names("v1/events"))
    stored = api.stored(DRILLS, "rehearsal")
    assert stored["status"]["observedGeneration"] == 1
    assert {entry["type"] for entry in stored["status"]["conditions"]} == {
        "Succeeded",
        "Reconciling",
        "Stalled",
    }
    assert "finalizers" not in stored["metadata"]
    assert "annotations" not in stored["metadata"]
    writes = [
        item
        for item in api.log
        if item.resource == kmock.resource(DRILLS) and item.method != kmock.method.GET
    ]
    assert {(item.method.value, item.subresource) for item in writes} == {("PUT", "status")}
    assert len(writes) == 2, "Pending first, then what was found"


async def test_an_event_tells_of_the_turn_once(api: Any, working: Any, until: Any) -> None:
    api.objects[DRILLS, "ns", "rehearsal"] = drill()
    async with working() as operator:
        await until(lambda: api.names("v1/events"))
        operator.visits.wake(Key("FailoverDrill", "ns", "rehearsal"))
        visited = ("FailoverDrill", "done")
        await until(lambda: operator.metrics.visits.labels(*visited)._value.get() >= 2)
    events = [api.stored("v1/events", name) for name in api.names("v1/events")]
    assert [(event["type"], event["reason"], event["reportingComponent"]) for event in events] == [
        ("Warning", "BackboneNotFound", "databackbone-operator")
    ]
    assert events[0]["involvedObject"]["name"] == "rehearsal"


async def test_a_conflict_leads_to_another_look(api: Any, working: Any, until: Any) -> None:
    api.objects[DRILLS, "ns", "rehearsal"] = drill()
    api.faults += [(status_writes, 409, "the object has been modified")] * METADATA_CHANGES
    async with working() as operator:
        await until(lambda: summary(api.stored(DRILLS, "rehearsal")) == JUDGED)
        assert operator.metrics.visits.labels("FailoverDrill", "conflict")._value.get() == 1


async def test_a_bug_is_admitted_in_status_and_the_object_is_visited_again(
    api: Any, working: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str] | None] = []

    def broken(*arguments: Any) -> Any:
        if len(seen) < 2:
            seen.append(summary(api.stored(DRILLS, "rehearsal")))
            raise ZeroDivisionError("a bug")
        seen.append(summary(api.stored(DRILLS, "rehearsal")))
        return evaluate(*arguments)

    evaluate = failoverdrill.evaluate
    monkeypatch.setattr(failoverdrill, "evaluate", broken)
    api.objects[DRILLS, "ns", "rehearsal"] = drill()
    async with working():
        await until(lambda: summary(api.stored(DRILLS, "rehearsal")) == JUDGED)
    assert seen == [("Unknown", "Pending"), ("Unknown", "InternalError"), ("Unknown", "InternalError")]


async def test_a_spec_that_makes_no_sense_is_a_condition_and_mends(
    api: Any, working: Any, until: Any
) -> None:
    api.objects[DRILLS, "ns", "rehearsal"] = drill(scenario="Meteor")
    async with working():
        await until(lambda: summary(api.stored(DRILLS, "rehearsal")) == ("False", "InvalidSpec"))
        assert summary(api.stored(DRILLS, "rehearsal"), "Stalled") == ("True", "InvalidSpec")
        mended = {"metadata": {"generation": 2}, "spec": {"scenario": "RedisOutage"}}
        await api.patch(REHEARSAL, json=mended)
        await until(lambda: summary(api.stored(DRILLS, "rehearsal")) == JUDGED)


async def test_a_drill_waits_for_its_backbone_and_ends_once_there_is_one(
    api: Any, working: Any, until: Any
) -> None:
    api.objects[DRILLS, "ns", "rehearsal"] = drill()
    async with working():
        await until(lambda: summary(api.stored(DRILLS, "rehearsal")) == JUDGED)
        assert summary(api.stored(DRILLS, "rehearsal"), "Reconciling") == ("True", "Progressing")
        assert "completionTime" not in api.stored(DRILLS, "rehearsal")["status"]
        markets = "/apis/backbone.emp.dev/v1alpha1/namespaces/ns/databackbones"
        await api.post(markets, json=custom("DataBackbone", "market", {}))
        ended = ("False", "ScenarioNotAvailable")
        await until(lambda: summary(api.stored(DRILLS, "rehearsal")) == ended)
        assert summary(api.stored(DRILLS, "rehearsal"), "Stalled") == ("True", "ScenarioNotAvailable")
        await api.delete(f"{markets}/market")
        await asyncio.sleep(1)
        assert summary(api.stored(DRILLS, "rehearsal")) == ended, "a drill that has ended stays as it ended"


async def test_metrics_of_an_object_go_with_it(api: Any, working: Any, until: Any) -> None:
    api.objects[DRILLS, "ns", "rehearsal"] = drill()
    async with working() as operator:
        await until(lambda: summary(api.stored(DRILLS, "rehearsal")) == JUDGED)
        await until(lambda: b'name="rehearsal"' in operator.metrics.page().body)
        await api.delete(REHEARSAL)
        await until(lambda: b'name="rehearsal"' not in operator.metrics.page().body)


async def test_children_are_made_and_what_happens_to_them_wakes_their_owner(
    api: Any, working: Any, until: Any
) -> None:
    api.objects[BACKBONES, "ns", "market"] = custom("DataBackbone", "market", {})
    async with working():
        probe = await until(lambda: api.names(JOBS))
        assert api.names(CLAIMS) == ["market-data"]
        assert api.names(CONFIG_MAPS) == ["market-binding"]
        report = '{"outcome":"VolumeProbed","bytesChecked":1,"message":"","at":"2024-03-01T12:00:00Z"}'
        await api.post("/api/v1/namespaces/ns/pods", json=ended_pod(probe[0], report))
        ended = {"type": "Complete", "status": "True", "lastTransitionTime": "2999-01-01T00:00:00Z"}
        await api.patch(
            f"/apis/batch/v1/namespaces/ns/jobs/{probe[0]}", json={"status": {"conditions": [ended]}}
        )
        await until(lambda: summary(api.stored(BACKBONES, "market"), "Ready") == ("True", "Available"))


def ended_pod(job: str, words: str) -> dict[str, Any]:
    labels = {
        "app.kubernetes.io/managed-by": "databackbone-operator",
        "app.kubernetes.io/component": "volume-probe",
        "backbone.emp.dev/backbone": "market",
        "batch.kubernetes.io/job-name": job,
    }
    state = {"terminated": {"exitCode": 0, "message": words, "finishedAt": "2024-03-01T12:00:00Z"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{job}-x", "namespace": "ns", "labels": labels},
        "status": {"phase": "Succeeded", "containerStatuses": [{"state": state}]},
    }


async def test_children_are_watched_by_label_and_no_definitions_or_namespaces_at_all(
    api: Any, working: Any, until: Any
) -> None:
    api.objects[DRILLS, "ns", "rehearsal"] = drill()
    async with working():
        await until(lambda: summary(api.stored(DRILLS, "rehearsal")) == JUDGED)
        watched = await until(lambda: found if len(found := watches(api)) == len(app.WATCHED) + 3 else None)
    selector = "app.kubernetes.io/managed-by=databackbone-operator"
    assert {name: found for name, found in watched.items() if found} == {
        kind.plural: selector for kind in app.WATCHED
    }
    assert {name for name, found in watched.items() if not found} == {
        "databackbones",
        "ingestplans",
        "failoverdrills",
    }


def watches(api: Any) -> dict[str, str | None]:
    return {
        item.resource.plural: item.params.get("labelSelector")
        for item in api.log
        if item.action == kmock.action.WATCH
    }
