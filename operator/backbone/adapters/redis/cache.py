"""The institutional tier's cache: answers on Redis, for every process that reads the same backbone."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ...ports.cache import ALL, CacheCounts, CacheFault, CacheKey, CachePolicy, CacheTrouble, tags_of
from ..arrow_values import CorruptValue, packed, unpacked
from .connection import RedisConnection
from .counts import ProcessCounts
from .errors import CacheUnavailable, fault_of_reply
from .scripts import (
    BAND,
    FIND,
    FIRST_GENERATION,
    GLANCE,
    HELD,
    INVALIDATE,
    KEEP,
    MARK_DIGITS,
    RELEASE,
    USED,
)
from .settings import from_folder

if TYPE_CHECKING:
    import pyarrow as pa

LOAD_SECONDS = 2.0
"""How long a process is let alone with a load before others load the same answer too."""
FIRST_GLANCE = 0.002
LONGEST_GLANCE = 0.05
"""Seconds between two looks whether another process has loaded."""
GENERATION_SLACK = timedelta(hours=1)
"""A load may take so long; one that takes longer is not kept."""
LARGEST_VALUE = 4 << 20
"""Bytes; a larger value would not come in time."""
MOST_SUBJECTS = 1_000
"""Where more have changed, every answer of the version goes."""
SHARED_COUNTS = ("hits", "misses", "evictions", "expirations", "invalidations")


@dataclass(slots=True)
class _Flight:
    """An answer that this process is getting."""

    key: CacheKey
    landing: Future[pa.Table]


@dataclass(slots=True)
class _Glimpse:
    """What one plain read found: the answer, or one that does not read back, or why there was no look."""

    rows: pa.Table | None = None
    corrupt: bool = False
    fault: CacheFault | None = None


_NOTHING = _Glimpse()


@dataclass(frozen=True, slots=True)
class _Ticket:
    """The right to load an answer, for the present marks of what it is about."""

    keys: Sequence[str]
    mark: str
    marks: bytes


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
        self._policy = policy
        self._lock = Lock()
        self._flights: dict[str, _Flight] = {}
        self._counts = ProcessCounts()
        self._owed: set[tuple[str, frozenset[str] | None]] = set()
        self._shared = [f"{policy.namespace}:{name}" for name in ("index", "expiries", "counts")]
        longest = max((policy.ttl, *(tier.ttl for tier in policy.tiers if tier.ttl is not None)))
        self._generation_ms = _milliseconds(longest + GENERATION_SLACK)

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
        name = key.text(self._policy.namespace)
        glimpse = _NOTHING if name in self._flights else self._glimpsed(name, key)
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
            rows = self._answer(name, key, glimpse, load)
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
            self._tell()
            keys = self._held()[0]
        return self._counts.so_far(keys)

    def totals(self) -> CacheCounts | CacheTrouble:
        """What all processes did, as Redis counted it; the trouble where it cannot be asked.

        Redis counts what it is asked: not a fetch that waited for another thread of its process, and not one
        that went past it. Other processes' hits of the last second may be missing. The counts begin anew when
        Redis loses its data.
        """
        try:
            self._tell()
            keys, *told = self._held()
        except CacheUnavailable as error:
            return error.trouble
        shared: dict[str, Any] = {
            name: int(count or 0) for name, count in zip(SHARED_COUNTS, told, strict=True)
        }
        return CacheCounts(**shared, keys=keys)

    def refresh(self) -> CacheTrouble | None:
        """Look at the connection's settings now instead of soon; why they are not taken."""
        return self._connection.refresh()

    def close(self) -> None:
        """Let go of Redis; what is held there stays. Later fetches load."""
        with suppress(CacheUnavailable):
            self._tell()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _glimpsed(self, name: str, key: CacheKey) -> _Glimpse:
        """What is held of an answer, if it has the present marks."""
        try:
            self._settle()
            held, *marks = self._connection.run(GLANCE, [name, *self._generations(key)], ())
        except CacheUnavailable as error:
            return _Glimpse(fault=error.fault)
        if held is None or None in marks or not held.startswith(b"".join(marks)):
            return _NOTHING
        rows = self._read(held, len(marks))
        if rows is None:
            return _Glimpse(corrupt=True)
        if self._counts.hit(name, self._base(key)):
            with suppress(CacheUnavailable):
                self._tell()
        return _Glimpse(rows)

    def _answer(self, name: str, key: CacheKey, glimpse: _Glimpse, load: Callable[[], pa.Table]) -> pa.Table:
        """The answer after a glimpse that had none: another process's, or what `load` gives."""
        fault = glimpse.fault
        if fault is None:
            try:
                self._settle()
                self._tell()
                keys = [name, f"{name}:loading", *self._shared, *self._generations(key)]
                found = self._found(keys, corrupt=glimpse.corrupt)
            except CacheUnavailable as error:
                fault = error.fault
        if fault is not None:
            self._counts.count("misses", fallback=fault)
            return load()
        if not isinstance(found, _Ticket):
            self._counts.hit(name, self._base(key))
            return found
        try:
            rows = load()
        except BaseException:
            self._release(found)
            raise
        self._keep(found, key, rows)
        return rows

    def _generations(self, key: CacheKey) -> list[str]:
        return self._generations_of(key.version, ("", *key.tags))

    def _generations_of(self, version: str, tags: Sequence[str]) -> list[str]:
        return [f"{self._policy.namespace}:generation:{tag}:{version}" for tag in tags]

    def _read(self, held: bytes, marks: int) -> pa.Table | None:
        try:
            return unpacked(memoryview(held)[marks * MARK_DIGITS :])
        except CorruptValue:
            self._counts.count(fallback=CacheFault.CORRUPT)
            return None

    def _found(self, keys: Sequence[str], *, corrupt: bool) -> pa.Table | _Ticket:
        """The answer, or the right to load it. Raises CacheUnavailable."""
        mark, milliseconds = secrets.token_hex(MARK_DIGITS // 2), int(LOAD_SECONDS * 1000)
        glance, until = FIRST_GLANCE, time.monotonic() + LOAD_SECONDS
        while True:
            insists = int(time.monotonic() >= until)
            asked = (mark, milliseconds, self._generation_ms, insists, int(corrupt))
            told = self._connection.run(FIND, keys, asked)
            corrupt = False
            if isinstance(told, bytes):
                rows = self._read(told, len(keys) - FIRST_GENERATION)
                if rows is not None:
                    return rows
                corrupt = True
            elif told is not None:
                marks, expired, evicted = told
                self._counts.count("misses", expirations=expired, evictions=evicted)
                if insists:
                    self._counts.count(fallback=CacheFault.LOAD_OVERDUE)
                return _Ticket(keys, mark, marks)
            else:
                time.sleep(glance)
                glance = min(LONGEST_GLANCE, glance * 2)

    def _tell(self) -> None:
        """Tell Redis of the hits so far; what it does not hear is not told again. Raises CacheUnavailable."""
        names, told = self._counts.untold()
        if names:
            self._connection.run(USED, [*names, *self._shared], told)

    def _keep(self, ticket: _Ticket, key: CacheKey, rows: pa.Table) -> None:
        value = packed(rows)
        if len(value) > LARGEST_VALUE:
            self._counts.count(fallback=CacheFault.TOO_LARGE)
            self._release(ticket)
            return
        ttl = _milliseconds(self._policy.ttl_of(key.selection.subjects))
        given = (
            ticket.mark,
            ticket.marks,
            ticket.marks + value,
            ttl,
            self._base(key),
            self._policy.max_keys,
        )
        try:
            expired, evicted, refused = self._connection.run(KEEP, ticket.keys, given)
        except CacheUnavailable as error:
            self._counts.count(fallback=error.fault)
            return
        self._counts.count(
            expirations=expired,
            evictions=evicted,
            fallback=fault_of_reply(refused.decode()) if refused else None,
        )

    def _release(self, ticket: _Ticket) -> None:
        with suppress(CacheUnavailable):  # it ends by itself
            self._connection.run(RELEASE, ticket.keys[1:2], (ticket.mark,))

    def _settle(self) -> None:
        """Make what invalidations are owed. Raises CacheUnavailable."""
        for version, subjects in tuple(self._owed):
            self._pay(version, subjects)

    def _pay(self, version: str, subjects: frozenset[str] | None) -> int:
        """Make an invalidation that is owed. Raises CacheUnavailable."""
        namespace = self._policy.namespace
        tags = () if subjects is None else (ALL, *tags_of(subjects))
        gone: int = self._connection.run(
            INVALIDATE,
            [*self._shared, *self._generations_of(version, tags or ("",))],
            (f"{namespace}:v", f":{version}:", *tags),
        )
        with self._lock:
            self._owed.discard((version, subjects))
        self._counts.count(invalidations=gone)
        return gone

    def _held(self) -> list[Any]:
        """How many answers are held, and the shared counts. Raises CacheUnavailable."""
        told: list[Any] = self._connection.run(HELD, self._shared[1:], SHARED_COUNTS)
        return told

    def _base(self, key: CacheKey) -> int:
        return self._policy.priority_of(key.selection.subjects) * BAND

    def _land(self, name: str, flight: _Flight) -> None:
        with self._lock:
            if self._flights.get(name) is flight:
                del self._flights[name]


def _milliseconds(span: timedelta) -> int:
    return max(1, span // timedelta(milliseconds=1))
