"""Three brokers into which nobody gets without a password, and where nobody may what was not granted."""

from __future__ import annotations

import secrets
import shutil
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from services.certificates import certify
from services.kafka_server import KafkaServer, new_identity
from services.process import LOOPBACK

ADMIN = "admin"
MECHANISM = "SCRAM-SHA-512"
BROKERS = 3


class SecureBroker(KafkaServer):
    """One broker of several; its clients speak TLS and log in, and rights are asked for."""

    def __init__(self, cluster: KafkaCluster, node: int) -> None:
        super().__init__(cluster.folder / f"broker-{node}", settings=cluster.settings)
        self._cluster = cluster
        self._node = node

    @property
    def node(self) -> int:
        """Its number."""
        return self._node

    @property
    def _protocol(self) -> str:
        return "SASL_SSL"

    def _voters(self) -> dict[int, str]:
        return {broker.node: broker.controller for broker in self._cluster.brokers}

    def _security(self) -> dict[str, str]:
        place, log_in = self._cluster.certificates, "org.apache.kafka.common.security.scram.ScramLoginModule"
        entry = f'{log_in} required username="{ADMIN}" password="{self._cluster.password}";'
        return {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            # Nobody logs in at the controllers, which are on the loopback alone.
            "super.users": f"User:{ADMIN};User:ANONYMOUS",
            "sasl.enabled.mechanisms": MECHANISM,
            "sasl.mechanism.inter.broker.protocol": MECHANISM,
            f"listener.name.client.{MECHANISM.lower()}.sasl.jaas.config": entry,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(place / "server.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(place / "ca.crt"),
        }

    def _format(self, place: Path) -> None:
        """As the first broker's folder was formatted, under another number: a format takes a JVM."""
        first = self._cluster.brokers[0]
        if self is first:
            super()._format(place)
            return
        (self.folder / "data").mkdir()
        for name in ("bootstrap.checkpoint", "meta.properties"):
            shutil.copyfile(first.folder / "data" / name, self.folder / "data" / name)
        meta = self.folder / "data/meta.properties"
        kept = [
            line for line in meta.read_text().splitlines() if not line.startswith(("node.id", "directory.id"))
        ]
        meta.write_text("\n".join([*kept, f"node.id={self.node}", f"directory.id={new_identity()}"]) + "\n")

    def _first_users(self) -> list[str]:
        return ["--add-scram", f"{MECHANISM}=[name={ADMIN},password={self._cluster.password}]"]

    def _secured(self, plain: socket.socket) -> socket.socket:
        return ssl.create_default_context(cafile=self._cluster.certificates / "ca.crt").wrap_socket(
            plain, server_hostname=self.host
        )


class KafkaCluster:
    """Three brokers, each its own process, to be killed and frozen one by one.

    They speak SASL_SSL with SCRAM-SHA-512; the administrator may do all, and others only what ACLs allow.
    `settings` are further settings of each broker.
    """

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder.absolute()
        self.settings = dict(settings or {})
        self.brokers = [SecureBroker(self, node) for node in range(1, BROKERS + 1)]

    @property
    def certificates(self) -> Path:
        """Where the brokers' certificate and its authority are."""
        return self.folder / "certificates"

    @property
    def password(self) -> str:
        """The administrator's password."""
        return (self.folder / "password").read_text()

    def uri(self) -> str:
        """Where clients begin."""
        return ",".join(broker.uri() for broker in self.brokers)

    def start(self) -> Self:
        """Start what does not run and wait until all answer."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.folder / "password").exists():
            (self.folder / "password").touch(mode=0o600)
            (self.folder / "password").write_text(secrets.token_urlsafe(18))
        if not self.certificates.exists():
            certify(self.certificates, LOOPBACK, "kafka")
            _join(self.certificates)
        for broker in self.brokers:
            broker.prepare()
        for broker in self.brokers:
            broker.begin()
        for broker in self.brokers:
            broker.wait()
        return self

    def kill(self) -> None:
        """Kill -9, all of them."""
        for broker in self.brokers:
            broker.kill()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


def _join(folder: Path) -> None:
    """Write server.pem as Kafka reads it: the key, and the certificate with its authority."""
    place = folder / "server.pem"
    place.touch(mode=0o600)
    place.write_text("".join((folder / name).read_text() for name in ("server.key", "server.crt", "ca.crt")))
