"""A Secret says where Redis is, or a message says which key is wrong and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from backbone.adapters.redis.settings import RedisSettings, from_folder, from_keys
from backbone.errors import Rejected

WORD = "s3cr3t"


@pytest.mark.parametrize(
    ("keys", "settings"),
    [
        pytest.param({"uri": "redis://redis"}, RedisSettings("redis"), id="a host alone"),
        pytest.param(
            {"uri": "redis://emp:s3cr3t@redis:7000/3"},
            RedisSettings("redis", 7000, "emp", WORD, 3),
            id="everything in a URI",
        ),
        pytest.param(
            {"uri": "redis://:s3cr3t@redis/"}, RedisSettings("redis", password=WORD), id="a password alone"
        ),
        pytest.param(
            {"uri": "rediss://emp:p%40ss%2Fw%3Ard%23%3F%25@[::1]:6380"},
            RedisSettings("::1", 6380, "emp", "p@ss/w:rd#?%", tls=True),
            id="escapes, IPv6, TLS",
        ),
        pytest.param(
            {"uri": "redis://emp:a@b@redis"},
            RedisSettings("redis", username="emp", password="a@b"),
            id="an @ inside",
        ),
        pytest.param(
            {"uri": "rediss://redis", "ca.crt": "PEM"},
            RedisSettings("redis", tls=True, authority="PEM"),
            id="an authority beside a URI",
        ),
        pytest.param(
            {
                "host": "redis",
                "port": "7000",
                "username": "emp",
                "password": "p@ss/w:rd",
                "database": "3",
                "tls": "true",
                "ca.crt": "PEM",
            },
            RedisSettings("redis", 7000, "emp", "p@ss/w:rd", 3, tls=True, authority="PEM"),
            id="everything in parts",
        ),
        pytest.param(
            {"host": "redis", "port": "", "type": "redis"},
            RedisSettings("redis"),
            id="empty and foreign keys",
        ),
        pytest.param(
            {
                "uri": "redis://emp:s3cr3t@redis.market:7000",
                "host": "redis",
                "password": WORD,
                "database": "3",
            },
            RedisSettings("redis.market", 7000, "emp", WORD, 3),
            id="parts that agree with a URI, or say what it leaves open",
        ),
        pytest.param(
            {"uri": "valkeys://default:s3cr3t@valkey"},
            RedisSettings("valkey", username="default", password=WORD, tls=True),
            id="Valkey's scheme",
        ),
        pytest.param(
            {"uri": "rediss://:s3cr3t@redis/0?ssl_cert_reqs=required"},
            RedisSettings("redis", password=WORD, tls=True),
            id="an option that asks for what is done anyway",
        ),
    ],
)
def test_what_a_secret_says(keys: dict[str, str], settings: RedisSettings) -> None:
    assert from_keys("redis", keys) == settings


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        pytest.param({}, "neither uri nor host", id="nothing"),
        pytest.param({"uri": "emp:s3cr3t@redis:6379"}, "does not begin with redis://", id="no scheme"),
        pytest.param({"uri": "redis:/emp:s3cr3t@redis"}, "holds a character that ends them", id="one slash"),
        pytest.param(
            {"uri": "kafka://emp:s3cr3t@redis"}, "does not begin with redis://", id="another scheme"
        ),
        pytest.param({"uri": "redis://emp:s3cr3t@"}, "names no host", id="no host"),
        pytest.param({"uri": "redis://emp:s3cr3t@redis:63790000"}, "port is not a number", id="a high port"),
        pytest.param(
            {"uri": "redis://emp:s3cr3t@redis:63x9"}, "port is not a number", id="letters in the port"
        ),
        pytest.param(
            {"uri": "redis://emp:s3cr3t@redis/first"}, "database is not a number", id="a named database"
        ),
        pytest.param({"uri": "redis://emp:s3cr3t/x@redis"}, "%2F for /", id="a slash in the password"),
        pytest.param({"uri": "redis://emp:s3cr3t#x@redis"}, "%23 for #", id="a hash in the password"),
        pytest.param(
            {"uri": "redis://emp:s3cr3t?x@redis"}, "%3F for ?", id="a question mark in the password"
        ),
        pytest.param({"uri": "redis://emp:s3cr3t%x@redis"}, "%25 for %", id="a bare per cent sign"),
        pytest.param({"uri": "redis://emp:s3cr3t x@redis"}, "holds a space", id="a space"),
        pytest.param({"uri": "redis://emp:s3cr3t@redis?ssl=true"}, "takes no options", id="an option"),
        pytest.param({"uri": "redis://emp:s3cr3t@[redis"}, "is no URI", id="a bracket"),
        pytest.param({"uri": "redis://emp@redis"}, "a username and no password", id="no password"),
        pytest.param(
            {"uri": "redis://redis", "host": "other", "tls": "true", "password": WORD},
            "uri and host, tls beside it say different things",
            id="parts that contradict the URI",
        ),
        pytest.param({"uri": "redis://s1:26379,s2:26379/mymaster"}, "several hosts", id="sentinels"),
        pytest.param({"host": "redis-0,redis-1"}, "several hosts", id="several hosts in parts"),
        pytest.param({"uri": "unix:///run/redis.sock"}, "does not begin with redis://", id="a socket"),
        pytest.param(
            {"uri": "rediss://redis?ssl_cert_reqs=none"}, "is always checked", id="an unchecked certificate"
        ),
        pytest.param({"host": "redis", "port": "0"}, "port is not a number", id="port 0"),
        pytest.param(
            {"host": "redis", "database": "1" * 5000},
            "database is not a number",
            id="a number of 5,000 digits",
        ),
        pytest.param({"host": "redis", "database": "-1"}, "database is not a number", id="database -1"),
        pytest.param(
            {"host": "redis", "tls": "yes"}, "neither true nor false", id="a switch that is no switch"
        ),
        pytest.param({"host": "redis", "ca.crt": "PEM"}, "set tls to true", id="an authority without TLS"),
        pytest.param({"password": WORD}, "neither uri nor host", id="no host in parts"),
    ],
)
def test_what_is_wrong_is_said_without_the_password(keys: dict[str, str], says: str) -> None:
    with pytest.raises(Rejected) as told:
        from_keys("market-redis", keys)
    message = str(told.value)
    assert message.startswith("Secret market-redis: ")
    assert says in message
    assert WORD not in message
    assert told.value.__cause__ is None


def test_a_folder_is_read_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "uri").write_text("redis://emp:s3cr3t@redis:7000/3\n")
    (tmp_path / "..data").mkdir()
    assert from_folder("redis", tmp_path) == RedisSettings("redis", 7000, "emp", WORD, 3)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "uri").write_bytes(b"\xff\xfe")
    with pytest.raises(Rejected, match="Secret redis: uri cannot be read as text"):
        from_folder("redis", tmp_path)


def test_nothing_that_is_printed_shows_the_password() -> None:
    settings = from_keys("redis", {"uri": "redis://emp:s3cr3t@redis:7000/3"})
    assert WORD not in f"{settings!r} {settings} {settings.place}"
