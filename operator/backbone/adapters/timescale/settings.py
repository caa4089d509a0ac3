"""Where a TimescaleDB is and how to talk to it, read from a Secret: as a URI or in parts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import certifi

from ...errors import Rejected
from ...ports.database import DatabaseFault
from ..secret_keys import SecretMissing, completed, port, refuse_several, refuse_unescaped, texts

PORT = 5432
TLS_MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")
BINDINGS = ("disable", "prefer", "require")
PARTS = ("host", "port", "database", "username", "password")
OTHER_NAMES = {"dbname": "database", "user": "username"}
"""What CloudNativePG's and Crunchy's operators call a part; the first has the user under both names."""
AUTHORITY = "ca.crt"
KEYS = ("uri", *PARTS, *OTHER_NAMES, "sslmode", AUTHORITY)
_SCHEMES = ("postgresql", "postgres")
_ESCAPE = (
    "write special characters of user and password as %2F for /, %40 for @, %3A for :, %23 for #, %3F for ?, "
    "%25 for %"
)
_FORM = "postgresql://username:password@host:5432/database"
_OPTIONS = {"sslmode": TLS_MODES, "channel_binding": BINDINGS}
_ELSEWHERE = {
    "sslrootcert": "put the certificates of that file into the Secret as ca.crt; those of the web need none",
    "target_session_attrs": "leave it out, and name one address that leads to the primary",
}
"""Options that many a URI has, and what to do instead."""


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """One database for one user, and the limits of a session. Times are in seconds.

    `authority` is the file of the certificate authorities that the server's certificate is checked against;
    those of the web where it is None. `idle_timeout` bounds how long a transaction may lie idle: whoever
    freezes in one loses it, with its locks. `patience` is how long a reader waits for each piece of an
    answer; None waits as long as the statement may take.
    """

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    tls: str = "prefer"
    channel_binding: str = "prefer"
    authority: Path | None = None
    application: str = "backbone"
    pool_size: int = 4
    connect_timeout: int = 5
    acquire_timeout: float = 10.0
    statement_timeout: float = 60.0
    idle_timeout: float = 60.0
    patience: float | None = None

    @property
    def place(self) -> str:
        """Where it is, in words that hold no secret."""
        return f"{self.host}:{self.port}"

    def parameters(self) -> dict[str, str | int]:
        """What libpq is given. A peer that vanishes without a word is noticed within half a minute."""
        verifies = self.tls in {"verify-ca", "verify-full"}
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password,
            # What a person keeps at home for other programs does not count here.
            "passfile": os.devnull,
            "sslmode": self.tls,
            "channel_binding": self.channel_binding,
            "sslcertmode": "disable",
            "gssencmode": "disable",
            **({"sslrootcert": str(self.authority or certifi.where())} if verifies else {}),
            "application_name": self.application,
            "client_encoding": "UTF8",
            "connect_timeout": self.connect_timeout,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
            "options": " ".join(
                (
                    # The shortest text that is the number, as of every server that nobody told otherwise.
                    "-c TimeZone=UTC -c extra_float_digits=1",
                    f"-c statement_timeout={int(self.statement_timeout * 1000)}",
                    f"-c idle_in_transaction_session_timeout={int(self.idle_timeout * 1000)}",
                    # The server's side of the same: a client that is gone keeps no lock.
                    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3",
                )
            ),
        }


def settings_fault(error: Rejected) -> DatabaseFault:
    """What is wrong where no settings came of a Secret."""
    missing = isinstance(error, SecretMissing)
    return DatabaseFault.SECRET_MISSING if missing else DatabaseFault.INVALID_SETTINGS


def from_folder(name: str, folder: Path) -> ConnectionSettings:
    """Settings from a Secret as Kubernetes mounts it: one file per key. Raises as `from_keys` does."""
    return from_texts(name, folder, texts(name, folder, KEYS))


def from_texts(name: str, folder: Path, found: Mapping[str, str]) -> ConnectionSettings:
    """Settings from what was found in a Secret's folder. Raises as `from_keys` does."""
    if not found:
        raise Rejected(
            f"Secret {name}: none of {', '.join(KEYS[:-2])} is in {folder}; "
            "put a uri there, or host, database, username and password"
        )
    return from_keys(name, found, folder / AUTHORITY if found.get(AUTHORITY) else None)


