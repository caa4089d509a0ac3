"""The operator on a real API server: one deployment per session, one namespace per test.

The suite runs on one process or on several. A test marked `alone` rolls, kills or uninstalls the operator, or
takes the API server away: it runs while no other test does. A lock sees to that rather than a second call of
pytest, which would have to bring the cluster up again; and it holds however pytest is called.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from deployment import RELEASE, SYSTEM_NAMESPACE, Image, Kubectl, install, until
from documents import backbone
from local_cluster import (
    cluster,
    images,
    new_namespace,
    pytest_sessionfinish,
    pytest_sessionstart,
    wait_condition,
    wait_until_stands,
)
from turns import Turns, held, once, turn

__all__ = ["cluster", "images", "pytest_sessionfinish", "pytest_sessionstart", "wait_condition"]

RESYNC_SECONDS = 15
"""Visits without a cause; short, so that a test sees what an event did not announce."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first and short ones in the gaps that are left, so that all processes end together."""
    items.sort(key=turn)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Turns:
    """How several processes share the tests, whatever `--dist` says."""
    return Turns(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Tests share the cluster, from the first of their fixtures to the last, or have it alone."""
    with held("cluster", shared=item.get_closest_marker("alone") is None):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a test that failed, what the operator said last."""
    report = yield
    operator = getattr(item, "funcargs", {}).get("operator")
    if report.failed and operator is not None:
        pods = ("--all-containers", "--prefix", "--tail=40", "--ignore-errors")
        said = operator.of(SYSTEM_NAMESPACE).try_run("logs", "-l", f"app.kubernetes.io/name={RELEASE}", *pods)
        report.sections.append(("the operator's log", said.stdout or said.stderr))
    return report


@pytest.fixture(scope="session")
def operator(cluster: Kubectl, images: dict[str, Image], testrun_uid: str) -> Kubectl:
    """The chart, installed from the checkout; returns kubectl bound to nothing in particular."""
    settings = (f"operator.resyncSeconds={RESYNC_SECONDS}", "operator.checkRetrySeconds=3")
    once(testrun_uid, "operator", lambda: install(cluster, images, *settings))
    return cluster


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
