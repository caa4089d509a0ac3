"""Kafka beside a backbone on a real cluster: an apply gives topics, and a Job alone goes to the broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from backbone.parts.kafka.topics import OURS, PARTITIONS
from deployment import RELEASE, ROOT, SYSTEM_NAMESPACE, Kubectl, until
from documents import conditions, message
from host_kafka import PROVISIONER, HostKafka, host_kafka
from local_cluster import fetch, new_namespace, wait_until_stands

SAMPLE = ROOT / "manifests" / "samples" / "kafka"
CHECKS = "app.kubernetes.io/component=topics"
RUNS = "app.kubernetes.io/component=run"
MARKET = "databackbone/market"


@pytest.fixture(scope="module")
def kafka(cluster: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostKafka]:
    with host_kafka(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="module")
def on_kafka(operator: Kubectl, kafka: HostKafka) -> Iterator[Kubectl]:
    """kubectl in a namespace with the sample, whose topics exist."""
    with new_namespace(operator) as shared:
        kafka.secret(shared)
        shared.run("apply", "-f", str(SAMPLE))
        wait_until_stands(shared, MARKET, "TopicsProvisioned", "True", deadline=240)
        yield shared


@pytest.fixture
def kubectl(on_kafka: Kubectl) -> Kubectl:
    """The module's namespace, also for what waits for conditions."""
    return on_kafka


def check_again(kubectl: Kubectl) -> None:
    """Ask for a check of the topics now."""
    kubectl.run("delete", "jobs", "-l", CHECKS)


def test_the_sample_alone_gives_topics(kafka: HostKafka, kubectl: Kubectl, wait_condition: Any) -> None:
    seen = wait_condition(MARKET, "Ready", "True", "Available")
    assert kafka.topics() == dict.fromkeys(OURS, PARTITIONS)
    assert conditions(seen)["StreamHealthy"] == ("True", "StreamHealthy")
    topics = seen["status"]["topics"]
    assert topics["counts"] == {"Ready": len(OURS)}
    assert (topics["brokers"], topics["brokerCreatesTopics"]) == (1, False)
    assert topics["plannedAt"] <= topics["checkedAt"]
    wait_condition("ingestplan/sample", "Ready", "True", "Delivered", deadline=240)


def ports_of(system: Kubectl, pod: str) -> set[int]:
    """The ports that a pod is connected to now, as its kernel says."""
    read = "import glob; print(*(open(name).read() for name in glob.glob('/proc/net/tcp*')))"
    lines = system.run("exec", pod, "--", "python3", "-c", read).splitlines()
    remote = [line.split()[2] for line in lines if line.strip()[:1].isdigit()]
    return {int(address.rpartition(":")[2], 16) for address in remote} - {0}


def test_the_operator_goes_nowhere_near_kafka_and_no_password_is_told(
    operator: Kubectl, kafka: HostKafka, kubectl: Kubectl
) -> None:
    system = kubectl.of(SYSTEM_NAMESPACE)
    pods = system.get("pods", "-l", f"app.kubernetes.io/name={RELEASE}")["items"]
    assert pods
    for pod in pods:
        sources = [kind for volume in pod["spec"]["volumes"] for kind in volume if kind != "name"]
        assert "secret" not in sources
        assert '"secret' not in json.dumps([item.get("env") for item in pod["spec"]["containers"]])
        find = "import importlib.util as u; print(u.find_spec('confluent_kafka'), u.find_spec('kopf'))"
        found = system.run("exec", pod["metadata"]["name"], "--", "python3", "-c", find)
        assert found.startswith("None ModuleSpec"), found
    checks = {pod["status"]["podIP"] for pod in kubectl.get("pods", "-l", CHECKS)["items"]}
    nodes = {item["address"] for node in system.get("nodes")["items"] for item in node["status"]["addresses"]}
    came = kafka.came_from()
    # On some clusters a pod comes from its node's address.
    assert came[PROVISIONER] & (checks | nodes), "the Job's pod is in the log, so another would be too"
    assert not set().union(*came.values()) & {pod["status"]["podIP"] for pod in pods}
    for pod in pods:
        remote = ports_of(system, pod["metadata"]["name"])
        assert remote, "the operator's connections to the API server are seen, so another would be too"
        assert kafka.broker.port not in remote

    told = [kubectl.run("get", "databackbone,ingestplan,events,configmaps,jobs,pods", "-o", "yaml")]
    told.append(kubectl.run("describe", "databackbone,ingestplan"))
    told.append(kubectl.run("logs", "-l", CHECKS, "--tail=-1"))
    told.append(kubectl.run("logs", "-l", RUNS, "--tail=-1"))
    told.append(system.run("logs", "-l", f"app.kubernetes.io/name={RELEASE}", "--tail=-1"))
    told.append(fetch(operator, 8081, "/metrics"))
    assert all(told)
    for password in kafka.passwords.values():
        assert not [text for text in told if password in text]


def test_a_topic_that_was_made_again_by_hand_is_told(
    kafka: HostKafka, kubectl: Kubectl, wait_condition: Any
) -> None:
    kafka.make_again("dead-letters")
    check_again(kubectl)
    seen = wait_condition(MARKET, "TopicsProvisioned", "False", "Replaced", deadline=240)
    (worst,) = seen["status"]["topics"]["worst"]
    assert (worst["name"], worst["word"]) == ("dead-letters", "Replaced")
    assert seen["status"]["topics"]["counts"] == {"Replaced": 1, "Ready": len(OURS) - 1}
    assert conditions(seen)["StreamHealthy"] == ("True", "StreamHealthy"), "it takes events all the same"


def test_kafka_that_is_killed_leaves_ready_and_runs_alone(
    kafka: HostKafka, kubectl: Kubectl, wait_condition: Any
) -> None:
    before = kubectl.get("ingestplan", "sample")["status"].get("lastRun")
    kafka.broker.kill()
    check_again(kubectl)
    kubectl.run("annotate", "ingestplan", "sample", "backbone.emp.dev/run-now=without-kafka", "--overwrite")
    seen = wait_condition(MARKET, "StreamHealthy", "False", "ConnectionRefused", deadline=240)
    assert conditions(seen)["Ready"] == ("True", "Available")
    assert conditions(seen)["TopicsProvisioned"][0] == "Unknown"
    assert "Rows are stored and read meanwhile" in message(seen, "StreamHealthy")
    until(
        lambda: kubectl.get("ingestplan", "sample")["status"].get("lastRun"),
        lambda run: run != before and run["outcome"] == "Succeeded",
        180,
        "a run without Kafka",
    )
    kafka.broker.start()
    check_again(kubectl)
    seen = wait_condition(MARKET, "StreamHealthy", "True", "StreamHealthy", deadline=240)
    assert seen["status"]["topics"]["counts"] == {"Ready": len(OURS)}
