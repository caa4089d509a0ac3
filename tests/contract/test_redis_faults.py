"""Whatever happens to Redis: reads are right and go on, cost little after the first, and it is used again."""

from __future__ import annotations

import os
import statistics
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from backbone.adapters.redis import connection as redis_connection
from backbone.adapters.redis.cache import RedisCache
from backbone.adapters.redis.client import validated
from backbone.adapters.redis.connection import RedisConnection
from backbone.adapters.redis.settings import RedisSettings, from_keys
from backbone.ports.cache import INSTITUTIONAL, CacheFault
from redis_place import CACHE_USER, PREFIX
from redis_reading import Readers, answer, key, loads, rows, seconds, until
from services.redis_server import RedisServer, User
from tcp_proxy import TcpProxy

POLICY = replace(INSTITUTIONAL, namespace=f"{PREFIX}:faults")
DEADLINE = RedisSettings("").command_timeout
FEW = 0.005
"""Seconds that a read may take at the median while Redis is lost."""
SLACK = 0.25
"""For a machine that does other things too."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis", users={"cache": CACHE_USER}) as made:
        yield made


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants to watch pauses of 15 s."""
    monkeypatch.setattr(redis_connection, "LONGEST_PAUSE", 0.5)


@contextmanager
def cached(server: RedisServer, *, port: int | None = None) -> Iterator[RedisCache]:
    """A cache on the server, or on what stands before it."""
    settings = from_keys("redis", {"uri": server.uri("cache")})
    settings = replace(settings, port=port or settings.port)
    with RedisCache(RedisConnection(lambda: settings, POLICY.namespace), POLICY) as made:
        yield made


def lost_and_found(
    cache: RedisCache, lose: Callable[[], object], find: Callable[[], object], faults: set[CacheFault]
) -> None:
    """Reads before, during and after: none is wrong, few are slow, and hits come back by themselves."""
    with Readers(cache) as readers:
        readers.more(200)
        assert cache.counts().hits > 0
        lose()
        until(lambda: cache.trouble is not None)
        assert cache.trouble is not None
        assert cache.trouble.fault in faults
        loaded = readers.loads
        readers.more(400)
        # The others joined a load of another thread.
        assert readers.loads - loaded > 400 / readers.threads
        taken = [seconds(partial(answer, cache, key(f"T{step}"), 1.0)) for step in range(50)]
        assert statistics.median(taken) < FEW
        find()
        until(lambda: cache.trouble is None)
        hits = cache.counts().hits
        until(lambda: cache.counts().hits > hits + 100)
    assert readers.wrong == []
    assert readers.slowest < 2 * DEADLINE + SLACK
    counts = cache.counts()
    assert counts.fallbacks[CacheFault.PAUSED] > 0
    assert sum(counts.fallbacks[fault] for fault in faults if fault in counts.fallbacks) > 0


def test_killed_and_started_again(server: RedisServer) -> None:
    with cached(server) as cache:
        lost_and_found(
            cache,
            server.kill,
            server.start,
            {CacheFault.CONNECTION_LOST, CacheFault.CONNECTION_REFUSED},
        )


def test_frozen_and_woken(server: RedisServer) -> None:
    with cached(server) as cache:
        lost_and_found(cache, server.pause, server.resume, {CacheFault.TIMED_OUT})


def test_late_by_two_seconds(server: RedisServer) -> None:
    with TcpProxy(server.port) as proxy, cached(server, port=proxy.port) as cache:
        lost_and_found(
            cache,
            lambda: setattr(proxy, "delay", 2.0),
            lambda: setattr(proxy, "delay", 0.0),
            {CacheFault.TIMED_OUT},
        )


def test_a_connection_that_is_open_on_our_side_alone(server: RedisServer) -> None:
    with TcpProxy(server.port) as proxy, cached(server, port=proxy.port) as cache:
        lost_and_found(
            cache,
            lambda: setattr(proxy, "silent", True),
            lambda: setattr(proxy, "silent", False),
            {CacheFault.TIMED_OUT},
        )


