"""The bootstrap tier's cache: answers in this process's memory."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..ports.cache import CacheCounts, CacheKey, CachePolicy

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class _Entry:
    key: CacheKey
    rows: pa.Table
    expires_at: datetime
    priority: int


@dataclass(slots=True)
class _Flight:
    """An answer that is being loaded."""

    key: CacheKey
    landing: Future[pa.Table]
    kept: bool = True


class MemoryCache:
    """A cache.Cache. The lowest priority goes first, and within it what was not asked for longest.

    `clock` tells the time in UTC. The bound is on keys and not on bytes.
    """

    def __init__(self, policy: CachePolicy, clock: Callable[[], datetime]) -> None:
        self._policy = policy
        self._clock = clock
        self._lock = Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._flights: dict[str, _Flight] = {}
        self._counted: Counter[str] = Counter()

    def fetch(self, key: CacheKey, load: Callable[[], pa.Table]) -> pa.Table:
        """The answer that is held, or what `load` gives; one thread loads at a time for a key."""
        name = key.text(self._policy.namespace)
        with self._lock:
            held = self._held(name)
            if held is not None:
                self._counted["hits"] += 1
                return held
            flight = self._flights.get(name)
            self._counted["hits" if flight else "misses"] += 1
            if flight is None:
                mine = self._flights[name] = _Flight(key, Future())
        if flight is not None:
            return flight.landing.result()
        return self._load(name, key, mine, load)

    def invalidate(self, version: str, subjects: AbstractSet[str] | None = None) -> int:
        """Drop the answers of a version, or those about some subjects of it; how many."""
        with self._lock:
            for name, flight in list(self._flights.items()):
                if flight.key.about(version, subjects):
                    flight.kept = False
                    del self._flights[name]
            gone = [name for name, entry in self._entries.items() if entry.key.about(version, subjects)]
            for name in gone:
                del self._entries[name]
            self._counted["invalidations"] += len(gone)
        return len(gone)

    def counts(self) -> CacheCounts:
        """What happened so far."""
        with self._lock:
            counted: dict[str, Any] = dict(self._counted)
            return CacheCounts(**counted, keys=len(self._entries))

    def _held(self, name: str) -> pa.Table | None:
        entry = self._entries.get(name)
        if entry is None:
            return None
        if entry.expires_at <= self._clock():
            del self._entries[name]
            self._counted["expirations"] += 1
            return None
        self._entries.move_to_end(name)
        return entry.rows

    def _load(self, name: str, key: CacheKey, flight: _Flight, load: Callable[[], pa.Table]) -> pa.Table:
        try:
            rows = load()
        except BaseException as error:
            self._land(name, flight)
            flight.landing.set_exception(error)
            raise
        self._land(name, flight, self._entry(key, rows))
        flight.landing.set_result(rows)
        return rows

    def _entry(self, key: CacheKey, rows: pa.Table) -> _Entry:
        subjects = key.selection.subjects
        expires_at = self._clock() + self._policy.ttl_of(subjects)
        return _Entry(key, rows, expires_at, self._policy.priority_of(subjects))

    def _land(self, name: str, flight: _Flight, entry: _Entry | None = None) -> None:
        with self._lock:
            if not flight.kept:
                return
            del self._flights[name]
            if entry is None:
                return
            self._entries[name] = entry
            if len(self._entries) > self._policy.max_keys:
                self._make_room()

    def _make_room(self) -> None:
        now = self._clock()
        # Entries stand in the order of their last use, and of equals min() takes the first.
        name, entry = min(
            self._entries.items(), key=lambda item: (item[1].expires_at > now, item[1].priority)
        )
        del self._entries[name]
        self._counted["expirations" if entry.expires_at <= now else "evictions"] += 1
