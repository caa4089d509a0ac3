"""The API server takes and refuses what the models do; the other half is tests/unit/test_api_examples.py."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
from kubernetes.client import ApiException, CustomObjectsApi
from kubernetes.config import new_client_from_config

from api_examples import ACCEPTED, REJECTED
from backbone.crds.files import RESOURCES
from backbone.vocabulary import GROUP, VERSION
from deployment import Kubectl, apply_crds
from example_objects import Document, Example
from turns import once

pytestmark = pytest.mark.short

TRIES = 10
"""An operator may write the object's status in between."""
SECONDS = 30.0

BY_KIND = {resource.kind: resource for resource in RESOURCES}


@dataclass(frozen=True, slots=True)
class Served:
    """The API server, asked as `kubectl --validate=strict` asks it, without a process for every question."""

    objects: CustomObjectsApi
    namespace: str

    def create(self, document: Document, **how: Any) -> Document:
        return self._ask("create", document["kind"], body=document, field_validation="Strict", **how)

    def replace(self, document: Document, **how: Any) -> Document:
        """Put the document in the place of what is there now, as `kubectl replace` does."""
        kind, name = document["kind"], document["metadata"]["name"]
        version = self._ask("get", kind, name=name)["metadata"]["resourceVersion"]
        body = {**document, "metadata": {**document["metadata"], "resourceVersion": version}}
        return self._ask("replace", kind, name=name, body=body, field_validation="Strict", **how)

    def delete(self, document: Document) -> None:
        self._ask("delete", document["kind"], name=document["metadata"]["name"])

    def _ask(self, verb: str, kind: str, **arguments: Any) -> Document:
        call = getattr(self.objects, f"{verb}_namespaced_custom_object")
        plural = BY_KIND[kind].plural
        answer: Document = call(GROUP, VERSION, self.namespace, plural, **arguments, _request_timeout=SECONDS)
        return answer


@pytest.fixture(scope="module")
def served(cluster: Kubectl, testrun_uid: str) -> Iterator[Served]:
    """A namespace of a cluster that serves the kinds; no operator is needed."""
    once(testrun_uid, "kinds", lambda: apply_crds(cluster))
    name = f"t-{secrets.token_hex(4)}"
    cluster.run("create", "namespace", name)
    with new_client_from_config(str(cluster.kubeconfig)) as client:
        yield Served(CustomObjectsApi(client), name)
    cluster.run("delete", "namespace", name, "--wait=false")


@contextmanager
def past(served: Served, example: Example) -> Iterator[None]:
    """The object is there as the example finds it, for as long as the block lasts."""
    if example.before is None:
        yield
        return
    served.create(example.before)
    try:
        yield
    finally:
        served.delete(example.before)


def answer(served: Served, example: Example) -> Document:
    """What the API server makes of the document, of which nothing is kept; ApiException if it is refused."""
    if example.before is None:
        return served.create(example.document, dry_run="All")
    for _ in range(TRIES - 1):
        try:
            return served.replace(example.document, dry_run="All")
        except ApiException as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
    return served.replace(example.document, dry_run="All")


@pytest.mark.parametrize("example", ACCEPTED, ids=str)
def test_server_accepts_and_fills_in_what_the_model_does(served: Served, example: Example) -> None:
    with past(served, example):
        stored = answer(served, example)
    model = BY_KIND[example.document["kind"]].spec.model_validate(example.document["spec"])
    assert stored["spec"] == model.model_dump(mode="json", by_alias=True, exclude_none=True)


@pytest.mark.parametrize("example", REJECTED, ids=str)
def test_server_refuses(served: Served, example: Example) -> None:
    with past(served, example), pytest.raises(ApiException) as refused:
        answer(served, example)
    assert example.server in json.loads(refused.value.body)["message"]