def test_a_primary_that_becomes_a_replica(server: RedisServer, tmp_path: Path) -> None:
    with RedisServer(tmp_path / "other") as other, cached(server) as cache:

        def follow() -> None:
            server.command("CONFIG", "SET", "masteruser", "admin")
            server.command("CONFIG", "SET", "masterauth", other.password)
            server.command("REPLICAOF", "127.0.0.1", str(other.port))

        lost_and_found(
            cache,
            follow,
            lambda: server.command("REPLICAOF", "NO", "ONE"),
            {CacheFault.READ_ONLY},
        )


def test_a_right_taken_away_and_given_back(server: RedisServer) -> None:
    with cached(server) as cache:
        lost_and_found(
            cache,
            lambda: server.command("ACL", "SETUSER", "cache", "-mget", "-evalsha", "-eval"),
            lambda: server.command("ACL", "SETUSER", "cache", "+mget", "+evalsha", "+eval"),
            {CacheFault.PERMISSION_MISSING},
        )


def test_flushed_under_reads(server: RedisServer) -> None:
    with cached(server) as cache, Readers(cache) as readers:
        readers.more(300)
        for _ in range(20):
            server.command("FLUSHALL")
            readers.more(50)
        hits = cache.counts().hits
        readers.more(300)
        assert cache.counts().hits > hits
    assert readers.wrong == []
    assert (cache.counts().fallbacks, cache.trouble) == ({}, None)


def test_scripts_that_redis_forgot_are_sent_again(server: RedisServer) -> None:
    with cached(server) as cache:
        answer(cache, key("A"))
        server.command("SCRIPT", "FLUSH")
        assert not loads(cache, key("A"))
        assert cache.counts().fallbacks == {}


def test_out_of_memory_serves_what_is_held_and_keeps_nothing_new(server: RedisServer) -> None:
    with cached(server) as cache:
        answer(cache, key("A"), 1.0)
        server.command("CONFIG", "SET", "maxmemory", "1")
        assert answer(cache, key("A"), 2.0) == 1.0
        assert [answer(cache, key("B"), value) for value in (3.0, 4.0)] == [3.0, 4.0]
        assert (cache.counts().fallbacks, cache.trouble) == ({CacheFault.FULL: 2}, None)
        server.command("CONFIG", "SET", "maxmemory", "0")
        assert [answer(cache, key("B"), value) for value in (5.0, 6.0)] == [5.0, 5.0]


def test_memory_that_fills_up_while_an_answer_is_loaded(server: RedisServer) -> None:
    with cached(server) as cache:
        big = os.urandom(1 << 20).hex()

        def load() -> object:
            server.command("CONFIG", "SET", "maxmemory", "1")
            return rows(1.0).append_column("noise", [[big]])

        assert cache.fetch(key("A"), load).num_rows == 1  # type: ignore[arg-type]
        server.command("CONFIG", "SET", "maxmemory", "0")
        assert cache.counts().fallbacks == {CacheFault.FULL: 1}
        assert loads(cache, key("A"))


def test_more_than_its_memory_with_eviction_of_its_own_is_never_wrong(server: RedisServer) -> None:
    with cached(server) as cache:
        with Readers(cache) as readers:  # connections and scripts take memory too
            readers.more(200)
        used = int(server.command("INFO", "memory").split("used_memory:")[1].split()[0])
        server.command("CONFIG", "SET", "maxmemory", str(used + 100_000))
        server.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        with Readers(cache, symbols=400) as readers:
            readers.more(4000)
        assert readers.wrong == []
        assert int(server.command("INFO", "stats").split("evicted_keys:")[1].split()[0]) > 0
        assert cache.counts().hits > 0


def test_a_lost_redis_is_tried_by_one_thread_however_many_read(server: RedisServer) -> None:
    with cached(server) as cache:
        answer(cache, key("A"))
        server.pause()
        with Readers(cache, threads=16) as readers:
            readers.more(500)
            assert sum(thread.name.startswith("cache-") for thread in threading.enumerate()) <= 2
        server.resume()
        until(lambda: cache.trouble is None)
    assert readers.wrong == []


