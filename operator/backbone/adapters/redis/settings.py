"""Where a Redis is and how to talk to it, read from a Secret: as a URI or in parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from ...errors import Rejected
from ...ports.cache import CacheFault
from ..secret_keys import SecretMissing, completed, number, port, refuse_several, refuse_unescaped, texts

PORT = 6379
PARTS = ("host", "port", "username", "password", "database", "tls")
AUTHORITY = "ca.crt"
KEYS = ("uri", *PARTS, AUTHORITY)
_SCHEMES = {"redis": "false", "rediss": "true", "valkey": "false", "valkeys": "true"}
"""Whether a scheme means TLS."""
_SWITCH = {"true": True, "false": False}
_CHECKED = {"required", "CERT_REQUIRED"}
"""Values of ssl_cert_reqs, as Celery writes it, that ask for what is done anyway."""
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


def settings_fault(error: Rejected) -> CacheFault:
    """What is wrong where no settings came of a Secret."""
    return CacheFault.SECRET_MISSING if isinstance(error, SecretMissing) else CacheFault.INVALID_SETTINGS


def from_folder(name: str, folder: Path) -> RedisSettings:
    """Settings from a Secret as Kubernetes mounts it: one file per key. Raises as `from_keys` does."""
    return from_keys(name, texts(name, folder, KEYS))


def from_keys(name: str, keys: Mapping[str, str]) -> RedisSettings:
    """Settings from the keys of a Secret.

    Raises Rejected, which says which key is wrong and what to write, and never a value that could be secret.
    """
    given = {key: value for key, value in keys.items() if value and key in KEYS}
    found = {key: given[key] for key in PARTS if key in given}
    if "uri" in given:
        found = completed(name, _from_uri(f"Secret {name}: uri", given["uri"]), found)
    elif "host" not in given:
        raise Rejected(f"Secret {name}: there is neither uri nor host; write a uri as {_FORM}")
    settings = _from_parts(name, found, given.get(AUTHORITY))
    if settings.username and not settings.password:
        raise Rejected(f"Secret {name}: there is a username and no password")
    if settings.authority and not settings.tls:
        raise Rejected(
            f"Secret {name}: there is a {AUTHORITY} and no TLS; "
            "begin the uri with rediss://, or set tls to true"
        )
    return settings


def _from_parts(name: str, found: Mapping[str, str], authority: str | None) -> RedisSettings:
    tls = found.get("tls", "false")
    if tls not in _SWITCH:
        raise Rejected(f"Secret {name}: tls is neither true nor false")
    refuse_several(f"Secret {name}: host", found["host"])
    return RedisSettings(
        host=found["host"],
        port=port(f"Secret {name}: port", found.get("port"), PORT, _ESCAPE),
        username=found.get("username"),
        password=found.get("password"),
        database=_database(f"Secret {name}: database", found.get("database")),
        tls=_SWITCH[tls],
        authority=authority,
    )


def _from_uri(place: str, uri: str) -> dict[str, str]:
    """The parts of a URI. No message repeats any: each may be a piece of a password."""
    try:
        parts = urlsplit(uri)
        login, _, hosts = parts.netloc.rpartition("@")
        host = parts.hostname
    except ValueError:
        raise Rejected(f"{place} is no URI; write {_FORM}; {_ESCAPE}") from None
    if parts.scheme not in _SCHEMES:
        raise Rejected(f"{place} does not begin with redis:// or rediss://; write {_FORM}")
    if "@" in parts.path + parts.query + parts.fragment or "#" in uri:
        raise Rejected(f"{place}: user or password holds a character that ends them; {_ESCAPE}")
    refuse_unescaped(place, uri, _ESCAPE)
    refuse_several(place, hosts)
    _refuse_options(place, parts.query)
    if not host:
        raise Rejected(f"{place} names no host; write {_FORM}")
    username, _, password = login.partition(":")
    return {
        "host": unquote(host),
        "port": hosts.rpartition("]")[2].partition(":")[2],
        "username": unquote(username),
        "password": unquote(password),
        "database": parts.path.removeprefix("/"),
        "tls": _SCHEMES[parts.scheme],
    }


def _refuse_options(place: str, query: str) -> None:
    for option, value in parse_qsl(query, keep_blank_values=True) if query else ():
        if option != "ssl_cert_reqs":
            raise Rejected(f"{place} takes no options after ?; {AUTHORITY} is a key of the Secret; {_ESCAPE}")
        if value not in _CHECKED:
            raise Rejected(
                f"{place}: {option} is not taken: the server's certificate is always checked; "
                f"put the authority that signed it into the Secret as {AUTHORITY}"
            )


def _database(place: str, text: str | None) -> int:
    if text is None:
        return 0
    found = number(text)
    if found is None:
        raise Rejected(f"{place} is not a number: Redis numbers its databases from 0; {_ESCAPE}")
    return found
