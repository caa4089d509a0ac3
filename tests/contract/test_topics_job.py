"""The Job of a backbone's topics on a real broker: what it does, reports and remembers, and who kills it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from backbone.adapters.kafka.connection import KafkaConnection
from backbone.adapters.kafka.settings import from_keys
from backbone.adapters.kafka.topics import KafkaTopics
from backbone.parts.kafka.topics import OURS
from backbone.ports.stream import KafkaFault, KafkaUnavailable
from backbone.ports.topics import PlannedTopic, Refusal, TopicWord
from backbone.reports.envelope import EXIT_OK, EXIT_RUN_FAILED
from backbone.reports.topics import TOPICS_CHECKED
from backbone.runtime.provisioning import TopicsRequest, provisioned
from backbone.runtime.topics import provision
from kafka_place import SECONDS
from kafka_topics_place import OwnTopics, own_topics
from services.kafka_server import KafkaServer
from topics_job import SECRET, TopicsJob
from worker import SAMPLES, Emp

DEADLINE = 240.0
"""Of a Job on a machine that does much else; nothing waits for it to pass."""
RECONCILE = "Reconcile"


@pytest.fixture
def own(kafka_bootstrap: str) -> Iterator[OwnTopics]:
    with own_topics(from_keys(SECRET, {"bootstrapServers": kafka_bootstrap})) as place:
        yield place


@pytest.fixture
def job(tmp_path: Path, environment: dict[str, str], kafka_bootstrap: str) -> TopicsJob:
    found = TopicsJob(tmp_path, environment)
    found.connect(bootstrapServers=kafka_bootstrap)
    return found


@pytest.fixture
def topics(emp: Emp) -> Callable[..., Any]:
    """Runs a command about topics in the folder of the job; its code, stdout and stderr."""

    def run(name: str, *arguments: str, **variables: str) -> tuple[int, str, str]:
        done = emp(name, "-f", "backbone.yaml", *arguments, EMP_TERMINATION_LOG="report", **variables)
        return done.returncode, done.stdout, done.stderr

    return run


def until(met: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + DEADLINE
    while not met():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_the_job_makes_what_is_planned_reports_it_and_changes_nothing_the_second_time(
    job: TopicsJob, own: OwnTopics, topics: Callable[..., Any]
) -> None:
    job.write(topicPrefix=own.prefix, topics=[{"name": "quotes", "partitions": 2}])
    code, shown, _ = topics("topics")
    assert code == 0
    assert "7 topics: 7 Planned" in shown
    assert own.names() == []
    code, shown, _ = topics("topics", "--plan")
    assert (code, shown.count("create with 6 partitions")) == (0, len(OURS))
    assert "create with 2 partitions, the brokers' replicas, message.timestamp.type=LogAppendTime" in shown
    assert own.names() == []

    code, shown, _ = topics("provision-topics")
    assert (code, shown) == (0, "7 topics: 7 Ready\n")
    assert own.names() == sorted(f"{own.prefix}{name}" for name in (*OURS, "quotes"))
    found = job.report()
    assert (found.outcome, found.counts, found.worst) == (TOPICS_CHECKED, {"Ready": 7}, ())
    assert (found.brokers, found.broker_creates_topics) == (1, False)
    known = json.loads(job.known.read_text())["topics"]
    assert sorted(known) == own.names()

    before = [own.description(name) for name in own.names()]
    written = job.known.stat().st_mtime_ns
    assert topics("provision-topics")[:2] == (0, "7 topics: 7 Ready\n")
    assert topics("topics", "--plan")[:2] == (0, "nothing to do\n")
    assert [own.description(name) for name in own.names()] == before
    assert job.known.stat().st_mtime_ns == written


def test_a_topic_that_was_created_again_is_told_once_also_with_a_file_that_did_not_read_before(
    job: TopicsJob, own: OwnTopics, topics: Callable[..., Any]
) -> None:
    job.write(topicPrefix=own.prefix)
    name = f"{own.prefix}dead-letters"
    assert topics("provision-topics")[0] == 0
    own.delete(name)
    own.make(name, 6)
    assert topics("provision-topics")[:2] == (0, "6 topics: 1 Replaced, 5 Ready\n")
    assert [(item.name, item.word) for item in job.report().worst] == [(name, "Replaced")]
    assert topics("provision-topics")[1] == "6 topics: 6 Ready\n"
    job.known.write_bytes(job.known.read_bytes()[:-20])
    code, shown, told = topics("provision-topics")
    assert (code, shown) == (0, "6 topics: 6 Ready\n")
    assert "looks/kafka.json does not read" in told
    kept = json.loads(job.known.read_text())
    assert sorted(kept["topics"]) == own.names()
    job.known.write_text(
        json.dumps({**kept, "cluster": "another", "topics": dict.fromkeys(own.names(), "x")})
    )
    assert topics("provision-topics")[1] == "6 topics: 6 Ready\n", "what another Kafka had says nothing of it"
    assert json.loads(job.known.read_text()) == kept


def test_a_job_that_dies_before_it_remembers_has_told_of_a_topic_that_was_created_again(
    job: TopicsJob, own: OwnTopics, topics: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    job.write(topicPrefix=own.prefix)
    assert topics("provision-topics")[0] == 0
    own.delete(f"{own.prefix}dead-letters")
    job.log.unlink()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.chdir(job.folder)
        dying.setenv("EMP_TERMINATION_LOG", str(job.log))
        dying.setattr("backbone.runtime.topics.remember_identities", killed)
        with pytest.raises(KeyboardInterrupt):
            provision([job.folder / "backbone.yaml"], None, None)
    assert job.report().counts == {"Replaced": 1, "Ready": 5}
    assert topics("provision-topics")[1] == "6 topics: 1 Replaced, 5 Ready\n"
    assert topics("provision-topics")[1] == "6 topics: 6 Ready\n"


def test_keyed_topics_grow_with_the_token_that_is_told(
    job: TopicsJob, own: OwnTopics, topics: Callable[..., Any]
) -> None:
    name = f"{own.prefix}ingest.dailyBars"
    entry = {"name": "ingest.dailyBars", "management": RECONCILE, "partitions": 4}
    job.write(topicPrefix=own.prefix, topics=[entry])
    own.make(name, 2)
    assert topics("provision-topics")[1] == "6 topics: 1 FewerPartitions, 5 Ready\n"
    (waiting,) = job.report().unconfirmed
    assert (waiting.name, waiting.partitions) == (name, 4)
    _, shown, told = topics("topics", "--plan")
    assert shown == "nothing to do\n"
    assert f"--confirm {waiting.token}" in told
    asked = ("--confirm", waiting.token)
    assert "add partitions up to 4" in topics("topics", "--plan", *asked)[1]
    assert topics("provision-topics", *asked)[1] == "6 topics: 6 Ready\n"
    assert job.report().unconfirmed == ()
    assert job.report().confirmed == waiting.token
    own.until_seen(name, 4)


def test_variables_go_before_the_spec_and_json_has_every_topic(
    job: TopicsJob, own: OwnTopics, topics: Callable[..., Any]
) -> None:
    job.write(topicPrefix=own.prefix)
    first, second = "KAFKA_INGEST_AUTO_CREATE_TOPICS", "KAFKA_AUTO_CREATE_TOPICS"
    assert topics("provision-topics", **{second: "Off"})[1] == "6 topics: 6 Missing\n"
    code, shown, _ = topics("topics", "-o", "json", **{second: "1", first: "NO"})
    found = json.loads(shown)
    assert (code, found["counts"]) == (0, {"Missing": 6})
    assert [item["name"] for item in found["topics"]] == [f"{own.prefix}{name}" for name in OURS]
    assert "kafka.autoCreateTopics is false" in found["topics"][0]["message"]
    code, _, told = topics("provision-topics", **{first: "maybe"})
    assert (code, own.names()) == (2, [])
    assert "error: KAFKA_INGEST_AUTO_CREATE_TOPICS is 'maybe'; write one of 1, true" in told
    code, shown, _ = topics("topics", "--plan", "-o", "json", **{first: "on"})
    assert len(json.loads(shown)["steps"]) == 6


def test_where_kafka_is_away_the_fault_is_the_outcome(job: TopicsJob, topics: Callable[..., Any]) -> None:
    (job.folder / "backbone.yaml").write_text((SAMPLES / "backbone.yaml").read_text())
    code, _, told = topics("topics")
    assert (code, "backbone.yaml: DataBackbone market: spec.kafka is missing; add kafka.c" in told) == (
        2,
        True,
    )
    job.write()
    job.connect(bootstrapServers="kafka.nowhere.invalid:9092")
    code, _, told = topics("provision-topics")
    assert (code, job.report().outcome) == (3, "NameNotResolved")
    assert told.splitlines()[-1].startswith("error: NameNotResolved: Kafka at kafka.nowhere.invalid:9092")
    assert not job.known.exists()
    assert topics("topics")[0] == 1


def killed_half_way(job: TopicsJob, own: OwnTopics) -> bool:
    """Whether the kill came while topics were made; if not, there are none again."""
    with job.running() as first:
        until(lambda: len(own.names()) >= 100, "topics are made")
        os.kill(first.pid, signal.SIGKILL)
        first.wait(DEADLINE)
    made = own.names()
    if 100 <= len(made) < 1006 and not job.log.exists():
        return True
    own.delete(*made)
    job.log.unlink(missing_ok=True)
    return False


def ended(job: TopicsJob) -> dict[str, int]:
    """The words that a Job reports; none where a slow broker did not answer it in time."""
    with job.running() as process:
        told, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode in {EXIT_OK, EXIT_RUN_FAILED}, told
    return job.report().counts


def test_a_job_that_is_killed_half_way_through_a_thousand_topics_is_ended_by_the_next(
    job: TopicsJob, own: OwnTopics
) -> None:
    entries = [{"name": f"n{number:04}", "partitions": 1} for number in range(1000)]
    job.write(topicPrefix=own.prefix, topics=entries)
    assert any(killed_half_way(job, own) for _ in range(3)), "each was killed too late to show anything"
    until(lambda: ended(job) == {"Ready": 1006}, "the next one ends it, or leaves the rest of a slow broker")
    assert len(own.names()) == 1006
    assert len(json.loads(job.known.read_text())["topics"]) == 1006


def test_the_jobs_of_two_backbones_at_once_that_name_the_same_topics_both_find_them_ready(
    tmp_path: Path, environment: dict[str, str], kafka_bootstrap: str, own: OwnTopics
) -> None:
    jobs = [TopicsJob(tmp_path / name, environment) for name in ("one", "other")]
    for item in jobs:
        item.write(topicPrefix=own.prefix, topics=[{"name": f"n{number}"} for number in range(50)])
        item.connect(bootstrapServers=kafka_bootstrap)
    with ExitStack() as both:
        for process in [both.enter_context(item.running()) for item in jobs]:
            told, _ = process.communicate(timeout=DEADLINE)
            assert process.returncode == 0, told
    assert [item.report().counts for item in jobs] == [{"Ready": 56}] * 2
    assert jobs[0].known.read_text() == jobs[1].known.read_text()


class Frozen:
    """Topics of a broker that freezes when it is asked to create, and goes on once nobody waits any more."""

    def __init__(self, topics: KafkaTopics, hasty: KafkaTopics, server: KafkaServer) -> None:
        self._topics, self._hasty, self._server = topics, hasty, server
        self.delay, self.describe = topics.delay, topics.describe
        self.configure, self.grow = topics.configure, topics.grow
        self.told: list[KafkaFault] = []

    def create(self, topics: Sequence[PlannedTopic]) -> dict[str, Refusal]:
        self._hasty.describe(topics)
        self._server.pause()
        try:
            return self._hasty.create(topics)
        except KafkaUnavailable as error:
            self.told.append(error.fault)
            raise
        finally:
            self._server.resume()


def test_a_creation_that_timed_out_and_was_done_all_the_same_is_read_back(kafka_server: KafkaServer) -> None:
    settings = from_keys(SECRET, {"bootstrapServers": kafka_server.start().uri()})
    connection = KafkaConnection(lambda: settings)
    with own_topics(settings) as own:
        frozen = Frozen(own.topics, KafkaTopics(connection, 5.0), kafka_server)
        topic = own.plan()
        found = provisioned(frozen, TopicsRequest([topic]), SECONDS)
        connection.close()
        assert found[topic.name].word is TopicWord.READY
        assert frozen.told == [KafkaFault.TIMED_OUT]


def test_a_job_whose_broker_freezes_for_a_while_ends_its_work(
    job: TopicsJob, kafka_server: KafkaServer
) -> None:
    settings = from_keys(SECRET, {"bootstrapServers": kafka_server.start().uri()})
    job.connect(bootstrapServers=kafka_server.uri())
    with own_topics(settings) as own:
        job.write(topicPrefix=own.prefix)
        kafka_server.pause()
        try:
            with job.running() as process:
                time.sleep(12)
                kafka_server.resume()
                told, _ = process.communicate(timeout=DEADLINE)
        finally:
            kafka_server.resume()
        assert process.returncode == 0, told
        assert job.report().counts == {"Ready": 6}
        assert own.names() == sorted(f"{own.prefix}{name}" for name in OURS)


def test_brokers_that_create_topics_by_themselves_are_a_warning(
    tmp_path: Path, job: TopicsJob, topics: Callable[..., Any]
) -> None:
    job.write()
    free = {"auto.create.topics.enable": "true"}
    with KafkaServer(tmp_path / "kafka-free", settings=free) as server:
        job.connect(bootstrapServers=server.uri())
        code, _, told = topics("provision-topics")
    assert (code, job.report().broker_creates_topics) == (0, True)
    assert "set auto.create.topics.enable=false" in told
