"""The first thing that is wrong with a Kafka is named, with what to do, and never with a password."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest

from backbone.adapters.kafka.connection import KafkaConnection
from backbone.adapters.kafka.settings import KafkaSettings, from_keys
from backbone.ports.stream import KafkaFault
from kafka_place import SECONDS, found
from services.kafka_server import KafkaServer
from services.process import free_port

WORD = "correct-horse"
Change = Callable[[KafkaSettings], KafkaSettings]


@pytest.fixture
def plain(kafka_bootstrap: str) -> KafkaSettings:
    return from_keys("stream", {"bootstrapServers": kafka_bootstrap})


@contextmanager
def silent() -> Iterator[int]:
    """The port of somebody who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("change", "fault", "says"),
    [
        pytest.param(
            lambda s: replace(s, servers=("kafka.nowhere.invalid:9092",)),
            KafkaFault.NAME_NOT_RESOLVED,
            "correct bootstrapServers",
            id="a name without an address",
        ),
        pytest.param(
            lambda s: replace(s, protocol="SSL"),
            KafkaFault.TLS_FAILED,
            "connecting to a PLAINTEXT broker listener?",
            id="TLS to a broker that speaks none",
        ),
        pytest.param(
            lambda s: replace(s, protocol="SASL_PLAINTEXT", mechanism="PLAIN", username="emp", password=WORD),
            KafkaFault.AUTHENTICATION_FAILED,
            "correct username, password and saslMechanism",
            id="a login where nobody asks for one",
        ),
        pytest.param(
            lambda s: replace(s, protocol="SSL", certificate="-----BEGIN CERTIFICATE-----", key="none"),
            KafkaFault.INVALID_SETTINGS,
            "Secret stream: tls.crt is not taken by the client",
            id="a certificate that the client cannot read",
        ),
    ],
)
def test_of_a_broker_that_lets_anybody_in(
    plain: KafkaSettings, change: Change, fault: KafkaFault, says: str
) -> None:
    started = time.monotonic()
    named, message = found(change(plain))
    assert named is fault
    assert says in message
    assert time.monotonic() - started < SECONDS, "what lasts is told before the deadline"


def test_what_is_right_is_right(plain: KafkaSettings) -> None:
    assert found(plain) == (None, "")
    assert found(replace(plain, servers=(f"127.0.0.1:{free_port()}", *plain.servers))) == (None, "")


def test_where_nobody_listens_the_deadline_is_kept(plain: KafkaSettings) -> None:
    started = time.monotonic()
    named, message = found(replace(plain, servers=(f"127.0.0.1:{free_port()}",)), 3.0)
    assert named is KafkaFault.CONNECTION_REFUSED
    assert "start the broker" in message
    assert 2.5 < time.monotonic() - started < 10


def test_who_takes_connections_and_says_nothing_is_too_slow(plain: KafkaSettings) -> None:
    with silent() as port:
        mute = replace(plain, servers=(f"127.0.0.1:{port}",), connect_timeout=2.0)
        assert found(mute, 4.0)[0] is KafkaFault.TIMED_OUT
        tls = replace(mute, protocol="SSL")
        assert found(tls, 4.0)[0] is KafkaFault.TIMED_OUT


def test_all_calls_together_keep_one_deadline(plain: KafkaSettings) -> None:
    with silent() as port:
        mute = replace(plain, servers=(f"127.0.0.1:{port}",))
        connection = KafkaConnection(lambda: mute, 1.0)
        started = time.monotonic()
        try:
            troubles = [connection.check() for _ in range(3)]
        finally:
            connection.close()
    assert 1.0 <= time.monotonic() - started < SECONDS / 2
    assert [trouble and trouble.fault for trouble in troubles] == [KafkaFault.TIMED_OUT] * 3
    assert "not everything was done within 1 s; the next check continues" in str(troubles[-1])


class Web(BaseRequestHandler):
    """Answers a request that it does not understand, as web servers do."""

    def handle(self) -> None:
        self.request.recv(4096)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@contextmanager
def web() -> Iterator[int]:
    """The port of a web server."""
    with ThreadingTCPServer(("127.0.0.1", 0), Web) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def test_who_speaks_another_protocol_is_no_kafka(plain: KafkaSettings) -> None:
    with web() as port:
        named, message = found(replace(plain, servers=(f"127.0.0.1:{port}",)), 4.0)
    assert named is KafkaFault.FAILED
    assert "no Kafka: its answer begins with 'HTTP'" in message
    assert "correct bootstrapServers" in message


def test_a_broker_that_freezes_is_too_slow_and_is_asked_again_when_it_goes_on(
    kafka_server: KafkaServer,
) -> None:
    settings = from_keys("stream", {"bootstrapServers": kafka_server.start().uri()})
    connection = KafkaConnection(lambda: settings)
    try:
        assert connection.check(SECONDS) is None
        kafka_server.pause()
        try:
            trouble = connection.check(2.0)
            assert trouble is not None
            assert trouble.fault is KafkaFault.TIMED_OUT
        finally:
            kafka_server.resume()
        assert connection.check(SECONDS) is None
    finally:
        connection.close()


def test_a_broker_that_is_killed_is_refused_and_found_again(kafka_server: KafkaServer) -> None:
    settings = from_keys("stream", {"bootstrapServers": kafka_server.start().uri()})
    connection = KafkaConnection(lambda: settings)
    try:
        assert connection.check(SECONDS) is None
        kafka_server.kill()
        trouble = connection.check(3.0)
        assert trouble is not None
        assert trouble.fault is KafkaFault.CONNECTION_REFUSED
        kafka_server.start()
        assert connection.check(SECONDS) is None
    finally:
        connection.close()


def test_a_broker_that_sends_clients_where_nobody_is(tmp_path: Path) -> None:
    elsewhere = {"advertised.listeners": f"CLIENT://127.0.0.1:{free_port()}"}
    with KafkaServer(tmp_path / "kafka-elsewhere", settings=elsewhere) as server:
        named, message = found(from_keys("stream", {"bootstrapServers": server.uri()}), 6.0)
    assert named is KafkaFault.BROKERS_MISSING
    assert "broker 1 is to be at 127.0.0.1:" in message
    assert "advertised.listeners" in message
