"""What the port `Cluster` is tried on: the twin in memory, the mock API server and a real one.

A backend says which promises it cannot keep, and why; a promise is tried on all others.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import kmock
import yaml
from kubernetes import client, config

from backbone.adapters.kubernetes import KubernetesCluster
from backbone.ports.cluster import (
    CONFIG_MAP,
    DATA_BACKBONE,
    FAILOVER_DRILL,
    INGEST_PLAN,
    JOB,
    KINDS,
    NAMESPACE,
    Cluster,
    JsonObject,
)

from . import children
from .api_server import ApiServer
from .kube_api_server import KubeApiServer
from .memory_cluster import MemoryCluster

MEMORY, MOCK, REAL = "memory", "mock", "real"
CRDS = sorted((Path(__file__).resolve().parents[2] / "crds").glob("*.yaml"))
STRANGER = "provisioner"
"""An identity of `hack/cluster` that has no right to anything before somebody gives it one."""
SOMEBODY = "somebody"


class Promise(Enum):
    """What a backend may be unable to keep."""

    OWNERSHIP = "a field that is applied no longer goes, unless somebody else has changed it"
    ADMISSION = "what is invalid or too large is refused in the server's words"
    RIGHTS = "who has no right is told so"
    NAMESPACES = "nothing new begins in a namespace that is being deleted"
    COLLECTION = "what a deleted object owned goes too, or stays where that was asked for"
    ORPHANS = "the server notes for its collector that what an object owns is to stay"
    PAGES = "a list comes in pages"
    DEADLINES = "a server that does not answer is unreachable in time"


CANNOT: dict[str, dict[Promise, str]] = {
    MEMORY: {
        Promise.ADMISSION: "it knows no schema; tests say what it refuses",
        Promise.RIGHTS: "it knows no identities",
        Promise.ORPHANS: "it collects at once, and notes nothing",
        Promise.PAGES: "it has no pages",
        Promise.DEADLINES: "it answers at once",
    },
    MOCK: {
        Promise.OWNERSHIP: "it merges, and knows nobody's fields",
        Promise.ADMISSION: "it knows no schema; tests say what it refuses",
        Promise.RIGHTS: "it knows no identities; tests say whom it refuses",
        Promise.NAMESPACES: "it knows no namespaces; tests say what it refuses",
        Promise.COLLECTION: "it has no collector",
        Promise.ORPHANS: "it has no collector",
        Promise.PAGES: "it has no pages; tests say what comes in pages",
        Promise.DEADLINES: "it runs in the process of the test",
    },
    REAL: {
        Promise.COLLECTION: "its collector is in the controller manager, which only tests/e2e starts",
    },
}


def able(promise: Promise) -> list[str]:
    """The backends that keep a promise."""
    return [backend for backend, reasons in CANNOT.items() if promise not in reasons]


CALLS: dict[str, Callable[[Cluster, str], Coroutine[Any, Any, object]]] = {
    "get": lambda cluster, space: cluster.get(CONFIG_MAP, space, "market-binding"),
    "list": lambda cluster, space: cluster.list(CONFIG_MAP, space, {}),
    "events": lambda cluster, space: cluster.events(space, "uid", "FailedCreate"),
    "apply": lambda cluster, space: cluster.apply(children.config_map(space)),
    "create": lambda cluster, space: cluster.create(children.config_map(space)),
    "replace": lambda cluster, space: cluster.replace(children.config_map(space, resourceVersion="1")),
    "replace_status": lambda cluster, space: cluster.replace_status({**children.job(space), "status": {}}),
    "delete": lambda cluster, space: cluster.delete(JOB, space, "market-probe", "uid"),
}
"""A call of each kind, on a cluster and in a namespace."""

Write = Callable[[JsonObject], Awaitable[object]]


@dataclass(frozen=True)
class Place:
    """An empty namespace on a backend."""

    cluster: Cluster
    """As the operator."""
    namespace: str
    somebody: Write
    """Somebody else replaces an object that was read."""
    end_namespace: Callable[[], Awaitable[None]]
    """Begin to delete the namespace, which something holds up."""


@asynccontextmanager
async def in_memory() -> AsyncIterator[Place]:
    """The twin in memory."""
    cluster = MemoryCluster()

    async def write(document: JsonObject) -> JsonObject:
        return cluster.put(document)

    async def end() -> None:
        about = {"name": "ns", "namespace": "", "deletionTimestamp": "2024-03-01T12:00:00Z"}
        cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": about})

    yield Place(cluster, "ns", write, end)


@asynccontextmanager
async def on_mock() -> AsyncIterator[Place]:
    """The adapter on the mock API server."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(ApiServer())
        server = await stack.enter_async_context(kmock.Server(api))
        api.serve_kinds()
        configuration = client.Configuration()
        configuration.host = str(server.url).rstrip("/")
        cluster = KubernetesCluster(configuration, lambda *_: None)
        stack.push_async_callback(cluster.close)
        yield Place(cluster, "ns", cluster.replace, _cannot_end)


async def _cannot_end() -> None:
    raise NotImplementedError(CANNOT[MOCK][Promise.NAMESPACES])


@cache
def client_of(kubeconfig: Path) -> client.Configuration:
    """What a client needs to know of an API server and of who asks."""
    configuration = client.Configuration()
    config.load_kube_config(config_file=str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
    return configuration


class Administrator(KubernetesCluster):
    """Who may do all, also what the port has no word for."""

    async def send(
        self, method: str, path: str, body: JsonObject | None = None, manager: str = "admin"
    ) -> JsonObject:
        """Ask for something by its path."""
        status, text = await self._exchange(method, path, [("fieldManager", manager)], body)
        assert status < 300, text
        found: JsonObject = json.loads(text)
        return found

    async def write(self, document: JsonObject) -> JsonObject:
        """Replace an object as somebody who is not the operator."""
        kind, about = KINDS[document["kind"]], document["metadata"]
        group = f"/apis/{kind.api_version}" if "/" in kind.api_version else f"/api/{kind.api_version}"
        path = f"{group}/namespaces/{about['namespace']}/{kind.plural}/{about['name']}"
        return await self.send("PUT", path, document, SOMEBODY)


@asynccontextmanager
async def administrator(server: KubeApiServer) -> AsyncIterator[Administrator]:
    """The administrator of a real API server."""
    admin = Administrator(client_of(server.kubeconfig("admin")), lambda *_: None)
    try:
        yield admin
    finally:
        await admin.close()


_numbers = itertools.count(1)


@asynccontextmanager
async def on_real(server: KubeApiServer) -> AsyncIterator[Place]:
    """The adapter on a real API server, in a namespace of its own."""
    async with administrator(server) as admin:
        namespace = f"test-{next(_numbers)}"
        await admin.send("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})

        async def end() -> None:
            found = await admin.get(NAMESPACE, "", namespace)
            assert found is not None
            await admin.delete(NAMESPACE, "", namespace, found["metadata"]["uid"])

        yield Place(admin, namespace, admin.write, end)


async def install_kinds(server: KubeApiServer) -> None:
    """Make our kinds known to a real API server that has just started."""
    if server.knows_our_kinds:
        return
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    async with administrator(server) as admin:
        for file in CRDS:
            await admin.send("POST", path, yaml.safe_load(file.read_text()))
        for kind in (DATA_BACKBONE, INGEST_PLAN, FAILOVER_DRILL):
            while not await admin.serves(kind):  # noqa: ASYNC110 - the condition lies in the server
                await asyncio.sleep(0.05)
    server.knows_our_kinds = True
