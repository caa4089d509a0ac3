"""Where a Kafka is and how to talk to it, read from a Secret."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import certifi

from ...errors import Rejected
from ...ports.stream import KafkaFault
from ..secret_keys import HIGHEST_PORT, SecretMissing, number, texts

BOOTSTRAP = "bootstrapServers"
PROTOCOL, MECHANISM = "securityProtocol", "saslMechanism"
USERNAME, PASSWORD = "username", "password"
AUTHORITY, CERTIFICATE, PRIVATE_KEY = "ca.crt", "tls.crt", "tls.key"
KEYS = (BOOTSTRAP, PROTOCOL, MECHANISM, USERNAME, PASSWORD, AUTHORITY, CERTIFICATE, PRIVATE_KEY)
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_FORM = "host:port, several with commas between them"
_SERVER = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]+)")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """One Kafka for one user. Times are in seconds.

    TLS always checks the certificate and the host's name: against `authority`, certificates as PEM, or those
    of the web where it is None. `certificate` and `key`, as PEM, are the client's own. A broker has
    `connect_timeout` to take a connection and to let the user in, and `request_timeout` for an answer.
    """

    name: str
    servers: tuple[str, ...]
    protocol: str = "PLAINTEXT"
    mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    authority: str | None = field(default=None, repr=False)
    certificate: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    connect_timeout: float = 5.0
    request_timeout: float = 10.0

    @property
    def place(self) -> str:
        """Where it is, in words that hold no secret."""
        return ",".join(self.servers)

    @property
    def tls(self) -> bool:
        """Whether it speaks TLS."""
        return self.protocol.endswith("SSL")

    @property
    def logs_in(self) -> bool:
        """Whether it logs in with a user."""
        return self.protocol.startswith("SASL")

    @property
    def principal(self) -> str:
        """Whom the brokers take it for, as rights are given to it."""
        if self.logs_in:
            return f"User:{self.username}"
        return "User:<subject of tls.crt>" if self.certificate else "User:ANONYMOUS"

    def parameters(self) -> dict[str, str | int | float | bool]:
        """What librdkafka is given; nothing of it comes from the environment."""
        given: dict[str, str | None] = {
            "sasl.mechanism": self.mechanism,
            "sasl.username": self.username,
            "sasl.password": self.password,
            "ssl.ca.pem": self.authority,
            "ssl.ca.location": certifi.where() if self.tls and not self.authority else None,
            "ssl.certificate.pem": self.certificate,
            "ssl.key.pem": self.key,
        }
        return {
            "bootstrap.servers": self.place,
            "security.protocol": self.protocol,
            "client.id": "backbone",
            "allow.auto.create.topics": False,
            "socket.connection.setup.timeout.ms": int(self.connect_timeout * 1000),
            "socket.timeout.ms": int(self.request_timeout * 1000),
            "socket.keepalive.enable": True,
            # Off, or a broker that is alone and comes back is found up to ten seconds later.
            "reconnect.backoff.max.ms": 2000,
            **{option: value for option, value in given.items() if value is not None},
        }


def settings_fault(error: Rejected) -> KafkaFault:
    """What is wrong where no settings came of a Secret."""
    return KafkaFault.SECRET_MISSING if isinstance(error, SecretMissing) else KafkaFault.INVALID_SETTINGS


def from_folder(name: str, folder: Path) -> KafkaSettings:
    """Settings from a Secret as Kubernetes mounts it: one file per key. Raises as `from_keys` does."""
    return from_keys(name, texts(name, folder, KEYS, BOOTSTRAP))


def from_keys(name: str, keys: Mapping[str, str]) -> KafkaSettings:
    """Settings from the keys of a Secret.

    Raises Rejected, which says which key is wrong and what to write, and never a value that could be secret.
    """
    given = {key: value.strip() for key, value in keys.items() if value.strip() and key in KEYS}
    if BOOTSTRAP not in given:
        raise Rejected(f"Secret {name}: there is no {BOOTSTRAP}; write {_FORM}")
    protocol = given.get(PROTOCOL, "PLAINTEXT")
    if protocol not in PROTOCOLS:
        raise Rejected(f"Secret {name}: {PROTOCOL} is none of {', '.join(PROTOCOLS)}")
    _check_login(name, given, protocol)
    _check_certificates(name, given, protocol)
    return KafkaSettings(
        name=name,
        servers=_servers(f"Secret {name}: {BOOTSTRAP}", given[BOOTSTRAP]),
        protocol=protocol,
        mechanism=given.get(MECHANISM),
        username=given.get(USERNAME),
        password=given.get(PASSWORD),
        authority=given.get(AUTHORITY),
        certificate=given.get(CERTIFICATE),
        key=given.get(PRIVATE_KEY),
    )


def _servers(place: str, text: str) -> tuple[str, ...]:
    if "://" in text:
        raise Rejected(f"{place} is a URI; write {_FORM}, and how to connect as {PROTOCOL}")
    found = []
    for part in filter(None, map(str.strip, text.split(","))):
        server = _SERVER.fullmatch(part)
        if server is None:
            raise Rejected(f"{place} has an entry that is not host:port; write {_FORM}")
        if not 0 < (number(server["port"]) or 0) <= HIGHEST_PORT:
            raise Rejected(f"{place} has a port that is no number from 1 to {HIGHEST_PORT}; write {_FORM}")
        found.append(part)
    if not found:
        raise Rejected(f"{place} names no server; write {_FORM}")
    return tuple(dict.fromkeys(found))


def _check_login(name: str, given: Mapping[str, str], protocol: str) -> None:
    login = [key for key in (MECHANISM, USERNAME, PASSWORD) if key in given]
    if not protocol.startswith("SASL"):
        if login:
            raise Rejected(
                f"Secret {name}: there is {' and '.join(login)}, and {PROTOCOL} is {protocol}, which logs in "
                f"as nobody; write SASL_SSL, or take {'them' if len(login) > 1 else 'it'} out"
            )
        return
    for key in (MECHANISM, USERNAME, PASSWORD):
        if key not in given:
            hint = f"; write one of {', '.join(MECHANISMS)}" if key == MECHANISM else "; add it"
            raise Rejected(f"Secret {name}: {PROTOCOL} is {protocol}, and there is no {key}{hint}")
    if given[MECHANISM] not in MECHANISMS:
        raise Rejected(f"Secret {name}: {MECHANISM} is none of {', '.join(MECHANISMS)}")


def _check_certificates(name: str, given: Mapping[str, str], protocol: str) -> None:
    files = [key for key in (AUTHORITY, CERTIFICATE, PRIVATE_KEY) if key in given]
    if files and not protocol.endswith("SSL"):
        raise Rejected(
            f"Secret {name}: there is {' and '.join(files)}, and {PROTOCOL} is {protocol}, which speaks no "
            "TLS; write SSL or SASL_SSL"
        )
    if (CERTIFICATE in given) != (PRIVATE_KEY in given):
        one, other = (CERTIFICATE, PRIVATE_KEY) if CERTIFICATE in given else (PRIVATE_KEY, CERTIFICATE)
        raise Rejected(f"Secret {name}: there is {one} and no {other}; put both there, or neither")
    if AUTHORITY in given:
        try:
            ssl.create_default_context(cadata=given[AUTHORITY])
        except (ssl.SSLError, ValueError):
            raise Rejected(
                f"Secret {name}: {AUTHORITY} holds no certificate; put PEM there, which begins with "
                "-----BEGIN CERTIFICATE-----"
            ) from None
    key = given.get(PRIVATE_KEY, "")
    if PRIVATE_KEY in given and ("PRIVATE KEY-----" not in key or "ENCRYPTED" in key):
        raise Rejected(
            f"Secret {name}: {PRIVATE_KEY} holds no key as PEM, or one behind a password; take the password "
            f"off"
        )
    if CERTIFICATE in given and "-----BEGIN CERTIFICATE-----" not in given[CERTIFICATE]:
        raise Rejected(f"Secret {name}: {CERTIFICATE} holds no certificate as PEM")
