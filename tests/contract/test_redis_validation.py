"""The first thing that is wrong with a Redis is named, with what to do, and never with a password."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backbone.adapters.redis.client import validated
from backbone.adapters.redis.settings import RedisSettings, from_folder, from_keys
from backbone.ports.cache import CacheFault
from redis_place import CACHE_USER, PREFIX
from redis_reading import until
from services.redis_server import RedisServer, User

NAMESPACE = f"{PREFIX}:validation"
SECRET_WORD = "correct-horse"
WITHOUT = {
    "a command": CACHE_USER.rules.replace("+zadd", ""),
    "evalsha": CACHE_USER.rules.replace("+evalsha", ""),
    "the namespace": CACHE_USER.rules.replace(f"~{PREFIX}:*", "~other:*"),
}
USERS = {
    "cache": User(SECRET_WORD, CACHE_USER.rules),
    **{f"without-{n}": User(SECRET_WORD, rules) for n, rules in enumerate(WITHOUT.values())},
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("plain"), users=USERS) as server:
        yield server


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("secure"), tls=True, users=USERS) as server:
        yield server


@pytest.fixture(scope="module")
def replica(plain: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("replica"), replica_of=plain, users=USERS) as server:
        yield server


def of(server: RedisServer, user: str = "cache") -> RedisSettings:
    settings = from_keys("redis", {"uri": server.uri(user)})
    return replace(settings, authority=authority(server)) if server.tls else settings


def authority(server: RedisServer) -> str:
    return (server.certificates / "ca.crt").read_text()


def fault(settings: RedisSettings, says: str = "") -> CacheFault | None:
    """What validation finds; its message says what to do, and keeps the password."""
    trouble = validated(settings, NAMESPACE)
    if trouble is None:
        return None
    assert SECRET_WORD not in trouble.message
    assert says in trouble.message
    return trouble.fault


def test_what_is_right_is_right(plain: RedisServer, secure: RedisServer) -> None:
    assert [fault(of(server)) for server in (plain, secure)] == [None, None]
    assert fault(replace(of(plain), database=3)) is None
    assert plain.command("--raw", "DBSIZE") == "0"


def test_a_secret_in_parts_with_its_authority(secure: RedisServer, tmp_path: Path) -> None:
    parts = {
        "host": "127.0.0.1",
        "port": str(secure.port),
        "username": "cache",
        "password": f"{SECRET_WORD}\n",
        "tls": "true",
        "ca.crt": authority(secure),
    }
    for name, text in parts.items():
        (tmp_path / name).write_text(text)
    assert fault(from_folder("redis", tmp_path)) is None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


Change = Callable[[RedisSettings], RedisSettings]


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("change", "found", "says"),
    [
        pytest.param(
            lambda s: replace(s, host="redis.nowhere.invalid"),
            CacheFault.NAME_NOT_RESOLVED,
            "correct host",
            id="a name without an address",
        ),
        pytest.param(
            lambda s: replace(s, host="redis..svc"),
            CacheFault.NAME_NOT_RESOLVED,
            "correct host",
            id="no name of a host",
        ),
        pytest.param(
            lambda s: replace(s, port=free_port()),
            CacheFault.CONNECTION_REFUSED,
            "start the server",
            id="no server",
        ),
        pytest.param(
            lambda s: replace(s, tls=True),
            CacheFault.TLS_FAILED,
            "a port that speaks TLS",
            id="TLS to a plain port",
        ),
        pytest.param(
            lambda s: replace(s, password="wrong"),
            CacheFault.AUTHENTICATION_FAILED,
            "correct username and password",
            id="a wrong password",
        ),
        pytest.param(
            lambda s: replace(s, username="nobody"),
            CacheFault.AUTHENTICATION_FAILED,
            "correct username and password",
            id="a wrong user",
        ),
        pytest.param(
            lambda s: replace(s, username=None, password=None),
            CacheFault.AUTHENTICATION_FAILED,
            "correct username and password",
            id="no password",
        ),
        pytest.param(
            lambda s: replace(s, database=99),
            CacheFault.DATABASE_MISSING,
            "a lower number",
            id="a high database",
        ),
    ],
)
def test_a_wrong_setting_is_named(plain: RedisServer, change: Change, found: CacheFault, says: str) -> None:
    assert fault(change(of(plain)), says) is found


@pytest.mark.parametrize(
    ("change", "found", "says"),
    [
        pytest.param(
            lambda s: replace(s, authority=None),
            CacheFault.TLS_FAILED,
            "into ca.crt",
            id="an unknown authority",
        ),
        pytest.param(
            lambda s: replace(s, host="localhost"),
            CacheFault.TLS_FAILED,
            "Hostname mismatch",
            id="another host's",
        ),
        pytest.param(
            lambda s: replace(s, tls=False),
            CacheFault.CONNECTION_LOST,
            "speak TLS alone",
            id="plain to a TLS port",
        ),
    ],
)
def test_wrong_tls_is_named(secure: RedisServer, change: Change, found: CacheFault, says: str) -> None:
    assert fault(change(of(secure)), says) is found


@pytest.mark.parametrize("number", range(len(WITHOUT)), ids=list(WITHOUT))
def test_a_missing_right_is_named_with_the_rights_to_give(plain: RedisServer, number: int) -> None:
    rights = f"ACL SETUSER … ~{NAMESPACE}:* +ping"
    assert fault(of(plain, f"without-{number}"), rights) is CacheFault.PERMISSION_MISSING


def test_the_rights_that_the_message_names_suffice(plain: RedisServer) -> None:
    trouble = validated(of(plain, "without-0"), NAMESPACE)
    assert trouble is not None
    plain.set_user("helped", User(SECRET_WORD, f"-@all {trouble.message.partition('SETUSER … ')[2]}"))
    assert fault(of(plain, "helped")) is None


def test_a_replica_is_named(replica: RedisServer) -> None:
    assert fault(of(replica), "name the primary") is CacheFault.READ_ONLY


def test_a_server_that_cannot_save_is_named(tmp_path: Path) -> None:
    with RedisServer(
        tmp_path / "redis", users=USERS, settings={"save": "3600 1", "enable-protected-configs": "yes"}
    ) as server:
        server.command("SET", "a", "b")
        server.command("CONFIG", "SET", "dir", "/proc")
        server.command("BGSAVE")
        until(lambda: "rdb_last_bgsave_status:err" in server.command("INFO", "persistence"))
        assert fault(of(server), "save to its disk") is CacheFault.READ_ONLY


def test_a_full_server_is_named(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis", users=USERS, settings={"maxmemory": "1"}) as server:
        assert fault(of(server), "raise maxmemory") is CacheFault.FULL


def test_a_frozen_server_is_named_within_its_time(plain: RedisServer) -> None:
    plain.pause()
    try:
        assert fault(of(plain), "overloaded") is CacheFault.TIMED_OUT
    finally:
        plain.resume()
