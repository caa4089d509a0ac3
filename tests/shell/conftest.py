"""The real shell - kopf, the client, the loops - against a mock API server that keeps objects in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import kubernetes.config.kube_config
import pytest
import yaml
from prometheus_client import CollectorRegistry
from support.api_server import ApiServer

from backbone import app, visits
from backbone.adapters.kubernetes import KubernetesCluster, connect
from backbone.metrics import Metrics
from backbone.settings import Settings


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
    kmock.serve_kinds()
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
        operator = app.build(settings, cluster, cluster, Metrics(CollectorRegistry()))
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
