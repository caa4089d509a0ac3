"""Benchmark `cache`: a read from the shared cache against a raw GET of the same bytes, and without Redis."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from uuid import uuid4

import pyarrow as pa

import bars
from backbone.adapters.redis.cache import RedisCache
from backbone.adapters.redis.client import client_of
from backbone.adapters.redis.connection import RedisConnection
from backbone.adapters.redis.settings import RedisSettings, from_keys
from backbone.market.dimensions import DAILY_BARS
from backbone.market.lineage import Lineage, stamp
from backbone.ports.cache import INSTITUTIONAL, CacheKey
from backbone.ports.store import Selection
from console import step
from measurements import Aim, Figure
from registry import Benchmark
from services.redis_server import RedisServer

YEAR = 250
"""Sessions of one symbol."""
ROUNDS = 9
READS = 1_000
"""Of each contender in a round."""
LOST_READS = 2_000
MICRO = 1e6
ALLOWED_OVER_GET = 150.0
ALLOWED_WITHOUT = 1_000.0


def measure() -> Iterator[Figure]:
    """Hits in turn with raw GETs of their value, then reads with a Redis that was killed or is frozen."""
    rows = symbol_year()
    given = os.environ.get("REDIS_URL")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(RedisServer(folder / "redis"))
        yield from _hits(from_keys("redis", {"uri": given or server.uri()}), rows)
        # Only a server of our own is frozen and killed.
        yield from _lost(server, rows)


def symbol_year() -> pa.Table:
    """One symbol's year in the schema that readers get."""
    facts = bars.make(0).slice(0, YEAR)
    asked = datetime(2024, 1, 2, 3, 4, 5, 678901, UTC)
    return stamp(DAILY_BARS, facts, Lineage("bench-1", 1, asked, "sample"))


def _cache(settings: RedisSettings) -> tuple[RedisCache, CacheKey]:
    policy = replace(INSTITUTIONAL, namespace=f"bench:{uuid4().hex}")
    cache = RedisCache(RedisConnection(lambda: settings, policy.namespace), policy)
    return cache, CacheKey("copy-1", 1, Selection(DAILY_BARS, ("SYM000",), last=YEAR))


def _hits(settings: RedisSettings, rows: pa.Table) -> Iterator[Figure]:
    cache, key = _cache(settings)
    with cache, client_of(settings) as client:
        cache.fetch(key, lambda: rows)
        (place,) = client.scan_iter("bench:*:v1:*")

        def read() -> None:
            if cache.fetch(key, _never).num_rows != YEAR:
                raise RuntimeError("a read of another length")

        def raw() -> None:
            client.get(place)

        with step(f"{ROUNDS} rounds of {READS:,} reads of each"):
            taken = _in_turn({"ours": read, "get": raw})
        size = client.strlen(place)
        cache.invalidate(key.version)
        client.delete(*client.scan_iter("bench:*"))
    title = f"cached read of one symbol-year ({YEAR} daily bars, {size / 1024:.1f} KiB) to Arrow"
    yield Figure("cache/read", title, taken["ours"], "µs", "raw GET of the same bytes", taken["get"])
    yield Figure(
        "cache/over-get",
        f"{title}, beyond a raw GET",
        taken["ours"] - taken["get"],
        "µs",
        aim=Aim("at most", ALLOWED_OVER_GET, of="value"),
    )


def _lost(server: RedisServer, rows: pa.Table) -> Iterator[Figure]:
    settings = from_keys("redis", {"uri": server.uri()})
    for how, lose, back in (
        ("frozen", server.pause, server.resume),
        ("killed", server.kill, server.start),
    ):
        cache, key = _cache(settings)
        with cache:
            cache.fetch(key, lambda: rows)
            lose()
            read = partial(cache.fetch, key, lambda: rows)
            first = _seconds(read, 1)
            with step(f"{LOST_READS:,} reads with Redis {how}"):
                later = sorted(_seconds(read, 1) for _ in range(LOST_READS))
        back()
        yield Figure(f"cache/{how}-first", f"the read that finds Redis {how}", first * 1e3, "ms")
        yield Figure(
            f"cache/{how}-later",
            f"what each later read pays while Redis is {how}, 99th percentile",
            later[int(LOST_READS * 0.99)] * MICRO,
            "µs",
            aim=Aim("at most", ALLOWED_WITHOUT, of="value"),
        )


def _in_turn(contenders: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Median microseconds of a read of each."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, read in contenders.items():
            _seconds(read, READS // 10)
            taken[name] += (_seconds(read, 1) * MICRO for _ in range(READS))
    return {name: median(found) for name, found in taken.items()}


def _seconds(read: Callable[[], object], count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        read()
    return time.perf_counter() - started


def _never() -> pa.Table:
    raise RuntimeError("a cached read that loads")


ABOUT = f"""
`RedisCache` on a Redis of this machine, which REDIS_URL replaces where it is set: find the answer, count it,
keep its place among the {INSTITUTIONAL.max_keys:,}, check it and make a table of it, in one round trip. The
raw GET is redis-py with hiredis on the same settings, and gives bytes. Medians of {ROUNDS * READS:,} reads of
each, {READS:,} at a time in turn. A Redis that is lost costs the read that notices a deadline, a quarter of a
second where nothing answers. What later reads take is what the cache costs without Redis: the load that they
make takes no time here.
"""

BENCHMARK = Benchmark("cache", "The shared cache", ABOUT, measure)
