"""The adapter: what it sends, and what each answer of the API server means."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kmock
import pytest

from backbone.adapters import kubernetes as module
from backbone.adapters.kubernetes import KubernetesCluster, connect
from backbone.errors import Conflict, Denied, Rejected, Unreachable, Waiting
from backbone.ports.cluster import CONFIG_MAP, DATA_BACKBONE, JOB, POD

DOCUMENT = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "market-binding", "namespace": "ns"},
    "data": {"tier": "Bootstrap"},
}
QUOTA = 'pods "x" is forbidden: exceeded quota: small, requested: pods=1'
RESIZE = "only dynamically provisioned pvc can be resized"
RBAC = 'configmaps "x" is forbidden: User "system:serviceaccount:a:b" cannot patch resource "configmaps"'


def anything(request: kmock.Request) -> bool:
    return True


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        pytest.param(403, RBAC, Denied, id="a right that is missing is Denied"),
        pytest.param(401, "Unauthorized", Denied, id="a token that is not known is Denied"),
        pytest.param(403, QUOTA, Rejected, id="a quota that is used up is Rejected"),
        pytest.param(403, RESIZE, Rejected, id="a claim that may not grow is Rejected"),
        pytest.param(422, "spec.schedule: Invalid value", Rejected, id="an invalid object is Rejected"),
        pytest.param(400, "strict decoding error", Rejected, id="an object that cannot be read is Rejected"),
        pytest.param(409, "the object has been modified", Conflict, id="an older view is a Conflict"),
        pytest.param(404, "not found", Conflict, id="an object that went meanwhile is a Conflict"),
        pytest.param(429, "too many requests", Unreachable, id="an overload says nothing"),
        pytest.param(500, "etcdserver: request timed out", Unreachable, id="an inner error says nothing"),
        pytest.param(503, "", Unreachable, id="an error without words says nothing"),
    ],
)
async def test_what_an_answer_means(
    api: Any, cluster: KubernetesCluster, status: int, message: str, error: type[Exception]
) -> None:
    api.faults.append((anything, status, message))
    with pytest.raises(error) as raised:
        await cluster.apply(DOCUMENT)
    assert type(raised.value) is error
    assert message in str(raised.value)


@pytest.mark.parametrize("listens", [pytest.param(False, id="nobody"), pytest.param(True, id="silence")])
async def test_no_answer_is_unreachable(
    point_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, listens: bool
) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.2)
    counted: list[tuple[str, str, str]] = []
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        point_at(f"http://127.0.0.1:{server.getsockname()[1]}")
        alone = KubernetesCluster(connect(), lambda *call: counted.append(call))
        with pytest.raises(Unreachable):
            await alone.create(DOCUMENT)
        await alone.close()
    assert counted == [("create", "configmaps", "unreachable")]


async def test_a_path_that_is_not_there_says_nothing(api: Any, cluster: KubernetesCluster) -> None:
    api.faults.append((anything, 404, "the server could not find the requested resource"))
    with pytest.raises(Unreachable):
        await cluster.list(POD, "ns", {})


async def test_a_namespace_on_its_way_out_is_waited_for(api: Any, cluster: KubernetesCluster) -> None:
    body = {
        "kind": "Status",
        "message": "unable to create new content in namespace ns because it is being terminated",
        "reason": "Forbidden",
        "details": {"causes": [{"reason": "NamespaceTerminating"}]},
    }
    api["post /api/v1/namespaces/ns/configmaps"] << 403 << body
    with pytest.raises(Waiting, match="terminated"):
        await cluster.create(DOCUMENT)


async def test_nothing_there_is_none_and_is_not_an_error(api: Any, cluster: KubernetesCluster) -> None:
    assert await cluster.get(CONFIG_MAP, "ns", "nothing") is None
    await cluster.delete(JOB, "ns", "nothing", "uid")


async def test_a_name_that_exists_is_none_and_another_conflict_is_not(
    api: Any, cluster: KubernetesCluster
) -> None:
    assert await cluster.create(DOCUMENT) is not None
    api.faults.append((anything, 409, "being deleted"))
    with pytest.raises(Conflict):
        await cluster.create(DOCUMENT)


NO_DRY_RUN = 'admission webhook "w" does not support dry run'
NO_WEBHOOK = 'failed calling webhook "w": failed to call webhook: connection refused'


@pytest.mark.parametrize(
    ("status", "text", "words"),
    [
        pytest.param(403, QUOTA, QUOTA, id="a quota"),
        pytest.param(422, "spec: Invalid value", "spec: Invalid value", id="an invalid object"),
        pytest.param(400, NO_DRY_RUN, None, id="a webhook that knows no dry run"),
        pytest.param(500, f"Internal error occurred: {NO_WEBHOOK}", NO_WEBHOOK, id="a webhook that is away"),
    ],
)
async def test_a_dry_run_tells_what_refuses_an_object(
    api: Any, cluster: KubernetesCluster, status: int, text: str, words: str | None
) -> None:
    api.faults.append((anything, status, text))
    assert await cluster.refusal(DOCUMENT) == words


async def test_a_dry_run_says_that_it_is_one_and_an_existing_name_is_no_refusal(
    api: Any, cluster: KubernetesCluster
) -> None:
    await cluster.create(DOCUMENT)
    assert await cluster.refusal(DOCUMENT) is None
    assert dict(api.log[-1].params) == {"fieldManager": "databackbone-operator", "dryRun": "All"}


@pytest.mark.parametrize(("status", "error"), [(503, Unreachable), (401, Denied)])
async def test_a_dry_run_that_nobody_judged_says_nothing(
    api: Any, cluster: KubernetesCluster, status: int, error: type[Exception]
) -> None:
    api.faults.append((anything, status, ""))
    with pytest.raises(error):
        await cluster.refusal(DOCUMENT)


async def test_apply_is_server_side_forced_and_signed(api: Any, cluster: KubernetesCluster) -> None:
    await cluster.apply(DOCUMENT)
    sent = api.log[-1]
    assert sent.method == kmock.method.PATCH
    assert sent.headers["Content-Type"] == "application/apply-patch+yaml"
    assert dict(sent.params) == {"fieldManager": "databackbone-operator", "force": "true"}
    assert sent.headers["Authorization"] == "Bearer t"
    assert sent.data["data"] == {"tier": "Bootstrap"}


async def test_a_delete_names_the_identity_it_means(api: Any, cluster: KubernetesCluster) -> None:
    await cluster.create(DOCUMENT)
    with pytest.raises(Conflict):
        await cluster.delete(CONFIG_MAP, "ns", "market-binding", "uid-9")
    sent = api.log[-1]
    assert sent.data["preconditions"] == {"uid": "uid-9"}
    assert sent.data["propagationPolicy"] == "Background"
    with pytest.raises(Conflict):
        await cluster.delete(CONFIG_MAP, "ns", "market-binding", "uid-9", orphan=True)
    assert api.log[-1].data["propagationPolicy"] == "Orphan"


async def test_a_list_is_read_to_its_last_page(api: Any, cluster: KubernetesCluster) -> None:
    pages = {
        "": {"metadata": {"continue": "more"}, "items": [{"metadata": {"name": "a"}}]},
        "more": {"metadata": {}, "items": [{"metadata": {"name": "b"}}]},
    }
    api["get /api/v1/namespaces/ns/pods"] << (lambda request: pages[request.params.get("continue", "")])
    found = await cluster.list(POD, "ns", {"b": "2", "a": "1"})
    assert [(item["kind"], item["metadata"]["name"]) for item in found] == [("Pod", "a"), ("Pod", "b")]
    assert [item.params["labelSelector"] for item in api.log] == ["a=1,b=2"] * 2


async def test_a_kind_is_served_or_not(api: Any, cluster: KubernetesCluster) -> None:
    assert await cluster.serves(DATA_BACKBONE) is True
    del api.resources["backbone.emp.dev/v1alpha1/databackbones"]
    assert await cluster.serves(DATA_BACKBONE) is False


def test_without_a_cluster_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nothing")
    monkeypatch.setenv("KUBECONFIG", nowhere)
    monkeypatch.setattr(module.config.kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", nowhere)
    with pytest.raises(Unreachable, match="no cluster is configured"):
        connect()


async def test_a_404_of_something_in_between_is_not_taken_for_an_answer(
    api: Any, cluster: KubernetesCluster
) -> None:
    api.faults.append((anything, 404, "404 page not found"))
    with pytest.raises(Unreachable):
        await cluster.get(CONFIG_MAP, "ns", "market-binding")


async def test_a_page_in_the_api_servers_place_says_nothing(api: Any, cluster: KubernetesCluster) -> None:
    api["get /api/v1/namespaces/ns/pods"] << b"<html>Sign in</html>"
    with pytest.raises(Unreachable):
        await cluster.list(POD, "ns", {})
