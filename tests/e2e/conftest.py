"""The operator on a real API server: one deployment per session, one namespace per test."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deployment import Image, Kubectl, install, until
from documents import backbone
from local_cluster import (
    cluster,
    images,
    pytest_sessionfinish,
    pytest_sessionstart,
    wait_condition,
    wait_until_stands,
)

__all__ = ["cluster", "images", "pytest_sessionfinish", "pytest_sessionstart", "wait_condition"]

RESYNC_SECONDS = 15
"""Visits without a cause; short, so that a test sees what an event did not announce."""


@pytest.fixture(scope="session")
def operator(cluster: Kubectl, images: dict[str, Image]) -> Kubectl:
    """The chart, installed from the checkout; returns kubectl bound to nothing in particular."""
    install(cluster, images, f"operator.resyncSeconds={RESYNC_SECONDS}")
    return cluster


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
def kubectl(operator: Kubectl) -> Iterator[Kubectl]:
    """kubectl in a namespace of the test's own."""
    with new_namespace(operator) as own:
        yield own


@pytest.fixture(scope="module")
def market(operator: Kubectl) -> Iterator[Kubectl]:
    """kubectl in a namespace with a backbone that is Ready, for a module's tests of plans."""
    with new_namespace(operator) as shared:
        shared.apply(backbone())
        wait_until_stands(shared, "databackbone/market", "Ready", "True")
        yield shared


@pytest.fixture
def on_market(market: Kubectl) -> Iterator[Kubectl]:
    """The same for one test, whose plans and their Jobs are gone afterwards."""
    yield market
    market.run("delete", "ingestplan", "--all", "--timeout=60s")
    until(
        lambda: market.get("job,pod", "-l", "backbone.emp.dev/plan")["items"],
        lambda items: items == [],
        60,
        "the plans and their Jobs are gone",
    )
