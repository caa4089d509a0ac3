"""Three brokers that ask for a login and for rights: what is wrong is named, the least rights are enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation

from backbone.adapters.kafka.connection import KafkaConnection
from backbone.adapters.kafka.settings import KafkaSettings, from_folder
from backbone.ports.stream import KafkaFault
from backbone.ports.topics import Management, PlannedTopic, TopicWord
from kafka_place import PATIENCE, SECONDS, KafkaPlace, found
from kafka_topics_place import OwnTopics, own_topics
from services.process import free_port

WORD = "correct-horse"
RECONCILE = Management.RECONCILE

Change = Callable[[KafkaSettings], KafkaSettings]


@pytest.mark.parametrize(
    ("change", "fault", "says"),
    [
        pytest.param(
            lambda s: replace(s, password=f"{WORD}!"),
            KafkaFault.AUTHENTICATION_FAILED,
            "invalid credentials",
            id="a wrong password",
        ),
        pytest.param(
            lambda s: replace(s, username="nobody"),
            KafkaFault.AUTHENTICATION_FAILED,
            "invalid credentials",
            id="a user that is not there",
        ),
        pytest.param(
            lambda s: replace(s, mechanism="PLAIN"),
            KafkaFault.AUTHENTICATION_FAILED,
            "broker's supported mechanisms: SCRAM-SHA-512",
            id="a mechanism that is not offered",
        ),
        pytest.param(
            lambda s: replace(s, authority=None),
            KafkaFault.TLS_FAILED,
            "put the authority that signed the broker's certificate into ca.crt",
            id="an authority that nobody knows",
        ),
        pytest.param(
            lambda s: replace(s, servers=(s.servers[0].replace("127.0.0.1", "localhost"),)),
            KafkaFault.TLS_FAILED,
            "name the host as the certificate does",
            id="a host that the certificate does not name",
        ),
    ],
)
def test_of_brokers_that_ask_for_a_login_over_tls(
    kafka_place: KafkaPlace, change: Change, fault: KafkaFault, says: str
) -> None:
    started = time.monotonic()
    named, message = found(change(kafka_place.settings()))
    assert named is fault
    assert says in message
    assert time.monotonic() - started < SECONDS, "what lasts is told before the deadline"


@pytest.mark.parametrize(
    ("protocol", "fault", "says"),
    [
        pytest.param("PLAINTEXT", KafkaFault.TLS_FAILED, "correct securityProtocol", id="neither"),
        pytest.param("SASL_PLAINTEXT", KafkaFault.TLS_FAILED, "correct securityProtocol", id="a login alone"),
        pytest.param("SSL", KafkaFault.AUTHENTICATION_FAILED, "securityProtocol SASL_SSL", id="TLS alone"),
    ],
)
def test_of_the_wrong_protocol(kafka_place: KafkaPlace, protocol: str, fault: KafkaFault, says: str) -> None:
    right = kafka_place.settings()
    login = (
        right if protocol.startswith("SASL") else replace(right, mechanism=None, username=None, password=None)
    )
    authority = right.authority if protocol.endswith("SSL") else None
    named, message = found(replace(login, protocol=protocol, authority=authority), 5.0)
    assert named is fault
    assert says in message


def test_a_mounted_secret_leads_in_and_a_changed_one_gets_a_new_client(
    kafka_place: KafkaPlace, tmp_path: Path
) -> None:
    def write(keys: dict[str, str]) -> None:
        for key, value in keys.items():
            (tmp_path / key).write_text(f"{value}\n")

    user = f"rotating-{free_port()}"
    kafka_place.add_user(user, WORD)
    write(kafka_place.keys(user, WORD))
    connection = KafkaConnection(lambda: from_folder("stream", tmp_path))
    try:
        assert connection.check(SECONDS) is None
        kafka_place.add_user(user, f"{WORD}-2")
        write({"password": f"{WORD}-2"})
        assert connection.check(SECONDS) is None
        assert connection.settings.password == f"{WORD}-2"
        write({"securityProtocol": "half writ"})
        assert connection.check(SECONDS) is None, "the client goes on by what it had"
        assert connection.trouble is not None
        assert connection.trouble.fault is KafkaFault.INVALID_SETTINGS
        write({"securityProtocol": "SASL_SSL", "password": WORD})
        trouble = connection.check(SECONDS)
        assert trouble is not None
        assert trouble.fault is KafkaFault.AUTHENTICATION_FAILED
        assert connection.trouble is None
    finally:
        connection.close()


def test_a_user_who_is_taken_away_is_refused_and_who_comes_back_is_let_in(kafka_place: KafkaPlace) -> None:
    user = f"leaving-{free_port()}"
    kafka_place.add_user(user, WORD)
    settings = kafka_place.settings(user, WORD)
    assert found(settings) == (None, "")
    kafka_place.remove_user(user, WORD)
    assert found(settings)[0] is KafkaFault.AUTHENTICATION_FAILED
    kafka_place.add_user(user, WORD)
    assert found(settings) == (None, "")


def test_a_client_that_is_in_is_refused_when_its_user_is_taken_away(kafka_place: KafkaPlace) -> None:
    user = f"staying-{free_port()}"
    kafka_place.add_user(user, WORD)
    settings = kafka_place.settings(user, WORD)
    connection = KafkaConnection(lambda: settings)
    try:
        assert connection.check(SECONDS) is None
        kafka_place.remove_user(user, WORD)
        # Brokers ask for the login again after five seconds.
        until = time.monotonic() + 60
        while (trouble := connection.check(3.0)) is None:
            assert time.monotonic() < until
            time.sleep(0.5)
        assert trouble.fault is KafkaFault.AUTHENTICATION_FAILED
        assert WORD not in trouble.message
        kafka_place.add_user(user, WORD)
        while connection.check(SECONDS) is not None:
            assert time.monotonic() < until
    finally:
        connection.close()


ALL = (
    AclOperation.DESCRIBE,
    AclOperation.CREATE,
    AclOperation.DESCRIBE_CONFIGS,
    AclOperation.ALTER,
    AclOperation.ALTER_CONFIGS,
)
"""The least rights of the topics Job; the last two only where a topic is to be reconciled."""


def test_each_right_that_is_missing_is_named_with_what_to_add_and_the_least_are_enough(
    kafka_place: KafkaPlace,
) -> None:
    kafka_place.add_user("topics", "w")
    with own_topics(kafka_place.settings(), kafka_place.settings("topics", "w")) as own:
        topic = own.plan(replicas=3, config={"retention.ms": "1000"}, management=RECONCILE)
        drifted = own.plan("old", 4, config={"retention.ms": "1000"}, management=RECONCILE)
        own.make(drifted.name, 2, 3)
        for operation, asked, named in (
            (None, topic, "lacks Describe on"),
            (AclOperation.DESCRIBE, topic, "lacks Create on"),
            (AclOperation.CREATE, topic, "lacks DescribeConfigs on"),
            (AclOperation.DESCRIBE_CONFIGS, drifted, "lacks Alter"),
            (AclOperation.ALTER, drifted, "lacks AlterConfigs on"),
        ):
            if operation is not None:
                kafka_place.allow("topics", [operation], own.prefix, prefix=True)
            verdict = eventually(own, asked, TopicWord.NOT_AUTHORIZED, named)
            assert (
                f"kafka-acls.sh --add --allow-principal User:topics --operation {named.split()[1]}" in verdict
            )
        kafka_place.allow("topics", [AclOperation.ALTER_CONFIGS], own.prefix, prefix=True)
        eventually(own, drifted, TopicWord.READY, "")
        eventually(own, topic, TopicWord.READY, "")
        kafka_place.forbid("topics", AclOperation.DESCRIBE, own.prefix, prefix=True)
        for operation in (AclOperation.CREATE, AclOperation.ALTER):
            kafka_place.forbid("topics", operation, own.prefix, prefix=True)
        eventually(own, topic, TopicWord.NOT_AUTHORIZED, "")
        kafka_place.allow("topics", ALL, own.prefix, prefix=True)
        eventually(own, topic, TopicWord.READY, "")


def eventually(own: OwnTopics, topic: PlannedTopic, word: TopicWord, says: str) -> str:
    """Provision until the word is there, since rights reach the brokers one by one. Its message."""
    until = time.monotonic() + 30
    while True:
        verdict = own.provision(topic)[topic.name]
        if verdict.word is word and says in verdict.message:
            return verdict.message
        assert time.monotonic() < until, verdict
        time.sleep(0.2)


def test_with_each_broker_away_in_turn_the_controller_among_them_topics_are_made(
    kafka_place: KafkaPlace,
) -> None:
    with own_topics(kafka_place.settings()) as own:
        for away in kafka_place.cluster.brokers:
            away.kill()
            try:
                assert found(kafka_place.settings(), PATIENCE) == (None, "")
                assert own.word(own.plan(f"two-{away.node}", replicas=2)) is TopicWord.READY
            finally:
                away.start()
        assert own.word(own.plan("three", replicas=3)) is TopicWord.READY
