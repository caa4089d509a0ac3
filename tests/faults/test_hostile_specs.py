"""A thousand generated objects: each is refused with a reason or reconciled, and the operator goes on."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kubernetes import client, config

import hostile
from api_proxy import ApiProxy
from deployment import Kubectl, until
from documents import conditions
from figures import Figure
from operator_process import OperatorProcess, Replica

ROUNDS, EACH = 2, 500
SEED = 20_240_301
PLURALS = {
    "DataBackbone": "databackbones",
    "IngestPlan": "ingestplans",
    "FailoverDrill": "failoverdrills",
}
GROUP, VERSION = "backbone.emp.dev", "v1alpha1"
VISITS = "backbone_visits_total{"
QUIET_SECONDS = 15.0
GROWTH = 32 * 1024 * 1024
"""Bytes that a second round may add to what the first left."""

NO_PODS = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "no-pods"},
    "spec": {"hard": {"pods": "0"}},
}


@pytest.fixture
def custom(kubectl: Kubectl) -> Iterator[client.CustomObjectsApi]:
    """The API server by the Python client: kubectl would start a thousand times."""
    api = config.new_client_from_config(str(kubectl.kubeconfig))
    yield client.CustomObjectsApi(api)
    api.close()


def test_a_thousand_specs(
    kubectl: Kubectl, api: ApiProxy, replica: Replica, custom: client.CustomObjectsApi, figure: Figure
) -> None:
    kubectl.apply(NO_PODS)
    operator = replica(EMP_RESYNC_SECONDS="600").start().wait_leading()
    answers: Counter[str] = Counter()
    memory: list[int] = []
    for number in range(ROUNDS):
        documents = hostile.documents(SEED + number, EACH)
        assert len(documents) == EACH
        answers += one_round(kubectl, custom, operator, documents)
        memory.append(operator.resident_bytes())
    assert answers["refused"] + answers["reconciled"] == ROUNDS * EACH
    assert min(answers["refused"], answers["reconciled"]) >= ROUNDS * EACH // 5, answers
    assert memory[-1] - memory[0] < GROWTH, memory
    figure("generated specs refused with a reason", answers["refused"])
    figure("generated specs reconciled", answers["reconciled"])
    figure("memory that a second round of specs added", (memory[-1] - memory[0]) / 2**20, "MiB")


def one_round(
    kubectl: Kubectl, custom: client.CustomObjectsApi, operator: OperatorProcess, documents: list[Any]
) -> Counter[str]:
    """Create them all, wait until each that was taken has its answer, and take them away again."""
    space = kubectl.namespace
    with ThreadPoolExecutor(8) as pool:
        refusals = list(pool.map(lambda item: refusal(custom, space, item), enumerate(documents)))
    taken = [item for item, refused in zip(documents, refusals, strict=True) if refused is None]
    until(lambda: unanswered(custom, space), lambda left: not left, 180, "every object has its answer")
    assert len(everything(custom, space)) == len(taken)
    stumbled = operator.metric("backbone_visits_total", result="InternalError")
    assert (operator.alive, stumbled, "Traceback" in operator.log.read_text()) == (True, 0, False)

    # What loops never comes to rest.
    until(lambda: restless(operator), lambda seen: not seen, 120, "no visit without a cause")

    for plural in PLURALS.values():
        custom.delete_collection_namespaced_custom_object(GROUP, VERSION, space, plural)
    kubectl.run("delete", "pvc", "--all", "--wait=false")
    until(lambda: operator.metric("backbone_objects"), lambda left: left == 0, 180, "all are forgotten")
    assert 'name="h' not in operator.page("/metrics")[1], "series go with their object"
    return Counter("reconciled" if refused is None else "refused" for refused in refusals)


def restless(operator: OperatorProcess) -> Counter[str]:
    """Visits during a while in which nothing changes, by the labels of their series."""
    before = visits(operator)
    time.sleep(QUIET_SECONDS)
    return visits(operator) - before


def visits(operator: OperatorProcess) -> Counter[str]:
    lines = [line.rpartition(" ") for line in operator.page("/metrics")[1].splitlines()]
    return Counter({series: int(float(value)) for series, _, value in lines if series.startswith(VISITS)})


def refusal(custom: client.CustomObjectsApi, space: str, numbered: tuple[int, dict[str, Any]]) -> str | None:
    """Create an object, every other one with unknown fields left to pruning; the refusal, if it is one."""
    number, document = numbered
    strict = "Strict" if number % 2 else "Ignore"
    try:
        custom.create_namespaced_custom_object(
            GROUP, VERSION, space, PLURALS[document["kind"]], document, field_validation=strict
        )
    except client.ApiException as error:
        assert error.status in {400, 422}, (document, error.status, error.body)
        reason = str(json.loads(error.body)["message"])
        assert reason, document
        return reason
    return None


def everything(custom: client.CustomObjectsApi, space: str) -> list[dict[str, Any]]:
    return [
        item
        for plural in PLURALS.values()
        for item in custom.list_namespaced_custom_object(GROUP, VERSION, space, plural)["items"]
    ]


def unanswered(custom: client.CustomObjectsApi, space: str) -> list[str]:
    """Objects whose status does not speak of them yet."""
    return [item["metadata"]["name"] for item in everything(custom, space) if not answered(item)]


def answered(item: dict[str, Any]) -> bool:
    status = item.get("status", {})
    if status.get("observedGeneration") != item["metadata"]["generation"]:
        return False
    found = conditions(item)
    assert "InternalError" not in {reason for _, reason in found.values()}, item
    summary = found.get("Ready") or found.get("Succeeded") or ("", "Pending")
    return summary[1] != "Pending"
