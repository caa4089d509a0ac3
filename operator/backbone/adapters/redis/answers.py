"""Answers in one namespace of Redis: found, claimed, kept, ended."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ...ports.cache import ALL, CacheCounts, CacheFault, CacheKey, CachePolicy, tags_of
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
SHARED_COUNTS = ("hits", "misses", "evictions", "expirations", "invalidations")


@dataclass(slots=True)
class Glimpse:
    """What one plain read found: the answer, or one that does not read back, or neither."""

    rows: pa.Table | None = None
    corrupt: bool = False


NOTHING = Glimpse()


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to load an answer, for the present marks of what it is about."""

    keys: Sequence[str]
    mark: str
    marks: bytes


class RedisAnswers:
    """Asks Redis, and counts what came of it. Where it cannot be asked, CacheUnavailable is raised."""

    def __init__(self, connection: RedisConnection, policy: CachePolicy, counts: ProcessCounts) -> None:
        self._connection = connection
        self._policy = policy
        self._counts = counts
        self._shared = [f"{policy.namespace}:{name}" for name in ("index", "expiries", "counts")]
        longest = max((policy.ttl, *(tier.ttl for tier in policy.tiers if tier.ttl is not None)))
        self._generation_ms = _milliseconds(longest + GENERATION_SLACK)

    def glimpse(self, name: str, key: CacheKey) -> Glimpse:
        """What is held of an answer, if it has the present marks; a hit is counted."""
        held, *marks = self._connection.run(GLANCE, [name, *self._generations(key)], ())
        if held is None or None in marks or not held.startswith(b"".join(marks)):
            return NOTHING
        rows = self._read(held, len(marks))
        if rows is None:
            return Glimpse(corrupt=True)
        if self._counts.hit(name, self._base(key)):
            with suppress(CacheUnavailable):
                self.tell()
        return Glimpse(rows)

    def claim(self, name: str, key: CacheKey, *, corrupt: bool) -> pa.Table | Ticket:
        """The answer, once somebody has loaded it, or the right to load it."""
        keys = [name, f"{name}:loading", *self._shared, *self._generations(key)]
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
                    self._counts.hit(name, self._base(key))
                    return rows
                corrupt = True
            elif told is not None:
                marks, expired, evicted = told
                self._counts.count("misses", expirations=expired, evictions=evicted)
                if insists:
                    self._counts.count(fallback=CacheFault.LOAD_OVERDUE)
                return Ticket(keys, mark, marks)
            else:
                time.sleep(glance)
                glance = min(LONGEST_GLANCE, glance * 2)

    def keep(self, ticket: Ticket, key: CacheKey, rows: pa.Table) -> None:
        """Keep what was loaded, as far as that goes; raises nothing."""
        value = packed(rows)
        if len(value) > LARGEST_VALUE:
            self._counts.count(fallback=CacheFault.TOO_LARGE)
            self.release(ticket)
            return
        ttl = _milliseconds(self._policy.ttl_of(key.selection.subjects))
        given = (
            *(ticket.mark, ticket.marks, ticket.marks + value),
            *(ttl, self._base(key), self._policy.max_keys),
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

    def release(self, ticket: Ticket) -> None:
        """Let somebody else load; raises nothing."""
        with suppress(CacheUnavailable):  # it ends by itself
            self._connection.run(RELEASE, ticket.keys[1:2], (ticket.mark,))

    def invalidate(self, version: str, subjects: AbstractSet[str] | None) -> int:
        """End the answers of a version, or those about some subjects of it; how many."""
        namespace = self._policy.namespace
        tags = () if subjects is None else (ALL, *tags_of(subjects))
        gone: int = self._connection.run(
            INVALIDATE,
            [*self._shared, *self._generations_of(version, tags or ("",))],
            (f"{namespace}:v", f":{version}:", *tags),
        )
        self._counts.count(invalidations=gone)
        return gone

    def tell(self) -> None:
        """Tell Redis of the hits so far; what it does not hear is not told again."""
        names, told = self._counts.untold()
        if names:
            self._connection.run(USED, [*names, *self._shared], told)

    def totals(self) -> CacheCounts:
        """What all processes did so far, and how many answers are held."""
        keys, *told = self._connection.run(HELD, self._shared[1:], SHARED_COUNTS)
        shared: dict[str, Any] = {
            name: int(count or 0) for name, count in zip(SHARED_COUNTS, told, strict=True)
        }
        return CacheCounts(**shared, keys=keys)

    def _read(self, held: bytes, marks: int) -> pa.Table | None:
        try:
            return unpacked(memoryview(held)[marks * MARK_DIGITS :])
        except CorruptValue:
            self._counts.count(fallback=CacheFault.CORRUPT)
            return None

    def _generations(self, key: CacheKey) -> list[str]:
        return self._generations_of(key.version, ("", *key.tags))

    def _generations_of(self, version: str, tags: Sequence[str]) -> list[str]:
        return [f"{self._policy.namespace}:generation:{tag}:{version}" for tag in tags]

    def _base(self, key: CacheKey) -> int:
        return self._policy.priority_of(key.selection.subjects) * BAND


def _milliseconds(span: timedelta) -> int:
    return max(1, span // timedelta(milliseconds=1))
