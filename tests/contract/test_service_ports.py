"""A service whose port is taken names who has it, and does not pass for one that runs."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

import pytest

import databases
from console import Failure
from services import __main__ as program
from services.kafka_server import KafkaServer
from services.postgres import PostgresServer
from services.process import LOOPBACK, port_holder
from services.redis_server import RedisServer
from services.server import Server
from services.timescaledb import TimescaleServer


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A port at which this process listens."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        yield listener


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    "kind", [PostgresServer, RedisServer, TimescaleServer, KafkaServer], ids=lambda kind: kind.title
)
def test_whoever_has_the_port_is_named_and_once_it_is_free_the_server_starts(
    kind: type[Server], taken: socket.socket
) -> None:
    with databases.folder("ports") as place:
        place.parent.chmod(0o755)
        server = kind(place, port=port_of(taken))
        place_and_port = rf"127\.0\.0\.1:{server.wanted_port}"
        said = rf"{kind.title} cannot listen at {place_and_port}: \S+ \(pid {os.getpid()}\) does"
        with pytest.raises(Failure, match=said):
            server.start()
        assert not server.running
        taken.close()
        with server:
            assert server.port == server.wanted_port
            if isinstance(server, PostgresServer):
                assert server.sql("SELECT current_database()") == server.uri().rpartition("/")[2]


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::"])
def test_a_port_is_taken_whichever_address_it_is_taken_at(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    both = family is socket.AF_INET6
    with socket.create_server((address, 0), family=family, dualstack_ipv6=both) as listener:
        port = port_of(listener)
        assert f"(pid {os.getpid()})" in (port_holder(port) or "")
    assert port_holder(port) is None


def test_up_says_whose_the_port_is_and_ends_with_an_error(
    taken: socket.socket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with databases.folder("up") as place:
        place.parent.chmod(0o755)
        monkeypatch.setenv("EMP_SERVICES_STATE", str(place))
        monkeypatch.setattr(program, "POSTGRES_PORT", port_of(taken))
        monkeypatch.setattr(program, "cluster_status", lambda: None)
        monkeypatch.setattr(sys, "argv", ["services", "up"])
        assert program.main() == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"services: PostgreSQL cannot listen at 127.0.0.1:{port_of(taken)}: ")
    assert f"(pid {os.getpid()}) does; stop that first" in said
