"""A namespace on each backend of the port `Cluster`; what a backend cannot do stands in support.clusters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from support.clusters import MEMORY, MOCK, REAL, Place, in_memory, install_kinds, on_mock, on_real
from support.kube_api_server import KubeApiServer


@pytest.fixture(scope="session")
def kube_api_server() -> Iterator[KubeApiServer]:
    """A real API server of our own, which tests may freeze and kill; to be started where it is used."""
    server = KubeApiServer()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(params=[MEMORY, MOCK, REAL])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """An empty namespace, once on each backend."""
    if request.param == REAL:
        server: KubeApiServer = request.getfixturevalue("kube_api_server").start()
        await install_kinds(server)
        async with on_real(server) as found:
            yield found
    else:
        async with {MEMORY: in_memory, MOCK: on_mock}[request.param]() as found:
            yield found
