"""Where a Redis is and how to talk to it, read from a Secret: as a URI or in parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ...errors import Rejected
from ..secret_keys import number, port, refuse_doubled, refuse_unescaped, texts

PORT = 6379
PARTS = ("host", "port", "username", "password", "database", "tls")
AUTHORITY = "ca.crt"
KEYS = ("uri", *PARTS, AUTHORITY)
_SCHEMES = {"redis": False, "rediss": True}
_SWITCH = {"true": True, "false": False}
_FORM = "redis://username:password@host:6379/0, or rediss:// for TLS"
_ESCAPE = (
    "write special characters of user and password as %2F for /, %40 for @, %3A for :, %23 for #, %3F for ?, "
    "%25 for %"
)


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """One database of a Redis for one user, and the limits of a connection. Times are in seconds.

    TLS always checks the certificate and the host's name: against `authority`, certificates as PEM, or
    against those of the machine where it is None. `connections` is how many this process opens at most.
    """

    host: str
    port: int = PORT
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    tls: bool = False
    authority: str | None = field(default=None, repr=False)
    connections: int = 16
    connect_timeout: float = 1.0
    command_timeout: float = 0.25

    @property
    def place(self) -> str:
        """Where it is, in words that hold no secret."""
        return f"{self.host}:{self.port}/{self.database}"


def from_folder(name: str, folder: Path) -> RedisSettings:
    """Settings from a Secret as Kubernetes mounts it: one file per key. Raises as `from_keys` does."""
    return from_keys(name, texts(name, folder, KEYS))


def from_keys(name: str, keys: Mapping[str, str]) -> RedisSettings:
    """Settings from the keys of a Secret.

    Raises Rejected, which says which key is wrong and what to write, and never a value that could be secret.
    """
    given = {key: value for key, value in keys.items() if value and key in KEYS}
    if "uri" in given:
        refuse_doubled(name, given, PARTS)
        settings = _from_uri(f"Secret {name}: uri", given["uri"], given.get(AUTHORITY))
    elif "host" in given:
        settings = _from_parts(name, given)
    else:
        raise Rejected(f"Secret {name}: there is neither uri nor host; write a uri as {_FORM}")
    if settings.username and not settings.password:
        raise Rejected(f"Secret {name}: there is a username and no password")
    if settings.authority and not settings.tls:
        raise Rejected(
            f"Secret {name}: there is a {AUTHORITY} and no TLS; "
            "begin the uri with rediss://, or set tls to true"
        )
    return settings


def _from_parts(name: str, given: Mapping[str, str]) -> RedisSettings:
    tls = given.get("tls", "false")
    if tls not in _SWITCH:
        raise Rejected(f"Secret {name}: tls is neither true nor false")
    return RedisSettings(
        host=given["host"],
        port=port(f"Secret {name}: port", given.get("port"), PORT, _ESCAPE),
        username=given.get("username"),
        password=given.get("password"),
        database=_database(f"Secret {name}: database", given.get("database")),
        tls=_SWITCH[tls],
        authority=given.get(AUTHORITY),
    )


def _from_uri(place: str, uri: str, authority: str | None) -> RedisSettings:
    """The parts of a URI. No message repeats any: each may be a piece of a password."""
    try:
        parts = urlsplit(uri)
        login, _, after = parts.netloc.rpartition("@")
        host = parts.hostname
    except ValueError:
        raise Rejected(f"{place} is no URI; write {_FORM}; {_ESCAPE}") from None
    if parts.scheme not in _SCHEMES:
        raise Rejected(f"{place} does not begin with redis:// or rediss://; write {_FORM}")
    if "@" in parts.path + parts.query + parts.fragment or "#" in uri:
        raise Rejected(f"{place}: user or password holds a character that ends them; {_ESCAPE}")
    refuse_unescaped(place, uri, _ESCAPE)
    if parts.query:
        raise Rejected(f"{place} takes no options after ?; {AUTHORITY} is a key of the Secret; {_ESCAPE}")
    if not host:
        raise Rejected(f"{place} names no host; write {_FORM}")
    username, _, password = login.partition(":")
    return RedisSettings(
        host=unquote(host),
        port=port(f"{place}: the port", after.rpartition("]")[2].partition(":")[2] or None, PORT, _ESCAPE),
        username=unquote(username) or None,
        password=unquote(password) or None,
        database=_database(f"{place}: the database", parts.path.removeprefix("/") or None),
        tls=_SCHEMES[parts.scheme],
        authority=authority,
    )


def _database(place: str, text: str | None) -> int:
    if text is None:
        return 0
    found = number(text)
    if found is None:
        raise Rejected(f"{place} is no number: Redis numbers its databases from 0; {_ESCAPE}")
    return found
