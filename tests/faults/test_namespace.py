"""A namespace deleted while the operator is down: it goes by itself, and one of its name begins anew."""

from __future__ import annotations

import truth
from api_proxy import ApiProxy
from deployment import Kubectl, until
from operator_process import OperatorProcess, Replica, grant, operator_token


def test_a_namespace_goes_without_the_operator_and_its_return_changes_nothing(
    kubectl: Kubectl, api: ApiProxy, operator: OperatorProcess, replica: Replica
) -> None:
    truth.create(kubectl)
    truth.wait_delivered(kubectl)
    operator.kill()
    space = kubectl.namespace
    kubectl.run("delete", "namespace", space, "--wait=false")
    until(lambda: kubectl.find("namespace", space), lambda seen: seen is None, truth.TRUE_AGAIN, "it is gone")

    kubectl.run("create", "namespace", space)
    grant(kubectl)
    again = replica("again")
    again.token = operator_token(kubectl)
    again.start().wait_leading()
    truth.create(kubectl)
    seen = truth.wait_delivered(kubectl)
    assert seen["status"]["lastRun"]["sequence"] == 1, "another namespace, another volume"


def test_a_namespace_deleted_while_work_is_under_way_goes_too(
    kubectl: Kubectl, operator: OperatorProcess
) -> None:
    truth.create(kubectl, intradayTrades={"provider": "Sample", "symbols": ["ES"]})
    until(lambda: truth.worker_pod(kubectl), lambda name: name is not None, 60, "a worker at work")
    space = kubectl.namespace
    kubectl.run("delete", "namespace", space, "--wait=false")
    until(
        lambda: kubectl.find("namespace", space),
        lambda seen: seen is None,
        2 * truth.TRUE_AGAIN,
        "it is gone",
    )
