"""Where a fault is tried: a namespace with the operator's rights in it, and replicas at work there."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from api_proxy import ApiProxy
from deployment import Image, Kubectl
from operator_process import OperatorProcess, Replica, grant, operator_token


@contextlib.contextmanager
def namespace(cluster: Kubectl, prefix: str) -> Iterator[Kubectl]:
    """kubectl in a namespace of its own; gone afterwards."""
    kubectl = cluster.of(f"{prefix}-{secrets.token_hex(4)}")
    cluster.run("create", "namespace", kubectl.namespace)
    try:
        grant(kubectl)
        yield kubectl
    finally:
        cluster.run("delete", "namespace", kubectl.namespace, "--wait=false", "--ignore-not-found")


@contextlib.contextmanager
def replicas(kubectl: Kubectl, api: ApiProxy, images: Mapping[str, Image], folder: Path) -> Iterator[Replica]:
    """Make replicas of the operator, not started yet; what is alive at the end is killed."""
    made: list[OperatorProcess] = []
    token = operator_token(kubectl)

    def make(name: str = "operator", **settings: str) -> OperatorProcess:
        made.append(
            OperatorProcess(folder, api.url, token, [kubectl.namespace], images, name=name, settings=settings)
        )
        return made[-1]

    try:
        yield make
    finally:
        for process in made:
            if process.alive:
                process.kill()


@dataclass(frozen=True, slots=True)
class Ground:
    """All that a schedule needs."""

    kubectl: Kubectl
    api: ApiProxy
    replica: Replica
    images: dict[str, Image]


@contextlib.contextmanager
def ground(cluster: Kubectl, images: dict[str, Image], prefix: str) -> Iterator[Ground]:
    """A namespace, the way to the API server, and replicas; all gone afterwards."""
    with (
        namespace(cluster, prefix) as kubectl,
        tempfile.TemporaryDirectory() as folder,
        ApiProxy(kubectl.kubeconfig) as api,
        replicas(kubectl, api, images, Path(folder)) as replica,
    ):
        yield Ground(kubectl, api, replica, images)
