"""What the API server refuses, and in whose words; and what no answer at all is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from kubernetes import client
from support.children import backbone, config_map, job
from support.clusters import CALLS, STRANGER, Place, Promise, able, client_of
from support.kube_api_server import KubeApiServer

from backbone.adapters.kubernetes import KubernetesCluster
from backbone.errors import Denied, Rejected, Unreachable, Waiting
from backbone.ports.cluster import CONFIG_MAP, Cluster, JsonObject

MIB = 1 << 20


def no_template(namespace: str) -> JsonObject:
    return {**job(namespace), "spec": {}}


def large(size: int) -> Callable[[str], JsonObject]:
    return lambda namespace: {**config_map(namespace), "data": {"plan": "x" * size}}


@pytest.mark.parametrize("place", able(Promise.ADMISSION), indirect=True)
@pytest.mark.parametrize("verb", ["apply", "create"])
@pytest.mark.parametrize(
    ("document", "words"),
    [
        pytest.param(no_template, "spec.template", id="a Job without a template"),
        pytest.param(lambda space: config_map(space, "No_Name"), "metadata.name", id="a name that is none"),
        pytest.param(lambda space: backbone(space, mode="Nonsense"), "spec.mode", id="a mode that is none"),
        pytest.param(large(MIB + 1), "1048576", id="a ConfigMap of more than 1 MiB"),
        pytest.param(large(4 * MIB), "3145728", id="a request of more than 3 MiB"),
    ],
)
async def test_what_is_invalid_or_too_large_is_rejected_in_the_servers_words(
    place: Place, verb: str, document: Callable[[str], JsonObject], words: str
) -> None:
    with pytest.raises(Rejected, match=words):
        await getattr(place.cluster, verb)(document(place.namespace))


@pytest.mark.parametrize("place", able(Promise.ADMISSION), indirect=True)
async def test_a_dry_run_has_the_servers_words(place: Place) -> None:
    words = await place.cluster.refusal(no_template(place.namespace))
    assert words is not None
    assert "spec.template" in words


async def test_a_dry_run_creates_nothing_and_takes_no_offence_at_a_name_that_exists(place: Place) -> None:
    document = config_map(place.namespace)
    name = document["metadata"]["name"]
    assert await place.cluster.refusal(document) is None
    assert await place.cluster.get(CONFIG_MAP, place.namespace, name) is None
    assert await place.cluster.create(document) is not None
    assert await place.cluster.refusal(document) is None


@pytest.mark.parametrize("place", able(Promise.ADMISSION), indirect=True)
async def test_a_number_where_a_text_has_to_be_is_rejected_and_in_an_apply_an_error_of_the_server(
    place: Place,
) -> None:
    wrong = {**config_map(place.namespace), "data": {"tier": 7}}
    with pytest.raises(Rejected, match=r"ConfigMap.data"):
        await place.cluster.create(wrong)
    with pytest.raises(Unreachable, match=r"status 500: .*\.data\.tier"):
        await place.cluster.apply(wrong)


@pytest.fixture
async def stranger(kube_api_server: KubeApiServer) -> AsyncIterator[Cluster]:
    """Somebody whom the real API server knows, and who may do nothing."""
    cluster = KubernetesCluster(client_of(kube_api_server.start().kubeconfig(STRANGER)), lambda *_: None)
    yield cluster
    await cluster.close()


@pytest.fixture
async def nobody(kube_api_server: KubeApiServer) -> AsyncIterator[Cluster]:
    """Somebody with a token that the real API server does not know."""
    known = client_of(kube_api_server.start().kubeconfig(STRANGER))
    unknown = client.Configuration()
    unknown.host, unknown.ssl_ca_cert = known.host, known.ssl_ca_cert
    unknown.api_key["authorization"] = "Bearer nonsense"
    cluster = KubernetesCluster(unknown, lambda *_: None)
    yield cluster
    await cluster.close()


@pytest.mark.parametrize("place", able(Promise.RIGHTS), indirect=True)
@pytest.mark.parametrize("call", CALLS)
async def test_who_has_no_right_is_denied(
    place: Place, stranger: Cluster, nobody: Cluster, call: str
) -> None:
    with pytest.raises(Denied, match="cannot"):
        await CALLS[call](stranger, place.namespace)
    with pytest.raises(Denied, match="Unauthorized"):
        await CALLS[call](nobody, place.namespace)


@pytest.mark.parametrize("place", able(Promise.NAMESPACES), indirect=True)
async def test_nothing_new_begins_in_a_namespace_that_is_being_deleted(place: Place) -> None:
    made = await place.cluster.apply(config_map(place.namespace))
    await place.end_namespace()
    for write in (place.cluster.apply, place.cluster.create):
        with pytest.raises(Waiting, match="being terminated"):
            await write(config_map(place.namespace, "another"))
    assert (await place.cluster.apply({**made, "data": {"tier": "x"}, "metadata": _named(made)}))["data"] == {
        "tier": "x"
    }


def _named(item: JsonObject) -> JsonObject:
    return {name: item["metadata"][name] for name in ("name", "namespace")}
