"""A Secret's keys as settings, and what is said about those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from backbone.adapters.secret_keys import SecretMissing
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


CLOUDNATIVEPG = {
    "username": "app",
    "user": "app",
    "password": "s3cr3t",
    "dbname": "app",
    "host": "cluster-rw",
    "port": "5432",
    "uri": "postgresql://app:s3cr3t@cluster-rw.default:5432/app",
    "jdbc-uri": "jdbc:postgresql://…",
    "pgpass": "cluster-rw:5432:app:app:s3cr3t\n",
}
CRUNCHY = {
    "user": "app",
    "password": "a;b{c@d",
    "dbname": "app",
    "host": "hippo-primary.ns.svc",
    "port": "5432",
    "uri": "postgresql://app:a%3Bb%7Bc%40d@hippo-primary.ns.svc:5432/app",
    "verifier": "SCRAM-SHA-256$…",
}


@pytest.mark.parametrize(
    ("keys", "host", "password"),
    [
        pytest.param(CLOUDNATIVEPG, "cluster-rw.default", "s3cr3t", id="CloudNativePG"),
        pytest.param(
            {key: CLOUDNATIVEPG[key] for key in ("user", "password", "dbname", "host", "port")},
            "cluster-rw",
            "s3cr3t",
            id="the parts of CloudNativePG",
        ),
        pytest.param(CRUNCHY, "hippo-primary.ns.svc", "a;b{c@d", id="Crunchy"),
        pytest.param(
            {**CRUNCHY, "host": "hippo-primary.ns.svc.cluster.local."},
            "hippo-primary.ns.svc",
            "a;b{c@d",
            id="a longer name of the host beside the uri",
        ),
        pytest.param(
            {"uri": "postgresql://cluster-rw", "username": "app", "password": "s3cr3t", "database": "app"},
            "cluster-rw",
            "s3cr3t",
            id="a uri that leaves the rest to the parts",
        ),
    ],
)
def test_a_secret_of_an_operator_is_read_as_it_is(keys: dict[str, str], host: str, password: str) -> None:
    found = from_keys("timescale", keys)
    assert (found.host, found.port, found.database) == (host, 5432, "app")
    assert (found.user, found.password) == ("app", password)


def test_what_the_uri_leaves_open_the_parts_say() -> None:
    keys = {**uri(rest="db.example.com/market"), "port": "6432", "sslmode": "require"}
    found = from_keys("timescale", keys)
    assert (found.port, found.tls) == (6432, "require")


def test_channel_binding_is_handed_to_the_driver() -> None:
    found = from_keys("timescale", uri(rest="h/d?sslmode=require&channel_binding=require"))
    assert found.parameters()["channel_binding"] == "require"


def test_with_an_authority_the_server_is_verified() -> None:
    assert from_keys("timescale", PARTS, Path("ca.crt")).tls == "verify-full"
    assert from_keys("timescale", {**PARTS, "sslmode": "verify-ca"}, Path("ca.crt")).tls == "verify-ca"


def test_a_folder_is_a_secret(tmp_path: Path) -> None:
    for key, value in PARTS.items():
        (tmp_path / key).write_text(f"{value}\n")
    (tmp_path / "ca.crt").write_text("a certificate")
    found = from_folder("timescale", tmp_path)
    assert (found.host, found.password, found.authority) == ("db.example.com", PASSWORD, tmp_path / "ca.crt")


def test_a_secret_that_is_not_there_is_told_from_one_with_other_keys(tmp_path: Path) -> None:
    # As the kubelet mounts an optional Secret that does not exist.
    (tmp_path / "..2024_03_01").mkdir()
    (tmp_path / "..data").symlink_to("..2024_03_01")
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SecretMissing, match="there is no Secret timescale, or it has no key at all"):
            from_folder("timescale", folder)
    (tmp_path / "dsn").write_text("postgresql://me@db/market")
    with pytest.raises(
        Rejected, match="none of uri, host, port, database, username, password, dbname, user is in"
    ):
        from_folder("timescale", tmp_path)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        pytest.param(
            {**PARTS, **uri()},
            "uri and password beside it say different things",
            id="another password beside the uri",
        ),
        pytest.param(
            {**uri(), "host": "db.example.org", "port": "5432", "dbname": "markets", "user": "empty"},
            "uri and host, port, database, username beside it say different things",
            id="all but the password is another beside the uri",
        ),
        pytest.param({**PARTS, "user": "other"}, "username and user say different", id="two names of a user"),
        pytest.param(
            {**PARTS, "dbname": "other"}, "database and dbname say different", id="two names of a database"
        ),
        pytest.param(uri(rest="pg-0:5432,pg-1:5432/d"), "uri names several hosts", id="hosts with ports"),
        pytest.param(uri(rest="pg-0,pg-1/d"), "uri names several hosts", id="hosts without ports"),
        pytest.param(uri(rest="[::1]:5432,[::2]:5432/d"), "uri names several hosts", id="hosts by address"),
        pytest.param({**PARTS, "host": "pg-0,pg-1"}, "host names several hosts", id="hosts in parts"),
        pytest.param(
            uri(rest="h/d?target_session_attrs=read-write"), "leads to the primary", id="a choice of hosts"
        ),
        pytest.param(
            uri(rest="h/d?channel_binding=maybe"), "channel_binding is none of", id="a binding that is none"
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
        pytest.param(uri(rest="h:port/d"), "port is not a number", id="a port that is none"),
        pytest.param(uri(rest=f"h:{'9' * 5000}/d"), "port is not a number", id="a port of 5,000 digits"),
        pytest.param(uri("emp:s3cr3t%x"), "%25 for %", id="a bare per cent sign"),
        pytest.param(uri("emp:s3c\tr3t"), "holds a space", id="a tab"),
        pytest.param(uri("emp:s3c\nr3t"), "holds a space", id="a line break"),
        pytest.param(uri(rest="h:70000/d"), "port is not a number", id="a port out of range"),
        pytest.param(uri("emp:s3cr3t/x@y"), "holds a character that ends them", id="a bare slash"),
        pytest.param(uri("emp:s3cr3t#x"), "holds a character that ends them", id="a bare hash"),
        pytest.param(uri("emp:s3cr3t?x"), "holds a character that ends them", id="a bare question mark"),
        pytest.param(uri(rest="[h/d"), "is no URI", id="a bracket"),
        pytest.param(uri(rest="h/d?sslmode=on"), "sslmode is none of disable", id="a TLS mode that is none"),
        pytest.param(uri(rest="h/d?sslrootcert=x"), "into the Secret as ca.crt", id="an authority as a file"),
        pytest.param(
            uri(rest="h/d?pgbouncer=true"), "only sslmode and channel_binding", id="a foreign option"
        ),
        pytest.param({**PARTS, "sslmode": "verify-ca"}, "needs the authority", id="no authority"),
        pytest.param(
            {**uri(rest="h/d?sslmode=require"), "sslmode": "prefer"},
            "uri and sslmode beside it",
            id="TLS twice",
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
