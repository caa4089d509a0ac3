"""What one process did with a shared cache, and hits that Redis does not know of yet."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from threading import Lock
from typing import Any

from ...ports.cache import CacheCounts, CacheFault

TELL_SECONDS = 1.0
MOST_UNTOLD = 256
"""How long, and of how many answers, a process keeps hits to itself before it tells Redis."""


@dataclass(slots=True)
class _Use:
    base: int
    hits: int = 0


class ProcessCounts:
    """Counts of one process, from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counted: Counter[str] = Counter()
        self._fallbacks: Counter[CacheFault] = Counter()
        self._untold: dict[str, _Use] = {}
        self._due = time.monotonic() + TELL_SECONDS

    def count(self, name: str | None = None, *, fallback: CacheFault | None = None, **more: int) -> None:
        """One of a name, a read that the cache was no help to, and any number of others."""
        with self._lock:
            if name is not None:
                self._counted[name] += 1
            self._counted.update(more)
            if fallback is not None:
                self._fallbacks[fallback] += 1

    def hit(self, name: str, base: int) -> bool:
        """Count a hit of an answer, the base of whose rank is given; whether it is time to tell Redis."""
        with self._lock:
            self._counted["hits"] += 1
            use = self._untold.pop(name, None) or _Use(base)
            use.hits += 1
            self._untold[name] = use  # at the end: used last
            return len(self._untold) >= MOST_UNTOLD or time.monotonic() >= self._due

    def untold(self) -> tuple[list[str], list[int]]:
        """What scripts.USED takes: names of answers, with base and hits of each. They count as reported."""
        with self._lock:
            uses, self._untold = self._untold, {}
            self._due = time.monotonic() + TELL_SECONDS
        return list(uses), [number for use in uses.values() for number in (use.base, use.hits)]

    def so_far(self, keys: int | None) -> CacheCounts:
        """All of it, with the number of answers that are held."""
        with self._lock:
            counted: dict[str, Any] = dict(self._counted)
            return CacheCounts(**counted, keys=keys, fallbacks=dict(self._fallbacks))
