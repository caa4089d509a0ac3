"""The local cluster and the images, for the suites that need them; each of them imports these fixtures.

The cluster is the one that `hack/cluster` makes (kind where Docker is, built from Go modules elsewhere). If
none runs it is brought up here and taken down at the end; one that carries a demo is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deployment import (
    Image,
    Kubectl,
    cluster_status,
    demo_marker,
    ensure_cluster,
    ensure_images,
    program,
    until,
)

Wait = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Kubectl]:
    """kubectl of the local cluster."""
    status = cluster_status()
    if status is not None and demo_marker(status).exists():
        pytest.exit("a demo is up: `make demo-down` first, then run the tests again", returncode=2)
    kubectl = ensure_cluster()
    yield kubectl
    if status is None:
        program("cluster", "down")


@pytest.fixture(scope="session")
def images(cluster: Kubectl) -> dict[str, Image]:
    """The images of this checkout by target, built and loaded."""
    return ensure_images()


@pytest.fixture
def wait_condition(kubectl: Kubectl) -> Wait:
    """Wait until a condition has a status, and a reason if one is named, for the current generation."""

    def wait(
        target: str, kind: str, status: str, reason: str | None = None, deadline: float = 120
    ) -> dict[str, Any]:
        return until(
            lambda: kubectl.get(target),
            lambda seen: _stands(seen, kind, status, reason),
            deadline,
            f"{target} {kind}={status} {reason or ''}",
        )

    return wait


def _stands(item: dict[str, Any], kind: str, status: str, reason: str | None) -> bool:
    for entry in item.get("status", {}).get("conditions", []):
        if entry["type"] == kind:
            current = entry["observedGeneration"] == item["metadata"]["generation"]
            return current and entry["status"] == status and reason in {None, entry["reason"]}
    return False
