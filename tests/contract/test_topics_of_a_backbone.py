"""From a backbone's spec to its conditions: the operator's Job is run as it is written, on a real broker.

What the operator makes are values: they go to a worker's process, whose report the next visit reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support import readings, topics
from support.evaluations import applied, conditions, fields, message
from support.readings import MINUTE, NOW
from support.topics import SEEN, checks, seen_with

from backbone.adapters.kafka.settings import from_keys
from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.evaluate import evaluate
from backbone.evaluation import Evaluation
from backbone.jobs.pods import PLAN_DIRECTORY, SECRETS_DIRECTORY
from backbone.parts.kafka.topics import OURS
from backbone.ports.readings import JobReading
from backbone.vocabulary import LABEL_CAUSE
from kafka_topics_place import OwnTopics, own_topics
from mounted import hold
from worker import Emp

SECRET, ADMIN = "stream", "stream-admin"
GOES_AWAY = "127.0.0.1:9"
"""Where nobody listens."""


@pytest.fixture
def own(kafka_bootstrap: str) -> Iterator[OwnTopics]:
    with own_topics(from_keys(SECRET, {"bootstrapServers": kafka_bootstrap})) as place:
        yield place


@dataclass
class Backbone:
    """A backbone between visits; each Job that a visit starts is run to its end in a folder of its own."""

    folder: Path
    emp: Emp
    spec: DataBackboneSpec
    at: datetime = NOW
    confirm: str | None = None
    status: dict[str, Any] = field(default_factory=dict)
    last: tuple[JobReading, ...] = ()

    def visit(self) -> Evaluation:
        notes = {} if self.confirm is None else {"confirm": self.confirm}
        seen = seen_with(*self.last)
        result = evaluate(topics.backbone(self.status, self.spec, **notes), seen, (), self.at)
        self.status = fields(result)
        return result

    def settled(self) -> Evaluation:
        """The visit after the Job that the next visit starts has ended, a minute later."""
        result = self.visit()
        (made,) = checks(result)
        self.run(made, result)
        self.at += MINUTE
        return self.visit()

    def run(self, made: dict[str, Any], result: Evaluation) -> None:
        pod = made["spec"]["template"]["spec"]
        binding = applied(result, "ConfigMap")
        assert binding is not None
        plan = self.folder / "plan"
        plan.mkdir(exist_ok=True)
        (items,) = (item["configMap"]["items"] for item in pod["volumes"] if "configMap" in item)
        for item in items:
            (plan / item["path"]).write_text(binding["data"][item["key"]])
        seen_by_pod = {item["secret"]["secretName"] for item in pod["volumes"] if "secret" in item}
        assert seen_by_pod == {ADMIN}, "the connection's own Secret is not there"
        given = [str(plan) if item == PLAN_DIRECTORY else item for item in pod["containers"][0]["args"]]
        variables = {item["name"]: item.get("value", "") for item in pod["containers"][0]["env"]}
        assert variables["EMP_SECRETS_DIR"] == SECRETS_DIRECTORY
        report = self.folder / "termination-log"
        self.emp(
            *given,
            EMP_SECRETS_DIR=str(self.folder / "secrets"),
            EMP_DATA_DIR=str(self.folder / "data"),
            EMP_TERMINATION_LOG=str(report),
        )
        ended = readings.pod(report.read_text())
        metadata = made["metadata"]
        finished = self.at + MINUTE
        self.last = (
            readings.job(metadata["name"], ended, finished=finished, cause=metadata["labels"][LABEL_CAUSE]),
        )


@pytest.fixture
def backbone(tmp_path: Path, emp: Emp, own: OwnTopics, kafka_bootstrap: str) -> Backbone:
    hold(tmp_path / "secrets" / ADMIN, bootstrapServers=kafka_bootstrap)
    (tmp_path / "data").mkdir()
    return Backbone(tmp_path, emp, section(own))


def section(own: OwnTopics, **more: Any) -> DataBackboneSpec:
    kafka = {"connection": {"secretName": SECRET}, "admin": {"connection": {"secretName": ADMIN}}}
    return DataBackboneSpec.model_validate({"kafka": {**kafka, "topicPrefix": own.prefix, **more}})


def keyed(own: OwnTopics, partitions: int) -> DataBackboneSpec:
    entry = {"name": "ingest.dailyBars", "partitions": partitions, "management": "Reconcile"}
    return section(own, topics=[entry])


def test_topics_are_planned_made_and_ready(backbone: Backbone) -> None:
    first = evaluate(topics.backbone({}, backbone.spec), SEEN, (), NOW)
    assert fields(first)["topics"]["counts"] == {"Planned": len(OURS)}
    ready = backbone.settled()
    assert fields(ready)["topics"]["counts"] == {"Ready": len(OURS)}
    assert conditions(ready)["TopicsProvisioned"] == ("True", "TopicsProvisioned")
    assert conditions(ready)["StreamHealthy"] == ("True", "StreamHealthy")
    assert checks(ready) == []


def test_keys_move_only_with_the_token_that_the_condition_names(backbone: Backbone, own: OwnTopics) -> None:
    backbone.settled()
    backbone.spec = keyed(own, 8)
    waits = backbone.settled()
    assert conditions(waits)["TopicsProvisioned"] == ("False", "FewerPartitions")
    (waiting,) = fields(waits)["topics"]["unconfirmed"]
    assert (waiting["name"], waiting["partitions"]) == (f"{own.prefix}ingest.dailyBars", 8)
    assert f"backbone.emp.dev/confirm={waiting['token']}" in message(waits, "TopicsProvisioned")

    backbone.confirm = waiting["token"]
    grown = backbone.settled()
    assert conditions(grown)["TopicsProvisioned"] == ("True", "TopicsProvisioned")
    assert fields(grown)["topics"]["confirmed"] == waiting["token"]
    assert checks(grown) == []


def test_a_kafka_that_is_lost_is_named_and_found_again(
    backbone: Backbone, tmp_path: Path, kafka_bootstrap: str
) -> None:
    backbone.settled()
    hold(tmp_path / "secrets" / ADMIN, bootstrapServers=GOES_AWAY)
    backbone.at += 15 * MINUTE
    lost = backbone.settled()
    assert conditions(lost)["StreamHealthy"] == ("False", "ConnectionRefused")
    assert conditions(lost)["TopicsProvisioned"] == ("Unknown", "ConnectionRefused")
    assert conditions(lost)["Ready"] == ("True", "Available")
    hold(tmp_path / "secrets" / ADMIN, bootstrapServers=kafka_bootstrap)
    backbone.at += MINUTE
    assert conditions(backbone.settled())["StreamHealthy"] == ("True", "StreamHealthy")
