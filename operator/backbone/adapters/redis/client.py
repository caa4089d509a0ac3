"""Making a client of one Redis, and finding the first thing that is wrong with it."""

from __future__ import annotations

import socket
import ssl
import threading
from queue import Empty, SimpleQueue
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ...ports.cache import CacheTrouble
from .errors import trouble_of
from .scripts import PROBE, rights
from .settings import RedisSettings


def client_of(settings: RedisSettings) -> redis.Redis:
    """A client; it connects with its first command.

    What a connection of the pool lost while it lay idle is asked again on a new one, and nothing else twice.
    """
    given: dict[str, Any] = {
        "connection_class": _TLSConnection if settings.tls else _Connection,
        "host": settings.host,
        "port": settings.port,
        "db": settings.database,
        "username": settings.username,
        "password": settings.password,
        "socket_connect_timeout": settings.connect_timeout,
        "socket_timeout": settings.command_timeout,
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        "protocol": 2,
        "driver_info": None,
    }
    if settings.tls:
        given["authority"] = settings.authority
    return redis.Redis(connection_pool=redis.ConnectionPool(**given))


def validated(settings: RedisSettings, namespace: str) -> CacheTrouble | None:
    """The first thing that is wrong with a Redis for a cache of this namespace; None if nothing is.

    Connects, authenticates, chooses the database, and does on keys of its own what the cache does.
    """
    client = client_of(settings)
    try:
        return probed(client, settings, namespace)
    finally:
        client.connection_pool.disconnect()


def probed(client: redis.Redis, settings: RedisSettings, namespace: str) -> CacheTrouble | None:
    """As `validated`, with a client that is there."""
    place = f"{namespace}:probe"
    try:
        client.ping()
        PROBE.run(client, [f"{place}:{name}" for name in ("answer", "index", "counts")], [])
    except (redis.RedisError, OSError) as error:
        return trouble_of(error, settings, rights(namespace))
    return None


class _Connection(redis.Connection):
    """A connection that waits for the host's address no longer than for the host."""

    def _connect(self) -> socket.socket:
        _resolve(self.host, self.port, float(self.socket_connect_timeout or 0))
        made: socket.socket = super()._connect()  # type: ignore[no-untyped-call]
        return made


class _TLSConnection(_Connection):
    """The same over TLS, which trusts nobody but the authority that is given, if one is."""

    def __init__(self, authority: str | None = None, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        self._tls = ssl.create_default_context(cadata=authority)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2

    def _connect(self) -> socket.socket:
        plain = super()._connect()
        try:
            plain.settimeout(self.socket_connect_timeout)
            secure = self._tls.wrap_socket(plain, server_hostname=self.host)
        except TimeoutError:
            plain.close()
            raise ssl.SSLError("no answer to the handshake") from None
        except BaseException:
            plain.close()
            raise
        secure.settimeout(self.socket_timeout)
        return secure


def _resolve(host: str, port: int, seconds: float) -> None:
    """Look a host up, within a time; the system's own resolver knows none. Raises OSError."""
    found: SimpleQueue[OSError | None] = SimpleQueue()

    def look() -> None:
        try:
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            found.put(error)
        except UnicodeError:
            found.put(socket.gaierror(socket.EAI_NONAME, "no name of a host"))
        else:
            found.put(None)

    threading.Thread(target=look, name="resolve", daemon=True).start()
    try:
        error = found.get(timeout=seconds)
    except Empty:
        raise socket.gaierror(socket.EAI_AGAIN, "no answer in time") from None
    if error is not None:
        raise error
