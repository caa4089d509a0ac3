"""For a program that reads the institutional tier's TimescaleDB; importing this needs psycopg.

with (
    RedisCache.of_secret(Path("/etc/backbone/secrets/redis"), INSTITUTIONAL) as cache,
    DatabaseClient.of_secret(Path("/etc/backbone/secrets/timescale"), cache=cache) as client,
    client.snapshot() as data,
):
    bars = data.rows(DAILY_BARS, ["AAPL"], last=250)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self, Unpack

from ..adapters.memory import MemoryCache
from ..adapters.timescale.cache_marks import cache_version, database_mark_of
from ..adapters.timescale.pool import DatabasePool
from ..adapters.timescale.reader import TimescaleReader
from ..adapters.timescale.settings import ConnectionSettings, from_folder, from_keys
from ..adapters.timescale.watch import SecretWatch
from ..market.dimensions import Dimension
from ..ports.cache import INSTITUTIONAL, Cache, CacheCounts, CachePolicy
from ..ports.database import DatabaseFault, DatabaseFinding
from ..ports.store import Line
from .errors import NothingPublished, StoreError
from .fitness import Fitness
from .inquiry import unknown
from .snapshot import Condition, Snapshot, View, inquiry_of

MARK_STANDS = timedelta(seconds=10)
"""How long a database is taken for the same one before it is asked again."""

__all__ = [
    "ConnectionSettings",
    "DatabaseClient",
    "DatabaseFault",
    "DatabaseFinding",
    "from_folder",
    "from_keys",
]

READ_DEADLINE = 5.0
"""Seconds that a read waits for an answer."""
CONNECTING = 0.6
"""Part of them in which a new connection has to come about: an old one may have been tried before."""


class DatabaseClient:
    """Reads what runs commit to TimescaleDB. Safe to use from several threads; make one.

    It has the calls of client.Client. `rows` may come from the cache, and are then at most as old as the
    policy's time to live: a run ends the answers about symbols of which it changed rows. Without a shared
    `cache`, which runs know of, answers in this process's memory live out their time. Which sources hold a
    symbol is remembered for as long.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        *,
        policy: CachePolicy = INSTITUTIONAL,
        cache: Cache | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        deadline: float = READ_DEADLINE,
    ) -> None:
        """Connects to nothing yet. Who makes a `cache` closes it.

        A database that leaves a read without an answer for `deadline` seconds, or a batch without the next
        one, ends it with StoreError. What takes longer in good health needs a longer one. One below three
        seconds is kept by what is asked, and not by a new connection, which has two.
        """
        self._policy = policy
        self._clock = clock
        self._cache: Cache = MemoryCache(policy, clock) if cache is None else cache
        connecting = min(settings.connect_timeout, max(2, int(deadline * CONNECTING)))
        self._pool = DatabasePool(replace(settings, patience=deadline, connect_timeout=connecting))
        self._closing = ExitStack()
        self._watch: SecretWatch | None = None
        self._lock = Lock()
        self._mark: tuple[str, ConnectionSettings] | None = None
        self._mark_since = clock()
        self._lines: dict[tuple[str, str], tuple[Line, ...]] = {}
        self._lines_since = clock()

    @classmethod
    def of_secret(
        cls,
        folder: Path,
        *,
        policy: CachePolicy = INSTITUTIONAL,
        cache: Cache | None = None,
        deadline: float = READ_DEADLINE,
    ) -> Self:
        """With the connection that a Secret's folder names, followed while it changes.

        The folder is looked at every 10 s. Changed settings are tried first: good ones get new connections
        and the old ones drain; wrong ones change nothing but `trouble`. Raises Rejected where it names none.
        """
        client = cls(from_folder(folder.name, folder), policy=policy, cache=cache, deadline=deadline)
        client._watch = client._closing.enter_context(SecretWatch(client._pool, folder))
        return client

    @property
    def trouble(self) -> DatabaseFinding | None:
        """Why the Secret as it is now was not taken; None if nothing is wrong with it."""
        return self._watch.trouble if self._watch is not None else None

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """What is committed, each answer as of its time. Raises NothingPublished, StoreError."""
        mark = self._known()
        view = View(mark, TimescaleReader(self._pool), self._present_lines(), partial(cache_version, mark))
        yield Snapshot(view, self._cache, self._clock)

    def fitness(
        self, dimension: Dimension, subjects: Iterable[str], **condition: Unpack[Condition]
    ) -> Fitness:
        """As Snapshot.fitness, past every cache, and Unknown where the database cannot be asked."""
        inquiry = inquiry_of(dimension, subjects, condition, self._clock)
        try:
            with self.snapshot() as data:
                return data.fitness(dimension, inquiry.subjects, **condition)
        except (NothingPublished, StoreError) as error:
            return unknown(inquiry, str(error))

    def cache_counts(self) -> CacheCounts:
        """What the cache did so far."""
        return self._cache.counts()

    def close(self) -> None:
        """Close every connection that nobody uses, and the others when they come back."""
        self._closing.close()
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _known(self) -> str:
        """The mark of the database, which another one can take the place of while this lives.

        Where it cannot be asked the answers that are cached stand. Raises NothingPublished, StoreError.
        """
        with self._lock:
            known, now, place = self._mark, self._clock(), self._pool.settings
            if known is not None and known[1] == place and now - self._mark_since <= MARK_STANDS:
                return known[0]
        try:
            mark = database_mark_of(self._pool)
        except StoreError:
            if known is None or known[1] != place:
                raise
            mark = known[0]
        with self._lock:
            if known is not None and mark != known[0]:
                self._lines = {}
            self._mark, self._mark_since = (mark, place), now
        return mark

    def _present_lines(self) -> dict[tuple[str, str], tuple[Line, ...]]:
        with self._lock:
            now = self._clock()
            if now - self._lines_since > self._policy.ttl:
                self._lines, self._lines_since = {}, now
            return self._lines
