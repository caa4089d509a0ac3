"""The institutional tier's cache: answers on Redis, for every process that reads the same backbone."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ...ports.cache import CacheCounts, CacheKey, CachePolicy, CacheTrouble
from .answers import NOTHING, RedisAnswers, Ticket
from .connection import RedisConnection
from .counts import ProcessCounts
from .errors import CacheUnavailable
from .settings import from_folder

if TYPE_CHECKING:
    import pyarrow as pa

MOST_SUBJECTS = 1_000
"""Where more have changed, every answer of the version goes."""


@dataclass(slots=True)
class _Flight:
    """An answer that this process is getting."""

    key: CacheKey
    landing: Future[pa.Table]


class RedisCache:
    """A cache.Cache that processes share. Makes nothing fail: what Redis cannot do, `load` does.

    The lowest priority goes first, and within it what was not used for longest. Within a process one thread
    loads an answer and the others wait for it; between processes one loads, and the others look again until
    it is there, for at most two seconds. A fetch that begins while this process loads the same answer gets
    what that load found, even if another process has ended its version in between. A hit is one plain read
    of Redis, which hears of hits together: once a second of use, and before it is asked for anything else.
    """

    def __init__(self, connection: RedisConnection, policy: CachePolicy) -> None:
        """Asks nothing yet; `connection` is of the policy's namespace and is closed with the cache."""
        self._connection = connection
        self._namespace = policy.namespace
        self._counts = ProcessCounts()
        self._answers = RedisAnswers(connection, policy, self._counts)
        self._lock = Lock()
        self._flights: dict[str, _Flight] = {}
        self._owed: set[tuple[str, frozenset[str] | None]] = set()

    @classmethod
    def of_secret(cls, folder: Path, policy: CachePolicy) -> Self:
        """With the connection that a Secret's folder names, mounted by Kubernetes or made by hand.

        It need not be there yet, and it may change at any time.
        """
        return cls(RedisConnection(partial(from_folder, folder.name, folder), policy.namespace), policy)

    @property
    def trouble(self) -> CacheTrouble | None:
        """What is wrong with the connection now; None if nothing is."""
        return self._connection.trouble

    def fetch(self, key: CacheKey, load: Callable[[], pa.Table]) -> pa.Table:
        """The answer that is held, or what `load` gives; one thread loads at a time for a key."""
        name = key.text(self._namespace)
        glimpse, lost = NOTHING, None
        if name not in self._flights:
            try:
                self._settle()
                glimpse = self._answers.glimpse(name, key)
            except CacheUnavailable as error:
                lost = error
            if glimpse.rows is not None:
                return glimpse.rows
        with self._lock:
            flight = self._flights.get(name)
            if flight is None:
                mine = self._flights[name] = _Flight(key, Future())
        if flight is not None:
            self._counts.count("hits")
            return flight.landing.result()
        try:
            claim = self._claimed(name, key, lost, corrupt=glimpse.corrupt)
            rows = self._loaded(claim, key, load) if isinstance(claim, Ticket | None) else claim
        except BaseException as error:
            self._land(name, mine)
            mine.landing.set_exception(error)
            raise
        self._land(name, mine)
        mine.landing.set_result(rows)
        return rows

    def invalidate(self, version: str, subjects: AbstractSet[str] | None = None) -> int | None:
        """Drop the answers of a version, or those about some subjects of it; how many.

        None where it is owed.
        """
        some = None if subjects is None or len(subjects) > MOST_SUBJECTS else frozenset(subjects)
        with self._lock:
            for name, flight in list(self._flights.items()):
                if flight.key.about(version, subjects):
                    del self._flights[name]
            self._owed.add((version, some))
        try:
            return self._pay(version, some)
        except CacheUnavailable as error:
            self._counts.count(fallback=error.fault)
            with self._lock:
                # What is owed does not grow while Redis is away.
                self._owed.discard((version, some))
                self._owed.add((version, None))
            return None

    def counts(self) -> CacheCounts:
        """What this process did so far, and how many answers all of them hold."""
        keys = None
        with suppress(CacheUnavailable):
            self._answers.tell()
            keys = self._answers.totals().keys
        return self._counts.so_far(keys)

    def totals(self) -> CacheCounts | CacheTrouble:
        """What all processes did, as Redis counted it; the trouble where it cannot be asked.

        Redis counts what it is asked: not a fetch that waited for another thread of its process, and not one
        that went past it. Other processes' hits of the last second may be missing. The counts begin anew when
        Redis loses its data.
        """
        try:
            self._answers.tell()
            return self._answers.totals()
        except CacheUnavailable as error:
            return error.trouble

    def refresh(self) -> CacheTrouble | None:
        """Look at the connection's settings now instead of soon; why they are not taken."""
        return self._connection.refresh()

    def close(self) -> None:
        """Let go of Redis; what is held there stays. Later fetches load."""
        with suppress(CacheUnavailable):
            self._answers.tell()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _claimed(
        self, name: str, key: CacheKey, lost: CacheUnavailable | None, *, corrupt: bool
    ) -> pa.Table | Ticket | None:
        """Another process's answer, or the right to load it; None where Redis cannot be asked."""
        try:
            if lost is not None:
                raise lost
            self._settle()
            self._answers.tell()
            return self._answers.claim(name, key, corrupt=corrupt)
        except CacheUnavailable as error:
            self._counts.count("misses", fallback=error.fault)
            return None

    def _loaded(self, ticket: Ticket | None, key: CacheKey, load: Callable[[], pa.Table]) -> pa.Table:
        """What `load` gives, kept for others where there is a ticket."""
        try:
            rows = load()
        except BaseException:
            if ticket is not None:
                self._answers.release(ticket)
            raise
        if ticket is not None:
            self._answers.keep(ticket, key, rows)
        return rows

    def _settle(self) -> None:
        """Make what invalidations are owed. Raises CacheUnavailable."""
        for version, subjects in tuple(self._owed):
            self._pay(version, subjects)

    def _pay(self, version: str, subjects: frozenset[str] | None) -> int:
        """Make an invalidation that is owed. Raises CacheUnavailable."""
        gone = self._answers.invalidate(version, subjects)
        with self._lock:
            self._owed.discard((version, subjects))
        return gone

    def _land(self, name: str, flight: _Flight) -> None:
        with self._lock:
            if self._flights.get(name) is flight:
                del self._flights[name]
