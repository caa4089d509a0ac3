"""A cache's way to Redis: the present pool, what happens when it is lost, and credentials that change."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import BoundedSemaphore, Event, Lock, Thread
from typing import Any

import redis

from ...errors import Rejected
from ...ports.cache import CacheFault, CacheTrouble
from .client import client_of, probed, validated
from .errors import SERVED_ON, CacheUnavailable, trouble_of
from .scripts import Glance, Script, rights
from .settings import RedisSettings, settings_fault

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 15.0
LOOK_SECONDS = 10.0
"""How often a connection that is in use looks whether its settings have changed."""

log = logging.getLogger(__name__)
log.addHandler(logging.NullHandler())  # a program that wants no log gets none on its stderr


@dataclass(slots=True)
class _Pool:
    """A client with its connections; `users` counts who is in the middle of a command."""

    settings: RedisSettings
    client: redis.Redis
    room: BoundedSemaphore
    users: int = 0


class RedisConnection:
    """Runs scripts on one Redis for several threads.

    A Redis that is lost costs the read that notices at most the settings' deadlines; after that every call
    is refused at once, as Paused, while a thread tries to get it back: first after a tenth of a second, then
    at growing intervals of at most 15 s, half of each left to chance. `source` gives the settings, or raises
    Rejected; it is asked again every 10 s of use, and before each attempt to come back. Changed settings are
    tried first: good ones get a new pool and the old one drains; wrong ones change nothing but `trouble`.
    """

    def __init__(self, source: Callable[[], RedisSettings], namespace: str) -> None:
        """Connects to nothing yet."""
        self._source = source
        self._namespace = namespace
        self._lock = Lock()
        self._looking = Lock()
        self._closing = Event()
        self._pool: _Pool | None = None
        self._lost: CacheTrouble | None = None
        self._wrong: CacheTrouble | None = None
        self._back_since = -LONGEST_PAUSE
        self._pause = FIRST_PAUSE
        self._next_look = 0.0
        self._threads: dict[str, Thread] = {}

    @property
    def trouble(self) -> CacheTrouble | None:
        """Why Redis is not asked, or why changed settings were not taken; None if all is well."""
        return self._lost or self._wrong

    def run(
        self, script: Script | Glance, keys: Sequence[str], arguments: Sequence[str | bytes | int]
    ) -> Any:  # noqa: ANN401 - each script has an answer of its own
        """What a script returns. Raises CacheUnavailable."""
        pool = self._leased()
        try:
            return script.run(pool.client, keys, arguments)
        except (redis.RedisError, OSError) as error:
            trouble = trouble_of(error, pool.settings, rights(self._namespace))
            self._failed(pool, trouble)
            raise CacheUnavailable(trouble) from None
        finally:
            self._returned(pool)

    def refresh(self) -> CacheTrouble | None:
        """Look at the settings now, and take them if they changed and are good; else why not."""
        with self._looking:
            trouble = self._refreshed()
            if trouble is not None and trouble != self._wrong:
                log.warning("settings not taken: %s", trouble.message)
            self._wrong = trouble
        return trouble

    def close(self) -> None:
        """Let go of every connection, as soon as nobody uses it. Nothing is asked afterwards."""
        self._closing.set()
        with self._lock:
            retired, self._pool = self._pool, None
            idle = retired is not None and not retired.users
        if retired is not None and idle:
            retired.client.connection_pool.disconnect()

    def _leased(self) -> _Pool:
        if self._closing.is_set():
            raise CacheUnavailable(CacheTrouble(CacheFault.PAUSED, "the connection is closed"))
        if self._pool is None and self._lost is None:
            self._open()
        # Read once: the thread that recovers may end it at any moment.
        lost = self._lost
        if lost is not None:
            self._begin("recover", self._recover)
            raise CacheUnavailable(CacheTrouble(CacheFault.PAUSED, f"not asked: {lost.message}"))
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK_SECONDS
            self._begin("look", self.refresh)
        with self._lock:
            pool = self._pool
            if pool is None:
                raise CacheUnavailable(CacheTrouble(CacheFault.PAUSED, "the connection is closed"))
            pool.users += 1
        if pool.room.acquire(timeout=pool.settings.command_timeout):
            return pool
        self._returned(pool, had_room=False)
        text = f"all {pool.settings.connections} connections were in use"
        raise CacheUnavailable(CacheTrouble(CacheFault.POOL_EXHAUSTED, text))

    def _returned(self, pool: _Pool, *, had_room: bool = True) -> None:
        if had_room:
            pool.room.release()
        with self._lock:
            pool.users -= 1
            drained = pool is not self._pool and not pool.users
        if drained:
            pool.client.connection_pool.disconnect()

    def _open(self) -> None:
        """The first pool, untried: the read that made it finds out."""
        try:
            settings = self._source()
        except Rejected as error:
            self._lose(CacheTrouble(settings_fault(error), str(error)))
            return
        with self._lock:
            if self._pool is None:
                self._pool = _pool_of(settings)
        self._next_look = time.monotonic() + LOOK_SECONDS

    def _refreshed(self) -> CacheTrouble | None:
        try:
            settings = self._source()
        except Rejected as error:
            return CacheTrouble(settings_fault(error), str(error))
        present = self._pool
        if present is not None and present.settings == settings:
            return None
        trouble = validated(settings, self._namespace)
        if trouble is not None and trouble.fault is not CacheFault.FULL:
            return trouble
        self._replace(_pool_of(settings))
        return None

    def _replace(self, fresh: _Pool) -> None:
        with self._lock:
            if self._closing.is_set():
                return
            retired, self._pool = self._pool, fresh
            idle = retired is not None and not retired.users
        # One that is in use goes with its last user.
        if retired is not None and idle:
            retired.client.connection_pool.disconnect()

    def _failed(self, pool: _Pool, trouble: CacheTrouble) -> None:
        if trouble.fault not in SERVED_ON and pool is self._pool:
            self._lose(trouble)

    def _lose(self, trouble: CacheTrouble) -> None:
        with self._lock:
            if self._lost is None:
                log.warning("the cache is not asked for now: %s", trouble.message)
                if time.monotonic() - self._back_since > LONGEST_PAUSE:
                    self._pause = FIRST_PAUSE
            self._lost = trouble
        self._begin("recover", self._recover)

    def _recover(self) -> None:
        """Try until Redis is back. A server that comes and goes is tried at intervals that keep growing."""
        while self._lost is not None:
            # No secret depends on it.
            pause = self._pause * (0.5 + random.random() / 2)  # noqa: S311
            self._pause = min(LONGEST_PAUSE, self._pause * 2)
            if self._closing.wait(pause):
                return
            try:
                trouble = self._tried()
            except Exception as error:  # noqa: BLE001 - nothing but success ends the attempts
                trouble = CacheTrouble(CacheFault.FAILED, type(error).__name__)
            if trouble is None or trouble.fault is CacheFault.FULL:
                log.warning("the cache is asked again")
                self._back_since = time.monotonic()
                trouble = None
            self._lost = trouble

    def _tried(self) -> CacheTrouble | None:
        refused = self.refresh()
        pool = self._pool
        if pool is None:
            return refused or self._lost
        trouble = probed(pool.client, pool.settings, self._namespace)
        if trouble is not None:
            # A name may lead elsewhere by now, and a server that became a replica keeps its connections.
            pool.client.connection_pool.disconnect(inuse_connections=False)
        return trouble

    def _begin(self, name: str, work: Callable[[], object]) -> None:
        """Do it in a thread, unless one does; one that died, as in a fork, is followed by another."""
        with self._lock:
            running = self._threads.get(name)
            if (running is not None and running.is_alive()) or self._closing.is_set():
                return
            thread = Thread(target=work, name=f"cache-{name}", daemon=True)
            self._threads[name] = thread
            with suppress(RuntimeError):  # the interpreter is ending
                thread.start()


def _pool_of(settings: RedisSettings) -> _Pool:
    return _Pool(settings, client_of(settings), threading.BoundedSemaphore(settings.connections))
