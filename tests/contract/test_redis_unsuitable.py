"""A server that no cache can use is named at the first call and at any later one, and makes no read fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from backbone.adapters.redis import connection as redis_connection
from backbone.adapters.redis.cache import RedisCache
from backbone.adapters.redis.client import validated
from backbone.adapters.redis.connection import RedisConnection
from backbone.adapters.redis.errors import fault_of_reply
from backbone.adapters.redis.settings import from_keys
from backbone.ports.cache import INSTITUTIONAL, CacheFault
from redis_place import CACHE_USER, PREFIX
from redis_reading import answer, key, until
from services.process import free_port
from services.redis_server import RedisServer, User

USERS = {"cache": CACHE_USER}
CLUSTER = {"cluster-enabled": "yes", "cluster-require-full-coverage": "no"}
HALF = ("0", "8191")
WHOLE = ("0", "16383")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_connection, "LONGEST_PAUSE", 0.5)


@contextmanager
def clustered(folder: Path, *slots: str) -> Iterator[RedisServer]:
    # Of its own accord the bus has the port's number plus 10,000, which may be none.
    settings = {**CLUSTER, "cluster-port": str(free_port())}
    with RedisServer(folder, users=USERS, settings=settings) as server:
        if slots:
            server.command("CLUSTER", "ADDSLOTSRANGE", *slots)
            until(lambda: "cluster_state:ok" in server.command("CLUSTER", "INFO"))
        yield server


@contextmanager
def following(folder: Path) -> Iterator[RedisServer]:
    with (
        RedisServer(folder / "primary") as primary,
        RedisServer(folder / "replica", replica_of=primary, users=USERS) as server,
    ):
        yield server


@contextmanager
def loading(folder: Path) -> Iterator[RedisServer]:
    """A server that reads its data for seconds."""
    server = RedisServer(folder, users=USERS, settings={"rdbcompression": "no"})
    with server.start():
        server.command("EVAL", "for n=1,1000 do redis.call('SET', n, string.rep('x', 100)) end", "0")
        server.command("SAVE")
        server.kill()
        server.settings |= {"key-load-delay": "5000", "loading-process-events-interval-bytes": "1024"}
        starting = threading.Thread(target=server.start)
        starting.start()
        settings = from_keys("redis", {"uri": server.uri("cache")})
        until(lambda: told(validated(settings, PREFIX)) is not CacheFault.CONNECTION_REFUSED)
        try:
            yield server
        finally:
            starting.join()


def told(trouble: object) -> CacheFault | None:
    return getattr(trouble, "fault", None)


Made = Callable[[Path], AbstractContextManager[RedisServer]]
CASES = [
    pytest.param(clustered, CacheFault.CLUSTER_MODE, "without cluster mode", id="a cluster without slots"),
    pytest.param(
        lambda folder: clustered(folder, *HALF),
        CacheFault.CLUSTER_MODE,
        "without cluster mode",
        id="a cluster with half of its slots",
    ),
    pytest.param(
        lambda folder: clustered(folder, *WHOLE),
        CacheFault.CLUSTER_MODE,
        "without cluster mode",
        id="a cluster of one server",
    ),
    pytest.param(
        lambda folder: RedisServer(folder, users={"cache": User(CACHE_USER.password)}, sentinel=True),
        CacheFault.COMMAND_MISSING,
        "that the Sentinel watches",
        id="a Sentinel",
    ),
    pytest.param(
        lambda folder: RedisServer(
            folder, users=USERS, settings={"rename-command": 'EVALSHA "hidden-evalsha"'}
        ),
        CacheFault.COMMAND_MISSING,
        "server have EVAL, EVALSHA",
        id="a server whose commands have other names",
    ),
    pytest.param(following, CacheFault.READ_ONLY, "name the primary", id="a replica"),
    pytest.param(loading, CacheFault.NOT_READY, "wait", id="a server that reads its data"),
]


@pytest.mark.parametrize(("made", "fault", "advice"), CASES)
def test_an_unsuitable_server_is_named_and_reads_go_on(
    tmp_path: Path, made: Made, fault: CacheFault, advice: str
) -> None:
    with made(tmp_path / "redis") as server:
        settings = from_keys("redis", {"uri": server.uri("cache")})
        policy = replace(INSTITUTIONAL, namespace=PREFIX)
        with RedisCache(RedisConnection(lambda: settings, policy.namespace), policy) as cache:
            assert [answer(cache, key("A"), value) for value in (1.0, 2.0, 3.0)] == [1.0, 2.0, 3.0]
            assert cache.trouble is not None
            assert cache.trouble.fault is fault
            counts = cache.counts()
        found = validated(settings, policy.namespace)
    assert found is not None
    assert (found.fault, advice in found.message) == (fault, True)
    assert CACHE_USER.password not in found.message
    # The first read found out; the others did not ask.
    assert counts.fallbacks[CacheFault.PAUSED] == 2


def test_a_server_that_becomes_a_cluster_is_named_at_the_call_that_finds_it(tmp_path: Path) -> None:
    """Where all keys share a slot a cluster serves, until the slot moves."""
    policy = replace(INSTITUTIONAL, namespace=f"{PREFIX}:{{one-slot}}")
    with clustered(tmp_path / "redis", *WHOLE) as server:
        settings = from_keys("redis", {"uri": server.uri("cache")})
        assert validated(settings, policy.namespace) is None
        with RedisCache(RedisConnection(lambda: settings, policy.namespace), policy) as cache:
            assert [answer(cache, key("A"), value) for value in (1.0, 2.0)] == [1.0, 1.0]
            slot = server.command("CLUSTER", "KEYSLOT", policy.namespace)
            server.command("FLUSHALL")
            server.command("CLUSTER", "DELSLOTS", slot)
            assert answer(cache, key("A"), 3.0) == 3.0
            assert told(cache.trouble) is CacheFault.CLUSTER_MODE


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("MOVED 866 10.0.0.7:6379", CacheFault.CLUSTER_MODE),
        ("ASK 866 10.0.0.7:6379", CacheFault.CLUSTER_MODE),
        ("TRYAGAIN Multiple keys request during rehashing of slot", CacheFault.CLUSTER_MODE),
        ("ERR SELECT is not allowed in cluster mode", CacheFault.CLUSTER_MODE),
        (
            "ERR Error running script: Script attempted to access a non local key in a cluster node",
            CacheFault.CLUSTER_MODE,
        ),
        ("ERR unknown command `EVALSHA`, with args beginning with: `0`", CacheFault.COMMAND_MISSING),
        ("ERR Unknown Redis command called from Lua script", CacheFault.COMMAND_MISSING),
        ("ERR DB index is out of range", CacheFault.DATABASE_MISSING),
    ],
)
def test_replies_of_older_servers_mean_the_same(text: str, fault: CacheFault) -> None:
    assert fault_of_reply(text) is fault
