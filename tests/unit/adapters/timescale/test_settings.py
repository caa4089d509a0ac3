"""A Secret's keys as settings, and what is said about those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from backbone.adapters.timescale.settings import ConnectionSettings, from_folder, from_keys
from backbone.errors import Rejected

PASSWORD = "s3cr3t-Wörd"
PARTS = {"host": "db.example.com", "database": "market", "username": "emp", "password": PASSWORD}


def uri(login: str = "emp:s3cr3t", rest: str = "db.example.com:5433/market") -> dict[str, str]:
    return {"uri": f"postgresql://{login}@{rest}"}


def test_a_uri_says_it_all() -> None:
    found = from_keys("timescale", uri())
    assert (found.host, found.port, found.database) == ("db.example.com", 5433, "market")
    assert (found.user, found.password, found.tls) == ("emp", "s3cr3t", "prefer")


def test_parts_say_the_same() -> None:
    assert from_keys("timescale", {**PARTS, "password": "s3cr3t", "port": "5433"}) == from_keys("t", uri())


def test_escaped_characters_of_a_uri_are_read() -> None:
    found = from_keys("timescale", uri("e%40mp:a%2Fb%3Ac%23", "[::1]:5433/my%20market?sslmode=require"))
    assert (found.user, found.password, found.host) == ("e@mp", "a/b:c#", "::1")
    assert (found.database, found.tls) == ("my market", "require")


def test_with_an_authority_the_server_is_verified() -> None:
    assert from_keys("timescale", PARTS, Path("ca.crt")).tls == "verify-full"
    assert from_keys("timescale", {**PARTS, "sslmode": "verify-ca"}, Path("ca.crt")).tls == "verify-ca"


def test_a_folder_is_a_secret(tmp_path: Path) -> None:
    for key, value in PARTS.items():
        (tmp_path / key).write_text(f"{value}\n")
    (tmp_path / "ca.crt").write_text("a certificate")
    found = from_folder("timescale", tmp_path)
    assert (found.host, found.password, found.authority) == ("db.example.com", PASSWORD, tmp_path / "ca.crt")


def test_an_empty_folder_is_told_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="none of uri, host, port, database, username, password is in"):
        from_folder("timescale", tmp_path)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        pytest.param(
            {**PARTS, **uri()},
            "uri says it all, and host, database, username, password as well",
            id="said twice",
        ),
        pytest.param(
            {"host": "h", "database": "d"}, "there is no username, password", id="parts are missing"
        ),
        pytest.param({"uri": "postgres//emp:s3cr3t@h/d"}, "does not begin with", id="a typo in the scheme"),
        pytest.param({"uri": "mysql://emp:s3cr3t@h/d"}, "does not begin with", id="another system"),
        pytest.param(uri("emp"), "uri has no password", id="no password"),
        pytest.param(uri(":s3cr3t"), "uri has no username", id="no user"),
        pytest.param({"uri": "postgresql://h:5432/d"}, "has no @", id="no login"),
        pytest.param(uri(rest="h"), "uri has no database", id="no database"),
        pytest.param(uri(rest=":5432/d"), "uri has no host", id="no host"),
        pytest.param(uri(rest="h:port/d"), "port is no number", id="a port that is none"),
        pytest.param(uri(rest=f"h:{'9' * 5000}/d"), "port is no number", id="a port of 5,000 digits"),
        pytest.param(uri("emp:s3cr3t%x"), "%25 for %", id="a bare per cent sign"),
        pytest.param(uri("emp:s3c\tr3t"), "holds a space", id="a tab"),
        pytest.param(uri("emp:s3c\nr3t"), "holds a space", id="a line break"),
        pytest.param(uri(rest="h:70000/d"), "port is no number", id="a port out of range"),
        pytest.param(uri("emp:s3cr3t/x@y"), "holds a character that ends them", id="a bare slash"),
        pytest.param(uri("emp:s3cr3t#x"), "holds a character that ends them", id="a bare hash"),
        pytest.param(uri("emp:s3cr3t?x"), "holds a character that ends them", id="a bare question mark"),
        pytest.param(uri(rest="[h/d"), "is no URI", id="a bracket"),
        pytest.param(uri(rest="h/d?sslmode=on"), "sslmode is none of disable", id="a TLS mode that is none"),
        pytest.param(uri(rest="h/d?sslrootcert=x"), "only sslmode is taken", id="an option that is not ours"),
        pytest.param({**PARTS, "sslmode": "verify-ca"}, "needs the authority", id="no authority"),
        pytest.param(
            {**uri(rest="h/d?sslmode=require"), "sslmode": "prefer"}, "stands in uri", id="TLS twice"
        ),
    ],
)
def test_what_is_wrong_is_named_without_a_secret(keys: dict[str, str], said: str) -> None:
    with pytest.raises(Rejected) as caught:
        from_keys("timescale", keys)
    message = str(caught.value)
    assert said in message
    assert message.startswith("Secret timescale: ")
    assert "s3cr3t" not in message
    assert PASSWORD not in message


def test_no_password_in_the_text_of_settings() -> None:
    settings = ConnectionSettings("h", 1, "d", "u", PASSWORD)
    assert PASSWORD not in f"{settings!r} {settings} {settings.place}"
