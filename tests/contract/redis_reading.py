"""Reading through a cache on Redis while something is done to it, and what that cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import pyarrow as pa

from backbone.adapters.redis.cache import RedisCache
from backbone.market.dimensions import DAILY_BARS
from backbone.ports.cache import CacheKey
from backbone.ports.store import Selection

WAIT = 20.0


def key(*subjects: str, version: str = "copy-1") -> CacheKey:
    return CacheKey(version, 1, Selection(DAILY_BARS, subjects))


def rows(value: float = 1.0) -> pa.Table:
    return pa.table({"close": [value]})


def answer(cache: RedisCache, wanted: CacheKey, value: float = 1.0) -> float:
    """What a fetch gives whose load would give `value`."""
    given: float = cache.fetch(wanted, lambda: rows(value))["close"][0].as_py()
    return given


def loads(cache: RedisCache, wanted: CacheKey) -> bool:
    """Whether a fetch has to load."""
    loaded = []
    cache.fetch(wanted, lambda: loaded.append(True) or rows())  # type: ignore[func-returns-value]
    return bool(loaded)


def seconds(read: Callable[[], object]) -> float:
    """How long a read takes."""
    started = time.perf_counter()
    read()
    return time.perf_counter() - started


def until(said: Callable[[], bool], wait: float = WAIT) -> float:
    """Look again and again until it is so; how long that took."""
    started = time.monotonic()
    while not said():
        if time.monotonic() - started > wait:
            raise AssertionError(f"not within {wait:.0f} s")
        time.sleep(0.01)
    return time.monotonic() - started


@dataclass
class Readers:
    """Threads that read some symbols all the time and check each answer, as long as the block lasts."""

    cache: RedisCache
    threads: int = 4
    symbols: int = 20
    reads: int = 0
    loads: int = 0
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def __enter__(self) -> Self:
        rows()  # the first table of a process imports pandas, which is no part of a read
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._running = [threading.Thread(target=self._read, args=(n,)) for n in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        for thread in self._running:
            thread.join(WAIT)

    def more(self, count: int) -> None:
        """Wait until so many more reads have ended."""
        target = self.reads + count
        until(lambda: self.reads >= target)

    def _read(self, number: int) -> None:
        step = number
        while not self._ending.is_set():
            step += 1
            wanted = float(step % self.symbols)
            started = time.perf_counter()
            try:
                given = self.cache.fetch(key(f"S{wanted:.0f}"), lambda value=wanted: self._load(value))
                found = given["close"][0].as_py()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what must not happen
                found = repr(error)
            took = time.perf_counter() - started
            with self._lock:
                self.reads += 1
                self.slowest = max(self.slowest, took)
                if found != wanted:
                    self.wrong.append(f"{found} instead of {wanted}")

    def _load(self, value: float) -> pa.Table:
        with self._lock:
            self.loads += 1
        return rows(value)
