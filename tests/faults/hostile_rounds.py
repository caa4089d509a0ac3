"""Rounds of generated objects: each is refused with a reason or reconciled, and the operator goes on."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from kubernetes import client

import hostile
import truth
from api_reader import connection
from deployment import until
from documents import conditions
from ground import Ground
from operator_process import OperatorProcess

ROUNDS = 2
"""Memory is told apart from a heap that warms up by what the second adds."""
PLURALS = {
    "DataBackbone": "databackbones",
    "IngestPlan": "ingestplans",
    "FailoverDrill": "failoverdrills",
}
GROUP, VERSION = "backbone.emp.dev", "v1alpha1"
GROWTH = 32 * 1024 * 1024
"""Bytes that a second round may add to what the first left."""

NO_PODS = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "no-pods"},
    "spec": {"hard": {"pods": "0"}},
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What became of the objects."""

    refused: int
    reconciled: int
    grown_mib: float
    """Memory that the second round added."""


def run(at: Ground, seed: int, each: int, quiet: float) -> Answers:
    """Rounds of so many objects, each from a seed of its own, with so many seconds of rest after each.

    Raises AssertionError or Failure where the operator stumbles over one, keeps one, or comes to no rest.
    """
    at.kubectl.apply(NO_PODS)
    operator = at.replica(EMP_RESYNC_SECONDS="600").start().wait_leading()
    answers: Counter[str] = Counter()
    memory: list[int] = []
    for number in range(ROUNDS):
        documents = hostile.documents(seed + number, each)
        assert len(documents) == each
        answers += one_round(at, operator, documents, quiet)
        memory.append(operator.resident_bytes())
    assert answers["refused"] + answers["reconciled"] == ROUNDS * each
    assert min(answers["refused"], answers["reconciled"]) >= ROUNDS * each // 5, answers
    assert memory[-1] - memory[0] < GROWTH, memory
    return Answers(answers["refused"], answers["reconciled"], (memory[-1] - memory[0]) / 2**20)


def one_round(
    at: Ground, operator: OperatorProcess, documents: list[hostile.Document], quiet: float
) -> Counter[str]:
    """Create them all, wait until each that was taken has its answer, and take them away again."""
    space, custom = at.kubectl.namespace, client.CustomObjectsApi(connection(at.kubectl.kubeconfig))
    with ThreadPoolExecutor(8) as pool:
        refusals = list(pool.map(lambda item: refusal(custom, space, item), enumerate(documents)))
    taken = [item for item, refused in zip(documents, refusals, strict=True) if refused is None]
    until(lambda: unanswered(custom, space), lambda left: not left, 180, "every object has its answer")
    assert len(everything(custom, space)) == len(taken)
    # What loops never comes to rest.
    truth.wait_quiet(operator, at.api, quiet, deadline=120)
    stumbled = operator.metric("backbone_visits_total", result="InternalError")
    assert (operator.alive, stumbled, "Traceback" in operator.log.read_text()) == (True, 0, False)

    for plural in PLURALS.values():
        custom.delete_collection_namespaced_custom_object(GROUP, VERSION, space, plural)
    at.kubectl.run("delete", "pvc", "--all", "--wait=false")
    until(lambda: operator.metric("backbone_objects"), lambda left: left == 0, 180, "all are forgotten")
    assert 'name="h' not in operator.page("/metrics")[1], "series go with their object"
    return Counter("reconciled" if refused is None else "refused" for refused in refusals)


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
