"""A Secret that changes under reads: good credentials are taken, wrong ones are named, and no read fails."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backbone.adapters.redis import connection as redis_connection
from backbone.adapters.redis.cache import RedisCache
from backbone.ports.cache import INSTITUTIONAL, CacheFault
from mounted import hold
from redis_place import CACHE_USER, PREFIX
from redis_reading import Readers, until
from services.redis_server import RedisServer, User

POLICY = replace(INSTITUTIONAL, namespace=f"{PREFIX}:rotation")
ROTATIONS = 5


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis", users={"cache": CACHE_USER}) as made:
        yield made


@pytest.fixture
def secret(tmp_path: Path, server: RedisServer) -> Path:
    """The folder of the Secret, as Kubernetes would mount it."""
    folder = tmp_path / "redis-credentials"
    write(folder, server.uri("cache"))
    return folder


@pytest.fixture
def cache(secret: Path) -> Iterator[RedisCache]:
    with RedisCache.of_secret(secret, POLICY) as made:
        yield made


def write(folder: Path, uri: str) -> None:
    hold(folder, uri=f"{uri}\n")


def renewed() -> User:
    return User(secrets.token_urlsafe(16), CACHE_USER.rules)


def connections(server: RedisServer) -> set[str]:
    """Ids of the connections of the cache's users."""
    lines = server.command("CLIENT", "LIST").splitlines()
    return {line.split()[0] for line in lines if "user=admin" not in line}


def test_new_passwords_are_taken_one_after_another_and_the_old_pool_drains(
    server: RedisServer, secret: Path, cache: RedisCache
) -> None:
    with Readers(cache) as readers:
        readers.more(200)
        for _ in range(ROTATIONS):
            before = connections(server)
            assert before
            # Both are good until the new one is taken: a reader may open a connection at any moment.
            server.users["cache"] = user = renewed()
            server.command("ACL", "SETUSER", "cache", f">{user.password}")
            write(secret, server.uri("cache"))
            assert cache.refresh() is None
            server.set_user("cache", user)
            until(lambda before=before: not before & connections(server))
            readers.more(100)
    assert readers.wrong == []
    counts = cache.counts()
    assert (counts.fallbacks, counts.misses) == ({}, readers.symbols)


def test_another_user_whose_password_is_another_too(
    server: RedisServer, secret: Path, cache: RedisCache
) -> None:
    with Readers(cache) as readers:
        readers.more(200)
        server.set_user("second", renewed())
        write(secret, server.uri("second"))
        assert cache.refresh() is None
        until(lambda: "user=cache " not in server.command("CLIENT", "LIST"))
        server.command("ACL", "DELUSER", "cache")
        readers.more(200)
    assert (readers.wrong, cache.counts().fallbacks, cache.trouble) == ([], {}, None)


@pytest.mark.parametrize(
    ("uri", "fault"),
    [
        pytest.param("redis://cache:wrong@127.0.0.1:{port}", CacheFault.AUTHENTICATION_FAILED, id="password"),
        pytest.param("redis://cache:wrong@127.0.0.1:1", CacheFault.CONNECTION_REFUSED, id="port"),
        pytest.param("redis//cache:wrong@127.0.0.1", CacheFault.INVALID_SETTINGS, id="form"),
        pytest.param("", CacheFault.INVALID_SETTINGS, id="nothing"),
    ],
)
def test_a_wrong_secret_keeps_the_old_pool_and_says_so(
    server: RedisServer, secret: Path, cache: RedisCache, uri: str, fault: CacheFault
) -> None:
    with Readers(cache) as readers:
        readers.more(200)
        before = connections(server)
        write(secret, uri.format(port=server.port))
        trouble = cache.refresh()
        assert trouble is not None
        assert (trouble.fault, cache.trouble) == (fault, trouble)
        assert "wrong" not in trouble.message
        hits = cache.counts().hits
        readers.more(200)
        assert cache.counts().hits >= hits + 200
        assert connections(server) >= before
        write(secret, server.uri("cache"))
        assert (cache.refresh(), cache.trouble) == (None, None)
    assert (readers.wrong, cache.counts().fallbacks) == ([], {})


def test_a_change_is_seen_by_itself(
    server: RedisServer, secret: Path, cache: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_connection, "LOOK_SECONDS", 0.2)
    with Readers(cache) as readers:
        readers.more(200)
        server.set_user("second", renewed())
        write(secret, server.uri("second"))
        until(lambda: "user=cache " not in server.command("CLIENT", "LIST"))
        write(secret, "redis://second:wrong@127.0.0.1:1")
        until(lambda: cache.trouble is not None)
        write(secret, server.uri("second"))
        until(lambda: cache.trouble is None)
    assert (readers.wrong, cache.counts().fallbacks) == ([], {})


def test_a_user_that_is_gone_before_the_secret_follows_costs_time_and_no_read(
    server: RedisServer, secret: Path, cache: RedisCache
) -> None:
    with Readers(cache) as readers:
        readers.more(200)
        server.command("ACL", "DELUSER", "cache")
        until(lambda: cache.trouble is not None)
        assert cache.trouble is not None
        assert cache.trouble.fault in {CacheFault.CONNECTION_LOST, CacheFault.AUTHENTICATION_FAILED}
        readers.more(200)
        server.set_user("second", renewed())
        write(secret, server.uri("second"))
        until(lambda: cache.trouble is None)
        hits = cache.counts().hits
        until(lambda: cache.counts().hits > hits + 100)
    assert readers.wrong == []


def test_a_secret_that_comes_late_is_found(server: RedisServer, secret: Path) -> None:
    (secret / "uri").unlink()
    with RedisCache.of_secret(secret, POLICY) as cache, Readers(cache) as readers:
        readers.more(100)
        assert cache.trouble is not None
        assert cache.trouble.fault is CacheFault.SECRET_MISSING
        write(secret, server.uri("cache"))
        until(lambda: cache.trouble is None)
        until(lambda: cache.counts().hits > 0)
    assert readers.wrong == []
