"""Faults on a real API server: the operator as processes of this machine, a namespace per test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import figures
import ground
from api_proxy import ApiProxy
from api_reader import ApiReader
from deployment import RELEASE, ROOT, SYSTEM_NAMESPACE, Image, Kubectl, apply_crds, until
from figures import Figure
from ground import Ground
from local_cluster import cluster, images, pytest_sessionfinish, pytest_sessionstart, wait_condition
from operator_process import OperatorProcess, Replica

__all__ = ["cluster", "images", "pytest_sessionfinish", "pytest_sessionstart", "wait_condition"]


@pytest.fixture(scope="session")
def served(cluster: Kubectl, images: dict[str, Image]) -> Kubectl:
    """The cluster with our kinds and without an operator that serves every namespace."""
    system = cluster.of(SYSTEM_NAMESPACE)
    if system.find("deployment", RELEASE) is not None:
        # Another process of this suite may be at the same.
        system.try_run("uninstall", RELEASE, "--wait", tool="helm")
        until(lambda: system.find("deployment", RELEASE), lambda seen: seen is None, 90, "no operator of all")
    apply_crds(cluster)
    return ApiReader(cluster.bin_dir, cluster.kubeconfig)


@pytest.fixture
def kubectl(served: Kubectl) -> Iterator[Kubectl]:
    """kubectl in a namespace of the test's own with the operator's rights in it; gone afterwards."""
    with ground.namespace(served, "f") as kubectl:
        yield kubectl


@pytest.fixture
def api(kubectl: Kubectl) -> Iterator[ApiProxy]:
    """The way to the API server that the test can watch and harm."""
    with ApiProxy(kubectl.kubeconfig) as proxy:
        yield proxy


@pytest.fixture
def replica(kubectl: Kubectl, api: ApiProxy, images: dict[str, Image], tmp_path: Path) -> Iterator[Replica]:
    """Make replicas of the operator, not started yet."""
    with ground.replicas(kubectl, api, images, tmp_path) as make:
        yield make


@pytest.fixture
def place(kubectl: Kubectl, api: ApiProxy, replica: Replica, images: dict[str, Image]) -> Ground:
    """All four at once."""
    return Ground(kubectl, api, replica, images)


@pytest.fixture
def figure(capsys: pytest.CaptureFixture[str]) -> Figure:
    """Print a figure beside the test's name, and keep it."""

    def show(name: str, value: float, unit: str = "") -> None:
        measured = figures.Measured(name, value, unit)
        figures.keep(ROOT / "build" / "figures" / "faults.json", measured)
        with capsys.disabled():
            sys.stdout.write(f" {measured} ")

    return show


@pytest.fixture
def operator(replica: Replica) -> OperatorProcess:
    """One replica at work."""
    return replica().start().wait_leading()
