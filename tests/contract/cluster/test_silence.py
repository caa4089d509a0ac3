"""No answer of the API server in time, or none at all."""

from __future__ import annotations

import time

import pytest
from support.clusters import CALLS, Place, Promise, able, client_of
from support.kube_api_server import KubeApiServer

from backbone.adapters import kubernetes
from backbone.adapters.kubernetes import KubernetesCluster
from backbone.errors import Unreachable
from backbone.ports.cluster import CONFIG_MAP


@pytest.mark.parametrize("place", able(Promise.DEADLINES), indirect=True)
async def test_a_frozen_server_is_unreachable_in_time_and_there_again_afterwards(
    place: Place, kube_api_server: KubeApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes, "READ_SECONDS", 0.5)
    cluster = KubernetesCluster(client_of(kube_api_server.kubeconfig("admin")), lambda *_: None)
    try:
        with kube_api_server.frozen():
            for call in CALLS.values():
                began = time.monotonic()
                with pytest.raises(Unreachable) as raised:
                    await call(cluster, place.namespace)
                assert type(raised.value) is Unreachable
                assert time.monotonic() - began < 5
    finally:
        await cluster.close()
    assert await place.cluster.list(CONFIG_MAP, place.namespace, {}) is not None


@pytest.mark.parametrize("place", able(Promise.DEADLINES), indirect=True)
async def test_a_server_that_is_gone_is_unreachable_at_once_and_leaves_nothing(
    place: Place, kube_api_server: KubeApiServer
) -> None:
    kube_api_server.kill()
    for call in CALLS.values():
        with pytest.raises(Unreachable) as raised:
            await call(place.cluster, place.namespace)
        assert type(raised.value) is Unreachable
    assert kube_api_server.left() == []