def test_more_threads_than_connections_wait_or_read_past_it(server: RedisServer) -> None:
    settings = replace(from_keys("redis", {"uri": server.uri("cache")}), connections=2)
    with RedisCache(RedisConnection(lambda: settings, POLICY.namespace), POLICY) as cache:
        with Readers(cache, threads=16) as readers:
            readers.more(1500)
        assert (readers.wrong, cache.trouble) == ([], None)
        assert int(server.command("INFO", "clients").split("connected_clients:")[1].split()[0]) <= 2 + 1


def test_an_invalidation_that_redis_did_not_hear_is_owed_and_paid(server: RedisServer) -> None:
    with cached(server) as cache:
        answer(cache, key("A"), 1.0)
        server.pause()
        assert cache.invalidate("copy-1") is None
        server.resume()
        until(lambda: cache.trouble is None)
        assert answer(cache, key("A"), 2.0) == 2.0
        assert cache.counts().invalidations == 1


def test_counts_of_a_lost_cache_do_not_say_that_it_is_empty(server: RedisServer) -> None:
    with cached(server) as cache:
        answer(cache, key("A"))
        server.kill()
        assert cache.counts().keys is None
        totals = cache.totals()
        assert getattr(totals, "fault", None) is not None


def test_a_cache_that_was_never_there_is_found_later(server: RedisServer) -> None:
    server.kill()
    with cached(server) as cache:
        assert answer(cache, key("A"), 1.0) == 1.0
        server.start()
        until(lambda: cache.trouble is None)
        assert [answer(cache, key("A"), value) for value in (2.0, 3.0)] == [2.0, 2.0]


def test_a_cache_that_is_closed_still_answers(server: RedisServer) -> None:
    with cached(server) as cache:
        answer(cache, key("A"))
    assert answer(cache, key("A"), 2.0) == 2.0
    until(lambda: "user=cache" not in server.command("CLIENT", "LIST"))


def test_a_forked_child_finds_the_cache_again(server: RedisServer) -> None:
    with cached(server) as cache:
        answer(cache, key("A"), 1.0)
        server.kill()
        answer(cache, key("A"), 1.0)
        reads, writes = os.pipe()
        child = os.fork()
        if child == 0:
            with ExitStack() as stack:
                stack.callback(os._exit, 1)
                server_is_back = os.read(reads, 1)
                until(lambda: cache.fetch(key("A"), rows) is not None and cache.trouble is None)
                os._exit(0 if server_is_back else 1)
        server.start()
        os.write(writes, b".")
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0


def test_loading_from_disk_is_waited_for(tmp_path: Path) -> None:
    slow = {"key-load-delay": "5000", "loading-process-events-interval-bytes": "1024"}
    server = RedisServer(tmp_path / "redis", users={"cache": CACHE_USER}, settings={"rdbcompression": "no"})
    with server.start():
        for part in range(10):
            fill = f"for n=1,100 do redis.call('SET', 'k{part}:'..n, string.rep('x', 100)) end"
            server.command("EVAL", fill, "0")
        server.command("SAVE")
        server.kill()
        server.settings |= slow
        starting = threading.Thread(target=server.start)
        starting.start()
        settings = from_keys("redis", {"uri": server.uri("cache")})
        seen = set()

        def ready() -> bool:
            trouble = validated(settings, POLICY.namespace)
            seen.add(trouble and trouble.fault)
            return trouble is None

        until(ready)
        starting.join()
        assert CacheFault.NOT_READY in seen


def test_users_that_are_made_and_changed_are_those_of_the_server(server: RedisServer) -> None:
    server.set_user("late", User("l@te", "~* +@all"))
    settings = from_keys("redis", {"uri": server.uri("late")})
    assert validated(settings, POLICY.namespace) is None
