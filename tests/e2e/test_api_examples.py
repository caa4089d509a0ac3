"""The API server takes and refuses what the models do; the other half is tests/unit/test_api_examples.py."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from subprocess import CompletedProcess

import pytest

from api_examples import ACCEPTED, REJECTED
from backbone.crds.files import RESOURCES
from deployment import Kubectl, apply_crds
from example_objects import Document, Example

TRIES = 10
"""On a cluster that is up already, an operator may write the object's status in between."""

BY_KIND = {resource.kind: resource for resource in RESOURCES}


@pytest.fixture(scope="module")
def served(cluster: Kubectl) -> Iterator[Kubectl]:
    """kubectl in a namespace of a cluster that serves the kinds; no operator is needed."""
    apply_crds(cluster)
    name = f"t-{secrets.token_hex(4)}"
    cluster.run("create", "namespace", name)
    yield cluster.of(name)
    cluster.run("delete", "namespace", name, "--wait=false")


def answer(kubectl: Kubectl, example: Example) -> CompletedProcess[str]:
    """What the API server says to the document, given the object's past; nothing of the document is kept."""
    if example.before is None:
        return send(kubectl, "create", example.document, "--dry-run=server")
    send(kubectl, "create", example.before).check_returncode()
    try:
        for _ in range(TRIES):
            done = send(kubectl, "replace", example.document, "--dry-run=server")
            if "the object has been modified" not in done.stderr:
                break
        return done
    finally:
        kubectl.run("delete", example.before["kind"], example.before["metadata"]["name"], "--wait")


def send(kubectl: Kubectl, verb: str, document: Document, *flags: str) -> CompletedProcess[str]:
    written = json.dumps(document)
    return kubectl.try_run(verb, "--validate=strict", "-o", "json", "-f", "-", *flags, stdin=written)


@pytest.mark.parametrize("example", ACCEPTED, ids=str)
def test_server_accepts_and_fills_in_what_the_model_does(served: Kubectl, example: Example) -> None:
    done = answer(served, example)
    assert done.returncode == 0, done.stderr
    model = BY_KIND[example.document["kind"]].spec.model_validate(example.document["spec"])
    assert json.loads(done.stdout)["spec"] == model.model_dump(mode="json", by_alias=True, exclude_none=True)


@pytest.mark.parametrize("example", REJECTED, ids=str)
def test_server_refuses(served: Kubectl, example: Example) -> None:
    done = answer(served, example)
    assert done.returncode != 0, done.stdout
    assert example.server in done.stderr
