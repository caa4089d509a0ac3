"""The pod that creates topics is killed on its way: the next check ends its work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import truth
from deployment import Kubectl, until
from documents import backbone
from host_kafka import HostKafka, host_kafka
from operator_process import OperatorProcess
from test_workers import log_lines

CHECKS = "app.kubernetes.io/component=topics"
TOPICS = 400


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[HostKafka]:
    with host_kafka(tmp_path) as running:
        yield running


def checking_pod(kubectl: Kubectl) -> str | None:
    """A pod that checks topics and runs."""
    pods = kubectl.get("pods", "-l", CHECKS)["items"]
    running = (pod for pod in pods if pod["status"].get("phase") == "Running")
    return next((pod["metadata"]["name"] for pod in running), None)


def test_a_check_whose_pod_is_killed_between_two_batches_is_ended_by_the_next(
    kubectl: Kubectl, operator: OperatorProcess, kafka: HostKafka
) -> None:
    kafka.secret(kubectl)
    desired: dict[str, Any] = {
        "connection": {"secretName": "kafka"},
        "topics": [{"name": f"n{number}", "partitions": 1} for number in range(TOPICS)],
    }
    kubectl.apply(backbone(kafka=desired))
    pod = until(lambda: checking_pod(kubectl), lambda name: name is not None, 90, "a check", truth.LOOK_EVERY)
    assert pod is not None
    assert any("creating 100, " in told for told in log_lines(kubectl, pod))
    kubectl.run("delete", "pod", pod, "--grace-period=0", "--force", "--wait=false")
    seen = until(
        lambda: kubectl.get("databackbone", "market"),
        lambda found: truth.current(found, "TopicsProvisioned") == ("True", "TopicsProvisioned"),
        180,
        "every topic",
        truth.LOOK_EVERY,
    )
    planned = seen["status"]["topics"]["counts"]
    assert planned == {"Ready": len(kafka.topics())}
    assert planned["Ready"] > TOPICS
