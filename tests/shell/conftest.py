"""The real shell - kopf, the client, the loops - against a mock API server that keeps objects in memory."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp.web
import attrs
import kmock
import kubernetes.config.kube_config
import pytest
import yaml
from prometheus_client import CollectorRegistry

from backbone import app, visits
from backbone.adapters.kubernetes import KubernetesCluster, connect
from backbone.metrics import Metrics
from backbone.settings import Settings

KINDS = {
    "backbone.emp.dev/v1alpha1/databackbones": "DataBackbone",
    "backbone.emp.dev/v1alpha1/ingestplans": "IngestPlan",
    "backbone.emp.dev/v1alpha1/failoverdrills": "FailoverDrill",
    "batch/v1/jobs": "Job",
    "batch/v1/cronjobs": "CronJob",
    "v1/pods": "Pod",
    "v1/configmaps": "ConfigMap",
    "v1/persistentvolumeclaims": "PersistentVolumeClaim",
    "v1/namespaces": "Namespace",
    "v1/events": "Event",
    "apiextensions.k8s.io/v1/customresourcedefinitions": "CustomResourceDefinition",
    "coordination.k8s.io/v1/leases": "Lease",
}
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")


@attrs.define(kw_only=True)
class ApiServer(kmock.KubernetesEmulator):
    """kmock's emulator, and what it lacks: identities, PUT, creation by server-side apply, and faults."""

    faults: list[tuple[Callable[[kmock.Request], bool], int, str]] = attrs.field(factory=list)
    log: list[kmock.Request] = attrs.field(factory=list)
    _uids: Any = attrs.field(factory=lambda: itertools.count(1))

    async def _handle(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        answer = await self._answer(request)
        if not answer.prepared:
            # kopf ends once every task of its loop has: no connection waits there for another request.
            answer.force_close()
        return answer

    async def _answer(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        self.log.append(request)
        for fault in self.faults:
            matches, status, message = fault
            if matches(request):
                self.faults.remove(fault)
                body = {"kind": "Status", "code": status, "reason": "Fault", "message": message}
                return aiohttp.web.json_response(body, status=status)
        if request.name is not None and self._lacks(request):
            body = {
                "kind": "Status",
                "code": 404,
                "reason": "NotFound",
                "message": f"{request.name} not found",
            }
            return aiohttp.web.json_response(body, status=404)
        if request.method == kmock.method.PUT:
            return await self._replace(request)
        if request.headers.get("Content-Type", "").startswith("application/apply-patch"):
            return await self._apply(request)
        if request.resource is not None and request.method == kmock.method.POST:
            self._identify(request.data)
        if request.method == kmock.method.PATCH:
            stored = self.objects[request.resource, request.namespace, request.name].raw
            version = int(stored["metadata"]["resourceVersion"])
            request.data.setdefault("metadata", {})["resourceVersion"] = str(version + 1)
        return await super()._handle(request)

    def _lacks(self, request: kmock.Request) -> bool:
        """Whether an object that only its creation by an apply could make is not there."""
        key = (request.resource, request.namespace, request.name)
        known = key in self.objects and not self.objects[key].deleted
        applied = request.headers.get("Content-Type", "").startswith("application/apply-patch")
        return request.resource is not None and not known and not applied

    async def _apply(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        key = (request.resource, request.namespace, request.name)
        stored = self.objects[key].raw if key in self.objects and not self.objects[key].deleted else None
        if stored is not None and _covers(stored, request.data):
            return aiohttp.web.json_response(stored)
        if stored is None:
            self._identify(request.data)
            self.objects[key] = request.data
        else:
            self.objects[key].patch(request.data)
        new = self.objects[key].raw
        event = "ADDED" if stored is None else "MODIFIED"
        await self._buses[request.resource].put({"type": event, "object": new})
        return aiohttp.web.json_response(new)

    async def _replace(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        key = (request.resource, request.namespace, request.name)
        stored = self.objects[key].raw
        version = stored["metadata"]["resourceVersion"]
        if request.data["metadata"]["resourceVersion"] != version:
            return aiohttp.web.json_response({"kind": "Status", "message": "older"}, status=409)
        changed = {"status": request.data["status"]} if request.subresource == "status" else request.data
        metadata = {**stored["metadata"], "resourceVersion": str(int(version) + 1)}
        new = {**stored, **changed, "metadata": metadata}
        self.objects[key].create(new)
        await self._buses[request.resource].put({"type": "MODIFIED", "object": new})
        return aiohttp.web.json_response(new)

    def _identify(self, document: dict[str, Any]) -> None:
        metadata = document["metadata"]
        metadata.setdefault("name", f"{metadata.get('generateName', '')}{next(self._uids)}")
        metadata.setdefault("uid", f"uid-{next(self._uids)}")
        metadata.setdefault("creationTimestamp", "2024-03-01T12:00:00Z")
        metadata.setdefault("resourceVersion", "1")

    def stored(self, resource: str, name: str, namespace: str = "ns") -> dict[str, Any] | None:
        key = (kmock.resource(resource), namespace, name)
        if key not in self.objects or self.objects[key].deleted:
            return None
        found: dict[str, Any] = self.objects[key].raw
        return found

    def names(self, resource: str) -> list[str]:
        wanted = kmock.resource(resource)
        return sorted(
            name for (kind, _, name), item in self.objects.items() if kind == wanted and not item.deleted
        )


def _covers(stored: object, wanted: object) -> bool:
    if isinstance(stored, dict) and isinstance(wanted, dict):
        return all(key in stored and _covers(stored[key], value) for key, value in wanted.items())
    return stored == wanted


@pytest.fixture
def kmock_options() -> dict[str, Any]:
    return {"cls": ApiServer}


@pytest.fixture
def point_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make a server the kubeconfig's current context."""

    def point(url: str) -> None:
        config = tmp_path / "kubeconfig"
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "mock",
            "contexts": [{"name": "mock", "context": {"cluster": "mock", "user": "mock"}}],
            "clusters": [{"name": "mock", "cluster": {"server": url.rstrip("/")}}],
            "users": [{"name": "mock", "user": {"token": "t"}}],
        }
        config.write_text(yaml.safe_dump(document))
        monkeypatch.setenv("KUBECONFIG", str(config))
        monkeypatch.setattr(kubernetes.config.kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(config))

    return point


@pytest.fixture
async def api(
    kmock: ApiServer, point_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> ApiServer:
    """The mock API server, as the kubeconfig's current context, and quick retries."""
    monkeypatch.setattr(visits, "FIRST_RETRY", 0.05)
    for resource, kind in KINDS.items():
        kmock.resources[resource] = {
            "namespaced": kind not in {"Namespace", "CustomResourceDefinition"},
            "kind": kind,
            "singular": kind.lower(),
            "verbs": VERBS,
            "shortnames": (),
            "categories": (),
            "subresources": ("status",),
        }
    point_at(str(kmock.url))
    return kmock


@pytest.fixture
async def cluster(api: ApiServer) -> AsyncIterator[KubernetesCluster]:
    cluster = KubernetesCluster(connect(), lambda verb, resource, result: None)
    yield cluster
    await cluster.close()


@pytest.fixture
def settings() -> Settings:
    environment = {
        "EMP_WORKER_IMAGE": "worker:1",
        "EMP_SAMPLE_WORKER_IMAGE": "sample:1",
        "EMP_NAMESPACE": "system",
        "EMP_RESYNC_SECONDS": "60",
        "EMP_PROBE_INTERVAL_SECONDS": "600",
    }
    return Settings.from_environment(environment)


Working = Callable[[], Any]


@pytest.fixture
def working(cluster: KubernetesCluster, settings: Settings) -> Working:
    """The operator at work, less its Lease."""

    @asynccontextmanager
    async def run() -> AsyncIterator[app.Operator]:
        operator = app.build(settings, cluster, Metrics(CollectorRegistry()))
        stop = asyncio.Event()
        task = asyncio.create_task(app.work(operator, stop))
        try:
            yield operator
        finally:
            await operator.visits.close()
            stop.set()
            async with asyncio.timeout(20):
                await task

    return run


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[Any]]:
    """Wait for something to become true; the value itself."""

    async def wait(met: Callable[[], object]) -> Any:
        async with asyncio.timeout(15):
            while not (value := met()):  # noqa: ASYNC110 - the condition lies in the mock server
                await asyncio.sleep(0.02)
        return value

    return wait
