"""What the Job of topics says of its Secret: the first thing wrong, by name, and no secret anywhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backbone.adapters.kafka.settings import BOOTSTRAP, MECHANISM, PASSWORD, PROTOCOL, USERNAME
from backbone.parts.kafka.topics import OURS
from backbone.reports.topics import TOPICS_CHECKED
from kafka_place import PATIENCE, KafkaPlace
from kafka_topics_place import own_topics
from services.process import free_port
from test_kafka_three import ALL, WORD
from topics_job import TopicsJob
from worker import Emp

Keys = dict[str, str]


def without(*names: str) -> Callable[[Keys], Keys]:
    return lambda keys: {key: value for key, value in keys.items() if key not in names}


def having(**changes: str) -> Callable[[Keys], Keys]:
    return lambda keys: {**keys, **changes}


WRONG: dict[str, tuple[Callable[[Keys], Keys], str, str]] = {
    "no key at all": (lambda _: {}, "SecretMissing", "stream"),
    "no servers": (without(BOOTSTRAP), "InvalidSettings", "there is no bootstrapServers"),
    "a URI": (having(bootstrapServers="kafka://one:9092"), "InvalidSettings", "bootstrapServers is a URI"),
    "no port": (having(bootstrapServers="127.0.0.1"), "InvalidSettings", "write host:port"),
    "no protocol of Kafka's": (having(securityProtocol="TLS"), "InvalidSettings", "none of PLAINTEXT"),
    "no mechanism": (without(MECHANISM), "InvalidSettings", "write one of PLAIN"),
    "no password": (without(PASSWORD), "InvalidSettings", "there is no password; add it"),
    "no certificate": (having(**{"ca.crt": "none"}), "InvalidSettings", "ca.crt holds no certificate"),
    "half a certificate": (having(**{"tls.crt": "half"}), "InvalidSettings", "tls.crt and no tls.key"),
    "a name without an address": (
        having(bootstrapServers="kafka.nowhere.invalid:9092"),
        "NameNotResolved",
        "correct bootstrapServers",
    ),
    "no authority": (without("ca.crt"), "TLSFailed", "into ca.crt"),
    "no TLS": (
        lambda keys: {**without("ca.crt", MECHANISM, USERNAME, PASSWORD)(keys), PROTOCOL: "PLAINTEXT"},
        "TLSFailed",
        "correct securityProtocol",
    ),
    "another password": (having(password=f"{WORD}!"), "AuthenticationFailed", "correct username, password"),
    "another mechanism": (having(saslMechanism="PLAIN"), "AuthenticationFailed", "SCRAM-SHA-512"),
}


@pytest.fixture
def job(tmp_path: Path) -> TopicsJob:
    return TopicsJob(tmp_path, {})


def provisioned(emp: Emp, job: TopicsJob, *secrets: str) -> tuple[int, str]:
    """The code and outcome of a Job, which tells none of these words."""
    job.log.unlink(missing_ok=True)
    done = emp("provision-topics", "-f", "backbone.yaml", EMP_TERMINATION_LOG=str(job.log))
    for text in (done.stdout, done.stderr, job.log.read_text()):
        assert not [word for word in secrets if word in text]
    return done.returncode, job.report().outcome


def test_of_each_wrong_secret_the_first_thing_wrong_is_reported_by_name(
    kafka_place: KafkaPlace, job: TopicsJob, emp: Emp
) -> None:
    job.write()
    right = kafka_place.keys(password=WORD)
    for name, (change, fault, says) in WRONG.items():
        job.connect(**change(right))
        assert provisioned(emp, job, WORD) == (3, fault), name
        assert says in job.report().message, name
        assert not job.report().counts, f"{name}: what was not looked at is not counted"


def test_a_user_that_goes_and_comes_back_with_another_password_in_a_rotated_secret(
    kafka_place: KafkaPlace, job: TopicsJob, emp: Emp
) -> None:
    user, other = f"moving-{free_port()}", f"{WORD}-2"
    kafka_place.add_user(user, WORD)
    with own_topics(kafka_place.settings()) as own:
        kafka_place.allow(user, ALL, own.prefix, prefix=True)
        job.write(topicPrefix=own.prefix)
        job.connect(**kafka_place.keys(user, WORD))
        reached(emp, job, TOPICS_CHECKED, {"Ready": len(OURS)})
        assert (job.report().brokers, job.report().broker_creates_topics) == (3, None)
        kafka_place.remove_user(user, WORD)
        reached(emp, job, "AuthenticationFailed", {})
        kafka_place.add_user(user, other)
        reached(emp, job, "AuthenticationFailed", {})
        job.connect(**kafka_place.keys(user, other))
        reached(emp, job, TOPICS_CHECKED, {"Ready": len(OURS)})
        assert own.names() == sorted(f"{own.prefix}{name}" for name in OURS)


def reached(emp: Emp, job: TopicsJob, outcome: str, counts: dict[str, int]) -> None:
    """Provision until that is reported, since users and rights reach the brokers one by one."""
    until = time.monotonic() + PATIENCE
    while True:
        code, found = provisioned(emp, job, WORD)
        assert code == (0 if found == TOPICS_CHECKED else 3)
        if (found, job.report().counts) == (outcome, counts):
            return
        assert time.monotonic() < until, job.report()
        time.sleep(0.2)
