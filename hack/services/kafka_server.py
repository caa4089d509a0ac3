"""Kafka as a process of this machine, for development and tests."""

from __future__ import annotations

import base64
import socket
import struct
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self
from uuid import uuid4

from console import Failure
from services.packages import BROKER, jars, java
from services.process import LOOPBACK, free_port
from services.server import Server

START_DEADLINE = 120.0
"""A broker is there in 3 s; a machine that does much else takes its time."""
_MEMORY = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
_ASKED = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""ApiVersions, which a broker that serves answers to anybody: length, request 18 in version 0, number 1."""
_ALONE = {
    "offsets.topic.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
    # The default of 128 MiB is half of our heap: a start with it ends in OutOfMemoryError now and then.
    "log.cleaner.dedupe.buffer.size": str(2 * 1024 * 1024),
}


class KafkaServer(Server):
    """One broker that is its own controller; anybody gets in, and it creates no topic by itself.

    `settings` are further settings of the broker; with `log_requests` its log tells each request, and who
    sent it from where. What it acknowledged survives a kill -9. Its metadata are on the loopback, at a port
    of their own.
    """

    title = "Kafka"

    def __init__(
        self,
        folder: Path,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        settings: Mapping[str, str] | None = None,
        log_requests: bool = False,
    ) -> None:
        super().__init__(folder, host=host, port=port)
        self.settings = dict(settings or {})
        self._requests = "debug" if log_requests else "warn"

    @property
    def node(self) -> int:
        """Its number."""
        return 1

    @property
    def controller(self) -> str:
        """Where the controllers find it."""
        return f"{LOOPBACK}:{(self.folder / 'controller-port').read_text()}"

    def uri(self) -> str:
        """Where clients begin."""
        return f"{self.host}:{self.port}"

    def start(self) -> Self:
        """Start it and wait until it answers; nothing where it runs already."""
        self.begin()
        self.wait()
        return self

    def begin(self) -> None:
        """Start it and wait for nothing."""
        if self.running:
            return
        self.prepare()
        place = self.folder / "server.properties"
        place.touch(mode=0o600)
        place.write_text("".join(f"{name}={value}\n" for name, value in self.configuration().items()))
        if not (self.folder / "data/meta.properties").exists():
            self._format(place)
        self._launch([*self._java(), "kafka.Kafka", str(place)])

    def wait(self) -> None:
        """Wait until it answers. Raises Failure with the end of its log."""
        self._process.wait_until(self._serves, seconds=START_DEADLINE)

    def restart(self) -> None:
        """Kill it and start it again, on the same port."""
        self.kill()
        self.start()

    def prepare(self) -> None:
        """Choose its ports; nothing where that is done."""
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.folder / "controller-port").exists():
            (self.folder / "port").write_text(str(self.wanted_port or free_port(self.host)))
            (self.folder / "controller-port").write_text(str(free_port()))

    def configuration(self) -> dict[str, str]:
        """The broker's settings."""
        return {
            "process.roles": "broker,controller",
            "node.id": str(self.node),
            "log.dirs": str(self.folder / "data"),
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": ",".join(f"{n}@{at}" for n, at in self._voters().items()),
            "listeners": f"CLIENT://{self.uri()},CONTROLLER://{self.controller}",
            "inter.broker.listener.name": "CLIENT",
            "listener.security.protocol.map": f"CLIENT:{self._protocol},CONTROLLER:PLAINTEXT",
            **_ALONE,
            **_replicated(len(self._voters())),
            **self._security(),
            **self.settings,
        }

    @property
    def _protocol(self) -> str:
        return "PLAINTEXT"

    def _voters(self) -> dict[int, str]:
        return {self.node: self.controller}

    def _security(self) -> dict[str, str]:
        return {}

    def _first_users(self) -> list[str]:
        return []

    def _format(self, place: Path) -> None:
        formatting = (
            "kafka.tools.StorageTool",
            "format",
            "--cluster-id",
            new_identity(),
            "--config",
            str(place),
        )
        done = subprocess.run(
            [*self._java(), *formatting, *self._first_users()],
            capture_output=True,
            text=True,
            timeout=START_DEADLINE,
            check=False,
        )
        if done.returncode != 0:
            raise Failure(f"Kafka's folder cannot be formatted:\n{(done.stdout + done.stderr)[-2000:]}")

    def _java(self) -> list[str]:
        said = f"-Dlog4j2.configurationFile={BROKER / 'log4j2.properties'}"
        scratch = f"-Djava.io.tmpdir={self.folder / 'tmp'}"
        asked = f"-Drequests={self._requests}"
        return [java(), *_MEMORY, said, asked, scratch, "-cp", f"{jars()}/*"]

    def _serves(self) -> bool:
        """Whether it answers a request."""
        with suppress(OSError), socket.create_connection((self.host, self.port), timeout=5) as plain:
            link = self._secured(plain)
            link.sendall(_ASKED)
            return len(link.recv(8)) > 0
        return False

    def _secured(self, plain: socket.socket) -> socket.socket:
        return plain


def _replicated(brokers: int) -> dict[str, str]:
    """How often Kafka keeps what it needs itself."""
    least = str(min(2, brokers))
    return {
        "default.replication.factor": str(brokers),
        "offsets.topic.replication.factor": str(brokers),
        "transaction.state.log.replication.factor": str(brokers),
        "transaction.state.log.min.isr": least,
        "share.coordinator.state.topic.replication.factor": str(brokers),
        "share.coordinator.state.topic.min.isr": least,
    }


def new_identity() -> str:
    """An identity as Kafka writes it. One that begins with a dash would be taken for an option."""
    return base64.urlsafe_b64encode(b"\0" + uuid4().bytes[1:]).decode().rstrip("=")
