"""Two operators on one namespace, and a Job whose pods are refused: what reaches the API server."""

from __future__ import annotations

import logging
from typing import Any

import kmock
import pytest

from backbone import serving, visits
from backbone.serving import LEASE_NAME

BACKBONES = "backbone.emp.dev/v1alpha1/databackbones"
LEASES, EVENTS, JOBS = "coordination.k8s.io/v1/leases", "v1/events", "batch/v1/jobs"
OTHER = "elsewhere/databackbone-operator"
WORDS = "is forbidden: failed quota: all: must specify limits.cpu for: worker"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "ASK_EVERY", 0.05)
    monkeypatch.setattr(serving, "RENEW_EVERY", 0.05)
    monkeypatch.setattr(visits, "STAND_BY", 0.05)


@pytest.fixture
def market(api: Any) -> None:
    api.objects[BACKBONES, "ns", "market"] = {
        "apiVersion": "backbone.emp.dev/v1alpha1",
        "kind": "DataBackbone",
        "metadata": {
            "name": "market",
            "namespace": "ns",
            "uid": "uid-market",
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": "2024-03-01T12:00:00Z",
        },
        "spec": {},
    }


def lease_of(holder: str, seconds: int) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": LEASE_NAME, "namespace": "ns", "resourceVersion": "1", "uid": "l"},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": seconds,
            "renewTime": "2024-03-01T12:00:00Z",
        },
    }


def holder(api: Any) -> str:
    found = api.stored(LEASES, LEASE_NAME)
    return str(found["spec"]["holderIdentity"]) if found else ""


def condition(api: Any, kind: str = "Ready") -> dict[str, Any]:
    conditions = ((api.stored(BACKBONES, "market") or {}).get("status") or {}).get("conditions") or []
    return next((item for item in conditions if item["type"] == kind), {})


@pytest.mark.usefixtures("market")
async def test_where_another_operator_serves_this_one_does_nothing_says_so_and_follows_it(
    api: Any, working: Any, until: Any
) -> None:
    api.objects[LEASES, "ns", LEASE_NAME] = lease_of(OTHER, 2)
    async with working() as operator:
        (name,) = await until(lambda: api.names(EVENTS))
        told = api.stored(EVENTS, name)
        assert (told["reason"], told["involvedObject"]["kind"]) == ("StandingBy", "Lease")
        assert OTHER in told["message"]
        assert b"backbone_operator_namespaces_standing_by 1.0" in operator.metrics.page().body
        assert not [item for item in api.log if item.method == kmock.method.PUT]
        assert not api.names(JOBS)
        await until(lambda: api.names(JOBS))
        assert holder(api) == "system/databackbone-operator", "the other one was silent for two seconds"
        assert b"backbone_operator_namespaces_standing_by 0.0" in operator.metrics.page().body


@pytest.mark.usefixtures("market")
async def test_a_namespace_is_held_as_long_as_there_are_objects(api: Any, working: Any, until: Any) -> None:
    async with working():
        await until(lambda: holder(api))
        first = api.stored(LEASES, LEASE_NAME)["spec"]["renewTime"]
        await until(lambda: api.stored(LEASES, LEASE_NAME)["spec"]["renewTime"] != first)
    assert holder(api) == "system/databackbone-operator", (
        "the next leader of this installation goes on at once"
    )


@pytest.mark.usefixtures("market")
async def test_a_refused_pod_is_named_in_the_api_servers_words(api: Any, working: Any, until: Any) -> None:
    async with working():
        (job,) = await until(lambda: api.names(JOBS))
        api.objects[EVENTS, "ns", "refused"] = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "refused", "namespace": "ns", "resourceVersion": "1"},
            "involvedObject": {"kind": "Job", "name": job, "uid": api.stored(JOBS, job)["metadata"]["uid"]},
            "reason": "FailedCreate",
            "message": f'Error creating: pods "{job}-x7k2p" {WORDS}',
        }
        await until(lambda: condition(api).get("reason") == "PodRefused")
    assert f'pods "{job}-…" {WORDS}' in condition(api, "StorageAvailable")["message"]
    asked = [item.params["fieldSelector"] for item in api.log if "fieldSelector" in item.params]
    uid = api.stored(JOBS, job)["metadata"]["uid"]
    assert set(asked) == {f"involvedObject.uid={uid},reason=FailedCreate"}


@pytest.mark.usefixtures("market")
async def test_at_rest_the_log_is_silent(
    api: Any, working: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "backbone")
    async with working() as operator:
        await until(lambda: api.names(JOBS) and condition(api).get("reason") == "VolumePending")
        done = operator.metrics.visits.labels("DataBackbone", "done")._value
        seen = done.get()
        await until(lambda: done.get() > seen or operator.visits.wake(key()))
        lines = [record for record in caplog.records if record.name == "backbone.decisions"]
        assert {record.decision["object"] for record in lines} == {"DataBackbone/ns/market"}  # type: ignore[attr-defined]
        before, seen = len(lines), done.get()
        for more in range(1, 4):
            operator.visits.wake(key())
            await until(lambda more=more: done.get() >= seen + more)
    assert len([record for record in caplog.records if record.name == "backbone.decisions"]) == before


def key() -> visits.Key:
    return visits.Key("DataBackbone", "ns", "market")
