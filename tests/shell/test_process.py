"""The whole process: health, the Lease, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from backbone import app, health, leadership
from backbone.adapters.kubernetes import KubernetesCluster
from backbone.ports.cluster import DATA_BACKBONE
from backbone.settings import Settings

LEASES = "coordination.k8s.io/v1/leases"
LEASE = ("system", "databackbone-operator")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def ports(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with free ports, and a Lease that is looked at often."""
    monkeypatch.setattr(leadership, "EVERY", 0.05)
    return replace(settings, health_port=free_port(), metrics_port=free_port())


@pytest.fixture
async def page(ports: Settings) -> AsyncIterator[Callable[[str], Any]]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:

        async def fetch(path: str) -> tuple[int, str]:
            port = ports.metrics_port if path == "/metrics" else ports.health_port
            try:
                async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                    return answer.status, await answer.text()
            except aiohttp.ClientConnectionError:
                return 0, ""

        yield fetch


async def shows(page: Callable[[str], Any], path: str, status: int, text: str) -> None:
    async with asyncio.timeout(15):
        while True:
            seen = await page(path)
            if seen[0] == status and text in seen[1]:
                return
            await asyncio.sleep(0.05)


def lease_of(holder: str) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": LEASE[1], "namespace": LEASE[0], "resourceVersion": "1", "uid": "l"},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": "2024-03-01T12:00:00Z"},
    }


def holder(api: Any) -> str:
    found = api.stored(LEASES, LEASE[1], LEASE[0])
    return str(found["spec"]["holderIdentity"]) if found else ""


async def test_a_standby_says_so_leads_when_the_lease_is_free_and_gives_it_up_at_its_end(
    api: Any, ports: Settings, page: Callable[[str], Any]
) -> None:
    api.objects[LEASES, LEASE[0], LEASE[1]] = lease_of("somebody")
    process = asyncio.create_task(app.run(ports))
    await shows(page, "/healthz", 200, "standing by")
    await shows(page, "/readyz", 200, "standing by")
    await shows(page, "/metrics", 200, "backbone_operator_leader 0.0")
    freed = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"holderIdentity": ""}}
    await api.patch(f"/apis/coordination.k8s.io/v1/namespaces/{LEASE[0]}/leases/{LEASE[1]}", json=freed)
    await shows(page, "/healthz", 200, "leading")
    await shows(page, "/metrics", 200, "backbone_operator_leader 1.0")
    assert holder(api) == ports.identity
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(process, 30) == 0
    assert holder(api) == ""


async def test_a_standby_ends_at_once(api: Any, ports: Settings, page: Callable[[str], Any]) -> None:
    api.objects[LEASES, LEASE[0], LEASE[1]] = lease_of("somebody")
    process = asyncio.create_task(app.run(ports))
    await shows(page, "/healthz", 200, "standing by")
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(process, 10) == 0
    assert holder(api) == "somebody"


async def test_a_leader_that_lost_the_lease_ends_with_an_error(
    api: Any, ports: Settings, page: Callable[[str], Any]
) -> None:
    process = asyncio.create_task(app.run(ports))
    await shows(page, "/healthz", 200, "leading")
    taken = lease_of("somebody")
    taken["metadata"].pop("resourceVersion")
    await api.patch(f"/apis/coordination.k8s.io/v1/namespaces/{LEASE[0]}/leases/{LEASE[1]}", json=taken)
    assert await asyncio.wait_for(process, 30) == app.EXIT_NO_LEASE
    assert holder(api) == "somebody"


async def test_without_the_definitions_it_waits_and_is_not_ready(
    api: Any, ports: Settings, page: Callable[[str], Any]
) -> None:
    del api.resources["backbone.emp.dev/v1alpha1/ingestplans"]
    process = asyncio.create_task(app.run(ports))
    await shows(page, "/readyz", 503, "waiting for the CustomResourceDefinition of IngestPlan")
    await shows(page, "/healthz", 200, "waiting")
    assert holder(api) == ""
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(process, 10) == 0


async def test_a_visit_that_never_ends_fails_the_liveness_probe_by_name(
    api: Any, ports: Settings, page: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "STALLED_AFTER", 0.5)
    looked = KubernetesCluster.get

    async def stuck(self: KubernetesCluster, kind: Any, *place: str) -> Any:
        if kind == DATA_BACKBONE:
            await asyncio.Event().wait()
        return await looked(self, kind, *place)

    monkeypatch.setattr(KubernetesCluster, "get", stuck)
    process = asyncio.create_task(app.run(ports))
    await shows(page, "/healthz", 200, "leading")
    body = {
        "apiVersion": "backbone.emp.dev/v1alpha1",
        "kind": "DataBackbone",
        "metadata": {"name": "market", "namespace": "ns", "generation": 1},
        "spec": {},
    }
    await api.post("/apis/backbone.emp.dev/v1alpha1/namespaces/ns/databackbones", json=body)
    await shows(page, "/healthz", 503, "the visit of DataBackbone ns/market has run for")
    await shows(page, "/metrics", 200, 'backbone_visits_under_way{kind="DataBackbone"} 1.0')
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(process, 30) == 0


def test_settings_that_make_no_sense_end_it_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("EMP_WORKER_IMAGE", raising=False)
    assert app.main() == app.EXIT_BAD_SETTINGS
    assert capsys.readouterr().err == "EMP_WORKER_IMAGE is not set\n"
