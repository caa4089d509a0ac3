"""What is said about a connection that does not come about, on a real PostgreSQL and on TimescaleDB."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

import authority
import databases
from backbone.adapters.timescale.session import check, connected, load
from backbone.adapters.timescale.settings import ConnectionSettings, from_folder
from backbone.ports.database import DatabaseError, DatabaseFault, DatabaseFinding
from databases import changed, execute
from services.postgres import PostgresServer
from services.process import free_port


def found(settings: ConnectionSettings) -> DatabaseFinding:
    """The finding, which has no password in it."""
    finding = check(settings, None)
    assert finding is not None
    assert settings.password not in finding.message
    return finding


def test_nothing_is_wrong(timescale: ConnectionSettings) -> None:
    assert check(timescale) is None


def test_a_session_has_its_limits_and_its_name(postgres: ConnectionSettings) -> None:
    settings = changed(postgres, application="emp reader", statement_timeout=1.5, idle_timeout=7)
    names = ("application_name", "statement_timeout", "idle_in_transaction_session_timeout", "TimeZone")
    with connected(settings) as connection:
        said = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in names]
    assert said == [("emp reader",), ("1500ms",), ("7s",), ("UTC",)]


def test_every_connection_of_the_server_counts_whoever_made_it(postgres: ConnectionSettings) -> None:
    before, limit = load(postgres)
    assert before is not None
    with connected(postgres), connected(postgres):
        during, _ = load(postgres)
    assert during is not None
    assert limit >= during >= 3, "a user who may see nothing of others counts them too"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "database..svc", "x" * 64])
def test_a_name_that_does_not_resolve(postgres: ConnectionSettings, host: str) -> None:
    finding = found(changed(postgres, host=host))
    assert finding.fault is DatabaseFault.NAME_NOT_RESOLVED
    assert "correct host" in finding.message


def test_a_port_where_nobody_listens(postgres: ConnectionSettings) -> None:
    finding = found(changed(postgres, port=free_port()))
    assert finding.fault is DatabaseFault.CONNECTION_REFUSED
    assert "start the server" in finding.message


def test_a_server_that_does_not_answer(postgres: ConnectionSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        finding = found(changed(postgres, port=silent.getsockname()[1], connect_timeout=2))
    assert finding.fault is DatabaseFault.CONNECTION_TIMED_OUT


@pytest.mark.parametrize("kind", ["postgres", "timescale"])
def test_a_wrong_password(kind: str, request: pytest.FixtureRequest) -> None:
    settings = request.getfixturevalue(kind)
    finding = found(changed(settings, password="not-the-password"))
    assert finding.fault is DatabaseFault.AUTHENTICATION_FAILED
    assert "correct username and password in the Secret" in finding.message


@pytest.mark.parametrize("kind", ["postgres", "timescale"])
def test_a_database_that_is_not_there(kind: str, request: pytest.FixtureRequest) -> None:
    settings = request.getfixturevalue(kind)
    finding = found(changed(settings, database="no_such"))
    assert finding.fault is DatabaseFault.DATABASE_MISSING
    assert "there is no database no_such" in finding.message


def test_an_extension_that_is_missing(postgres: ConnectionSettings) -> None:
    finding = check(postgres)
    assert finding is not None
    assert finding.fault is DatabaseFault.EXTENSION_MISSING
    assert "CREATE EXTENSION timescaledb" in finding.message


def test_an_extension_that_is_too_old(timescale: ConnectionSettings) -> None:
    finding = check(timescale, (99, 1))
    assert finding is not None
    assert finding.fault is DatabaseFault.EXTENSION_TOO_OLD
    assert "99.1 is needed; install a newer one, then: ALTER EXTENSION timescaledb UPDATE" in finding.message


def test_too_many_connections(own_postgres: ConnectionSettings, postgres_server: PostgresServer) -> None:
    postgres_server.sql(f'ALTER ROLE "{own_postgres.user}" CONNECTION LIMIT 1')
    with connected(own_postgres):
        assert found(own_postgres).fault is DatabaseFault.TOO_MANY_CONNECTIONS
    assert check(own_postgres, None) is None


def test_rights_are_asked_for_until_they_are_there(
    own_postgres: ConnectionSettings, postgres_server: PostgresServer
) -> None:
    databases.on_postgres_migrated(own_postgres)
    name = f"{own_postgres.user}_reader"
    postgres_server.sql(f"CREATE ROLE {name} LOGIN PASSWORD 'reader'")
    reader = changed(own_postgres, user=name, password="reader")
    granted = []
    with ExitStack() as stack:
        stack.callback(postgres_server.sql, f"DROP ROLE {name}")
        stack.callback(postgres_server.sql, f"DROP OWNED BY {name}", database=own_postgres.database)
        while finding := check(reader, None):
            assert finding.fault is DatabaseFault.PERMISSION_MISSING
            granted.append(finding.message.partition("as an administrator: ")[2])
            assert len(granted) < 80
            execute(own_postgres, granted[-1])
    assert granted[0].startswith("GRANT USAGE ON SCHEMA")
    assert f'GRANT INSERT ON market.daily_bars TO "{name}"' in granted


def test_a_user_who_may_not_create(own_postgres: ConnectionSettings, postgres_server: PostgresServer) -> None:
    name = f"{own_postgres.user}_guest"
    postgres_server.sql(f"CREATE ROLE {name} LOGIN PASSWORD 'pw-8271'")
    try:
        finding = found(changed(own_postgres, user=name, password="pw-8271"))
        assert finding.fault is DatabaseFault.PERMISSION_MISSING
        assert f'GRANT CREATE ON DATABASE "{own_postgres.database}" TO "{name}"' in finding.message
        with pytest.raises(DatabaseError) as caught:
            databases.on_postgres_migrated(changed(own_postgres, user=name, password="pw-8271"))
        assert caught.value.fault is DatabaseFault.PERMISSION_MISSING
    finally:
        postgres_server.sql(f"DROP ROLE {name}")


def test_a_replica(own_postgres: ConnectionSettings, postgres_server: PostgresServer) -> None:
    with databases.folder("standby") as place:
        place.parent.chmod(0o755)
        standby = postgres_server.standby(place)
        try:
            replica = changed(own_postgres, port=standby.port)
            finding = found(replica)
            assert finding.fault is DatabaseFault.READ_ONLY
            assert "is a replica; name the primary" in finding.message
            with pytest.raises(DatabaseError) as caught:
                databases.on_postgres_migrated(replica)
            assert caught.value.fault is DatabaseFault.READ_ONLY
        finally:
            standby.kill()


@pytest.fixture(scope="module")
def tls_server() -> Iterator[tuple[PostgresServer, Path]]:
    """A PostgreSQL with a certificate for localhost, and the folder of its authority."""
    with databases.folder("tls") as place:
        certificates = place.parent / "certificates"
        authority.create(certificates, "localhost")
        place.parent.chmod(0o755)
        certificates.chmod(0o755)
        (certificates / "server.key").chmod(0o640)
        shutil.chown(certificates / "server.key", group="postgres")
        files = {"ssl_cert_file": "server.crt", "ssl_key_file": "server.key"}
        settings = {name: str(certificates / file) for name, file in files.items()}
        with databases.on_postgres(place, ssl="on", **settings) as server:
            yield server, certificates


def tls(server: PostgresServer, folder: Path, **values: object) -> ConnectionSettings:
    keys = {
        "username": "postgres",
        "password": server.password,
        "database": "market",
        "port": str(server.port),
    }
    place = folder.parent / "secret"
    place.mkdir(exist_ok=True)
    for key, value in {**keys, "host": "localhost"}.items():
        (place / key).write_text(value)
    shutil.copyfile(folder / "ca.crt", place / "ca.crt")
    return changed(from_folder("timescale", place), **values)


def test_a_server_with_the_right_certificate(tls_server: tuple[PostgresServer, Path]) -> None:
    settings = tls(*tls_server)
    assert settings.tls == "verify-full"
    with connected(settings) as connection:
        said = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    assert said == (True,)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"host": "127.0.0.1"}, id="another name than the certificate's"),
        pytest.param({"authority": None}, id="an authority that is not trusted"),
    ],
)
def test_a_certificate_that_is_not_trusted(
    tls_server: tuple[PostgresServer, Path], wrong: dict[str, object]
) -> None:
    finding = found(tls(*tls_server, **wrong))
    assert finding.fault is DatabaseFault.TLS_FAILED
    assert "into ca.crt" in finding.message
    assert check(tls(*tls_server, **wrong, tls="require"), None) is None


def test_a_server_without_tls(postgres: ConnectionSettings) -> None:
    finding = found(changed(postgres, tls="require"))
    assert finding.fault is DatabaseFault.TLS_FAILED


def test_a_drivers_error_does_not_travel_with_ours(postgres: ConnectionSettings) -> None:
    with pytest.raises(DatabaseError) as caught, connected(changed(postgres, password="not-the-password")):
        pass
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert isinstance(caught.value.__context__, psycopg.Error)
