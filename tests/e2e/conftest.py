"""The operator on a real API server: one deployment per session, one namespace per test."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from deployment import Image, Kubectl, install
from local_cluster import cluster, images, pytest_sessionfinish, pytest_sessionstart, wait_condition

__all__ = ["cluster", "images", "pytest_sessionfinish", "pytest_sessionstart", "wait_condition"]

RESYNC_SECONDS = 15
"""Visits without a cause; short, so that a test sees what an event did not announce."""


@pytest.fixture(scope="session")
def operator(cluster: Kubectl, images: dict[str, Image]) -> Kubectl:
    """The chart, installed from the checkout; returns kubectl bound to nothing in particular."""
    install(cluster, images, f"operator.resyncSeconds={RESYNC_SECONDS}")
    return cluster


@pytest.fixture
def kubectl(operator: Kubectl) -> Iterator[Kubectl]:
    """kubectl in a namespace of the test's own, which is gone afterwards."""
    name = f"t-{secrets.token_hex(4)}"
    operator.run("create", "namespace", name)
    yield operator.of(name)
    operator.run("delete", "namespace", name, "--wait=false")
