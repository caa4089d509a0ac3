"""The Job that looks at lag, and the command for a person, on a real broker: reports, memory, document."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from backbone.adapters.kafka.lag_memory import DOCUMENT, MEMORY
from backbone.databackbone.kafka_spec import lag_request_of
from backbone.manifest.objects import read_manifest
from backbone.reports.envelope import EXIT_OK, EXIT_RUN_FAILED
from backbone.reports.lag import LAG_SAMPLED, LagReport
from backbone.runtime import lag
from backbone.runtime.forms import TopicsForm
from backbone.runtime.sampling import Pace
from lag_scene import Scene
from mounted import hold
from services.process import free_port
from worker import Emp

SECRET = "stream"
PACE = Pace(apart=0.05)
PLANTED = 100.0
"""Seconds; lag's age is within two of it."""


@dataclass
class LagJob:
    """One backbone in the folder where the test stands."""

    folder: Path

    def write(self, *groups: dict[str, Any]) -> None:
        document = {
            "apiVersion": "backbone.emp.dev/v1alpha1",
            "kind": "DataBackbone",
            "metadata": {"name": "market"},
            "spec": {"kafka": {"connection": {"secretName": SECRET}, "consumerGroups": list(groups)}},
        }
        (self.folder / "backbone.yaml").write_text(yaml.safe_dump(document))

    def connect(self, place: str) -> None:
        hold(self.folder / "secrets" / SECRET, bootstrapServers=place)

    @property
    def files(self) -> list[Path]:
        return [self.folder / "backbone.yaml"]

    @property
    def volume(self) -> Path:
        return self.folder / "backbone-data/market"

    def run(self, code: int = EXIT_OK) -> LagReport:
        """One Job, whose samples are closer together; what it reported."""
        with pytest.raises(typer.Exit) as ended:
            lag.sample_lag(self.files, None, PACE)
        assert ended.value.exit_code == code
        text = (self.folder / "report").read_bytes()
        assert len(text) <= 4096
        return LagReport.decode(text.decode())

    def look(self, form: TopicsForm = TopicsForm.JSON, *, watch: bool = False) -> None:
        lag.show_lag(self.files, None, form, watch=watch, pace=PACE)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kafka_bootstrap: str) -> LagJob:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMP_TERMINATION_LOG", str(tmp_path / "report"))
    found = LagJob(tmp_path)
    found.connect(kafka_bootstrap)
    return found


@pytest.fixture
def scene(kafka_bootstrap: str) -> Iterator[Scene]:
    with Scene.at(kafka_bootstrap) as found:
        yield found


def group_of(scene: Scene, **others: Any) -> dict[str, Any]:
    return {"name": scene.group, "topics": [scene.topic], **others}


def test_a_look_is_reported_remembered_and_kept_whole(job: LagJob, scene: Scene) -> None:
    scene.make(2)
    scene.produce(20)
    scene.commit(20)
    job.write(group_of(scene), {"name": "never-was", "topics": [scene.topic]})
    first = job.run()
    assert (first.outcome, first.counts, first.records) == (LAG_SAMPLED, {"Unknown": 2}, 0)
    (backbone,) = read_manifest(job.files).backbones
    assert backbone.spec.kafka is not None
    assert first.request == lag_request_of(backbone.spec.kafka)
    second = job.run()
    assert second.counts == {"Unknown": 1, "OK": 1}
    assert [(item.group, item.word, item.reason) for item in second.groups] == [
        ("never-was", "Unknown", "GroupNotFound"),
        (scene.group, "OK", None),
    ]
    assert "correct the name" in second.groups[0].message
    scene.commit(5)
    third = job.run()
    assert [(item.word, item.records) for item in third.groups] == [("Rewind", 15), ("Unknown", None)]
    assert (third.groups[0].worst_topic, third.groups[0].worst_partition) == (scene.topic, 0)
    document = json.loads((job.volume / DOCUMENT).read_text())
    assert document["type"] == "telemetry.kafka.lag"
    assert document["totals"]["partitions"] == 4
    (one, _) = document["groups"][0]["partitions"]
    assert (one["committed"], one["end"], one["lag"], one["leaderEpoch"]) == (5, 20, 15, 0)


def test_the_age_of_lag_is_that_of_the_first_unread_record(
    job: LagJob, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.make(1, retention_ms=str(3_600_000))
    planted = time.time() - PLANTED
    for number in range(10):
        scene.producer.produce(scene.topic, b"x", partition=0, timestamp=int((planted + 7 * number) * 1000))
    scene.producer.flush(60)
    scene.commit(3)
    job.write(group_of(scene))
    job.look()
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert abs(group["seconds"] - (time.time() - planted - 21)) < 2
    assert (group["window"], group["records"]) == ("Stopped", 7)
    assert 0.9 < group["hoursUntilExpiry"] < 1.0
    assert "start the consumer" in group["message"]
    assert "retention takes the first unread record in 1.0 h" in group["message"]
    assert not (job.volume / MEMORY).exists()


def test_a_compacted_topic_is_as_old_as_the_next_record_that_it_has(
    job: LagJob, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    """And behind a marker of a transaction, which no consumer reads, nothing is unread."""
    scene.make()
    planted = time.time() - PLANTED
    scene.producer.produce(scene.topic, b"x", partition=0, timestamp=int((planted - 500) * 1000))
    scene.producer.produce(scene.topic, b"x", partition=0, timestamp=int(planted * 1000))
    scene.producer.flush(60)
    scene.delete_records(1)
    scene.commit(0)
    job.write(group_of(scene))
    job.look()
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert abs(group["seconds"] - (time.time() - planted)) < 2
    assert (group["records"], group["expired"], group["reason"]) == (1, 1, "RecordsExpired")


def test_a_table_for_a_person_goes_on_while_it_is_watched(
    job: LagJob, scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.make()
    scene.produce(3)
    scene.commit(3)
    job.write(group_of(scene))
    monkeypatch.setattr(lag, "count", lambda: range(2))
    job.look(TopicsForm.TABLE, watch=True)
    told = capsys.readouterr()
    assert told.out.count("One look at the lag of 1 consumer groups") == 2
    assert told.out.count(scene.group) == 2
    assert "sample 10 of 10" in told.err


def test_a_kafka_that_is_away_is_reported_and_leaves_what_is_known(job: LagJob, scene: Scene) -> None:
    scene.make()
    scene.produce(3)
    scene.commit(3)
    job.write(group_of(scene))
    job.run()
    before = (job.volume / MEMORY).read_text()
    job.connect(f"127.0.0.1:{free_port()}")
    away = job.run(EXIT_RUN_FAILED)
    assert (away.outcome, away.counts, away.records) == ("ConnectionRefused", {}, None)
    assert (job.volume / MEMORY).read_text() == before


def test_a_memory_that_does_not_read_is_none(
    job: LagJob, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.make()
    job.write(group_of(scene))
    job.run()
    (job.volume / MEMORY).write_text('{"version": 1')
    assert job.run().outcome == LAG_SAMPLED
    assert "does not read" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["lag", "sample-lag"])
def test_of_the_commands(job: LagJob, emp: Emp, command: str) -> None:
    job.write()
    done = emp(command, "-f", "backbone.yaml")
    assert (done.returncode, "consumerGroups is empty" in done.stderr) == (2, True)