def from_keys(name: str, keys: Mapping[str, str], authority: Path | None = None) -> ConnectionSettings:
    """Settings from the keys of a Secret; `authority` is where its ca.crt lies.

    Raises Rejected, which says which key is wrong and what to write, and never a value that could be secret.
    """
    given = {key: value for key, value in keys.items() if value}
    found = _parts(name, given)
    if "uri" in given:
        found = completed(name, _from_uri(f"Secret {name}: uri", given["uri"], found), found)
    missing = [key for key in ("host", "database", "username", "password") if not found.get(key)]
    if missing:
        inside = "uri has no" if "uri" in given else "there is no"
        raise Rejected(f"Secret {name}: {inside} {', '.join(missing)}; a URI is written {_FORM}")
    refuse_several(f"Secret {name}: host", found["host"])
    tls = found.get("sslmode") or ("verify-full" if authority else "prefer")
    if tls == "verify-ca" and authority is None:
        raise Rejected(f"Secret {name}: sslmode verify-ca needs the authority's certificate as ca.crt")
    for option, values in _OPTIONS.items():
        if found.get(option, values[0]) not in values:
            raise Rejected(f"Secret {name}: {option} is none of {', '.join(values)}")
    return ConnectionSettings(
        host=found["host"],
        port=port(f"Secret {name}: port", found.get("port"), PORT, _ESCAPE),
        database=found["database"],
        user=found["username"],
        password=found["password"],
        tls=tls,
        channel_binding=found.get("channel_binding", "prefer"),
        authority=authority,
    )


def _parts(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """The parts under the names that we have for them. Raises Rejected where two names contradict."""
    found = {key: given[key] for key in (*PARTS, "sslmode") if key in given}
    for other, ours in OTHER_NAMES.items():
        if other in given and found.setdefault(ours, given[other]) != given[other]:
            raise Rejected(f"Secret {name}: {ours} and {other} say different things; keep one of the two")
    return found


def _from_uri(place: str, uri: str, beside: Mapping[str, str]) -> dict[str, str]:
    """The parts of a URI, which may leave the login to those beside it.

    No message repeats any: each may be a piece of a password.
    """
    try:
        parts = urlsplit(uri)
        login, at, hosts = parts.netloc.rpartition("@")
        host, after = parts.hostname, hosts.rpartition("]")[2]
    except ValueError:
        raise Rejected(f"{place} is no URI; {_ESCAPE}") from None
    if parts.scheme not in _SCHEMES:
        raise Rejected(
            f"{place} does not begin with postgresql://; write postgresql://username:password@host/database"
        )
    if "@" in parts.path + parts.query + parts.fragment or "#" in uri:
        raise Rejected(f"{place}: user or password holds a character that ends them; {_ESCAPE}")
    refuse_several(place, hosts)
    if not at and not {"username", "password"} <= beside.keys():
        raise Rejected(
            f"{place} has no @ between password and host; write postgresql://username:password@host/database"
        )
    refuse_unescaped(place, uri, _ESCAPE)
    user, _, password = login.partition(":")
    found = {
        "host": unquote(host or ""),
        "port": after.partition(":")[2],
        "database": unquote(parts.path.removeprefix("/")),
        "username": unquote(user),
        "password": unquote(password),
    }
    for option, value in parse_qsl(parts.query, keep_blank_values=True):
        if option in _ELSEWHERE:
            raise Rejected(f"{place}: the option {option} is not taken; {_ELSEWHERE[option]}")
        if option not in _OPTIONS:
            raise Rejected(f"{place}: of the options after ? only {' and '.join(_OPTIONS)} are taken")
        found[option] = value
    return found
