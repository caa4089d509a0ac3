"""The local cluster and the images, for the suites that need them; each of them imports these fixtures.

The cluster is the one that `hack/cluster` makes (kind where Docker is, built from Go modules elsewhere). If
none runs it is brought up when the session starts and taken down at its end; one with a demo is refused.
A suite that runs on several processes has one cluster: the first process minds it, before the others begin.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from console import Failure
from deployment import (
    RELEASE,
    SYSTEM_NAMESPACE,
    Image,
    Kubectl,
    cluster_status,
    demo_marker,
    ensure_cluster,
    ensure_images,
    program,
)

Wait = Callable[..., dict[str, Any]]

SILENT_SECONDS = 20.0
"""How long one watch is trusted: an API server can leave one open and tell it nothing more."""

BROUGHT_UP = pytest.StashKey[bool]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Bring the cluster up, and its images, unless this is one of several processes or nothing is to run."""
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    status = cluster_status()
    if status is not None and demo_marker(status).exists():
        pytest.exit("a demo is up: `make demo-down` first, then run the tests again", returncode=2)
    session.config.stash[BROUGHT_UP] = status is None
    ensure_cluster()
    ensure_images()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Take down what was brought up here."""
    if session.config.stash.get(BROUGHT_UP, False):
        program("cluster", "down")


@pytest.fixture(scope="session")
def cluster() -> Kubectl:
    """kubectl of the local cluster."""
    return ensure_cluster()


@pytest.fixture(scope="session")
def images(cluster: Kubectl) -> dict[str, Image]:
    """The images of this checkout by target, built and loaded."""
    return ensure_images()


@contextmanager
def new_namespace(operator: Kubectl) -> Iterator[Kubectl]:
    """kubectl in a namespace that is gone afterwards."""
    name = f"t-{secrets.token_hex(4)}"
    operator.run("create", "namespace", name)
    try:
        yield operator.of(name)
    finally:
        operator.run("delete", "namespace", name, "--wait=false")


@pytest.fixture
def wait_condition(kubectl: Kubectl) -> Wait:
    """Wait until a condition has a status, and a reason if one is named, for the current generation."""

    def wait(
        target: str, kind: str, status: str, reason: str | None = None, deadline: float = 120
    ) -> dict[str, Any]:
        return wait_until_stands(kubectl, target, kind, status, reason, deadline=deadline)

    return wait


def fetch(operator: Kubectl, port: int, path: str) -> str:
    """A page of the operator, through the API server's proxy to its pod."""
    system = operator.of(SYSTEM_NAMESPACE)
    pods = system.get("pods", "-l", f"app.kubernetes.io/name={RELEASE}")["items"]
    name = next(pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Running")
    return system.run("get", "--raw", f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/pods/{name}:{port}/proxy{path}")


def wait_until_stands(
    kubectl: Kubectl,
    target: str,
    kind: str,
    status: str,
    reason: str | None = None,
    *,
    deadline: float = 120,
) -> dict[str, Any]:
    """Watch an object until a condition stands so: to look again and again takes many more kubectls.

    A watch ends after a while, for it may have become silent, and the next one begins with the present state.
    """
    end = time.monotonic() + deadline
    while (left := end - time.monotonic()) > 0:
        for seen in kubectl.watch(target, deadline=min(left, SILENT_SECONDS)):
            if _stands(seen, kind, status, reason):
                return seen
        time.sleep(min(0.5, left))  # there may be no such object yet
    last = json.dumps(kubectl.get(target).get("status"))[:3000]
    raise Failure(f"not within {deadline:.0f} s: {target} {kind}={status} {reason or ''}; last seen: {last}")


def _stands(item: dict[str, Any], kind: str, status: str, reason: str | None) -> bool:
    for entry in item.get("status", {}).get("conditions", []):
        if entry["type"] == kind:
            current = entry["observedGeneration"] == item["metadata"]["generation"]
            return current and entry["status"] == status and reason in {None, entry["reason"]}
    return False
