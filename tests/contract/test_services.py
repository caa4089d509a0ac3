"""What the TimescaleDB of development does as a server would; its database is the real one."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import errors

import databases
from backbone.adapters.timescale.session import Row, connect, connected
from backbone.adapters.timescale.settings import ConnectionSettings
from databases import changed, execute
from services.timescaledb import TimescaleServer

ENDLESS = b"SELECT count(*) FROM generate_series(1, 1000000000)"


@pytest.fixture
def settings(timescale_server: TimescaleServer) -> ConnectionSettings:
    found = databases.emptied(timescale_server)
    execute(found, "CREATE SCHEMA market")
    execute(found, "CREATE TABLE market.rows (ts TIMESTAMPTZ PRIMARY KEY, value DOUBLE PRECISION)")
    execute(found, "SELECT create_hypertable('market.rows', by_range('ts', INTERVAL '7 days'))")
    return found


def count(settings: ConnectionSettings) -> int:
    return int(execute(settings, "SELECT count(*) FROM market.rows")[0][0])


def insert(connection: psycopg.Connection[Row], day: int) -> None:
    connection.execute(
        "INSERT INTO market.rows VALUES (TIMESTAMPTZ '2024-01-01' + %s * INTERVAL '1 day', 1)", [day]
    )


def test_a_password_that_was_changed_is_asked_for(
    settings: ConnectionSettings, timescale_server: TimescaleServer
) -> None:
    users = timescale_server.users
    timescale_server.users = {**users, "other": "first"}
    execute(changed(settings, user="other", password="first"), "SELECT 1")
    timescale_server.users = {**users, "other": "second"}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        execute(changed(settings, user="other", password="first"), "SELECT 1")
    execute(changed(settings, user="other", password="second"), "SELECT 1")
    timescale_server.users = users


def test_many_clients_work_at_once(settings: ConnectionSettings) -> None:
    def work(number: int) -> None:
        with connected(settings) as connection:
            for step in range(5):
                with connection.transaction():
                    insert(connection, number * 10 + step)

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(work, range(20)))
    assert count(settings) == 100


def test_a_client_that_goes_leaves_no_transaction(settings: ConnectionSettings) -> None:
    connection = connect(settings)
    connection.execute("BEGIN")
    insert(connection, 1)
    connection.pgconn.finish()
    assert count(settings) == 0


def test_an_error_keeps_the_transaction_failed(settings: ConnectionSettings) -> None:
    with connected(settings) as connection:
        connection.execute("BEGIN")
        insert(connection, 1)
        with pytest.raises(errors.UniqueViolation):
            insert(connection, 1)
        with pytest.raises(errors.InFailedSqlTransaction):
            insert(connection, 2)
        connection.execute("ROLLBACK")
        insert(connection, 3)
    assert count(settings) == 1


def test_prepared_statements_of_two_clients_do_not_meet(settings: ConnectionSettings) -> None:
    with connected(settings) as one, connected(settings) as other:
        for _ in range(3):
            for connection, sign in ((one, "+"), (other, "-")):
                said = connection.execute(f"SELECT 10 {sign} %s".encode(), [4], prepare=True).fetchone()
                assert said == (14 if sign == "+" else 6,)


def test_settings_of_two_clients_do_not_meet(settings: ConnectionSettings) -> None:
    with connected(settings) as one, connected(settings) as other:
        one.execute("SET TimeZone TO 'Europe/Berlin'")
        assert other.execute("SHOW TimeZone").fetchone() == ("UTC",)
        assert one.execute("SHOW TimeZone").fetchone() == ("Europe/Berlin",)


def test_rows_are_copied_both_ways(settings: ConnectionSettings) -> None:
    with connected(settings) as connection:
        with connection.cursor() as cursor, cursor.copy("COPY market.rows FROM STDIN") as copy:
            copy.write("2024-01-01 00:00:00+00\t1.5\n2024-01-02 00:00:00+00\t\\N\n")
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY market.rows FROM STDIN (FORMAT BINARY)") as copy,
        ):
            day = struct.pack("!hiqid", 2, 8, 86_400_000_000, 8, 2.5)
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8) + day + struct.pack("!h", -1))
        with connection.cursor() as cursor, cursor.copy("COPY (TABLE market.rows) TO STDOUT") as copy:
            said = b"".join(bytes(part) for part in copy).decode()
    assert sorted(said.splitlines()) == [
        "2000-01-02 00:00:00+00\t2.5",
        "2024-01-01 00:00:00+00\t1.5",
        "2024-01-02 00:00:00+00\t\\N",
    ]


def copy_in(connection: psycopg.Connection[Row], blocks: Iterable[str]) -> None:
    with connection.cursor() as cursor, cursor.copy("COPY market.rows FROM STDIN") as copy:
        for block in blocks:
            copy.write(block)


def broken_off() -> Iterator[str]:
    yield "2024-01-01\t1\n"
    raise ValueError("the source broke off")


def test_a_copy_that_fails_copies_nothing(settings: ConnectionSettings) -> None:
    with connected(settings) as connection:
        with pytest.raises(errors.InvalidDatetimeFormat):
            copy_in(connection, ["2024-01-01\t1\nno day\t2\n"])
        with pytest.raises(ValueError, match="broke off"), connection.transaction():
            copy_in(connection, broken_off())
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert count(settings) == 0


def test_a_statement_is_stopped_at_its_limit(settings: ConnectionSettings) -> None:
    with connected(settings) as connection:
        connection.execute("SET statement_timeout = '3s'")
        started = time.monotonic()
        with pytest.raises(errors.QueryCanceled, match="statement timeout"):
            connection.execute(ENDLESS)
        assert time.monotonic() - started < 60
        connection.execute("SET statement_timeout = 0")
        insert(connection, 1)
        with pytest.raises(errors.QueryCanceled), connection.transaction():
            insert(connection, 2)
            connection.execute("SET LOCAL statement_timeout = '1s'")
            connection.execute(ENDLESS)
        insert(connection, 3)
    assert count(settings) == 2


def test_a_client_that_waits_for_another_is_stopped_at_its_limit(settings: ConnectionSettings) -> None:
    with connected(settings) as one, connected(changed(settings, statement_timeout=1.5)) as other:
        one.execute("BEGIN")
        insert(one, 1)
        with pytest.raises(errors.QueryCanceled, match="statement timeout"):
            other.execute("SELECT 1")
        one.execute("COMMIT")
        assert other.execute("SELECT count(*) FROM market.rows").fetchone() == (1,)


def test_a_transaction_that_lies_idle_is_ended(settings: ConnectionSettings) -> None:
    with connected(changed(settings, idle_timeout=0.5)) as connection:
        connection.execute("BEGIN")
        insert(connection, 1)
        time.sleep(1.5)
        with pytest.raises(errors.IdleInTransactionSessionTimeout):
            connection.execute("COMMIT")
    assert count(settings) == 0


def test_a_cancelled_statement_ends(settings: ConnectionSettings) -> None:
    with connected(settings) as connection:
        timer = threading.Timer(1.0, connection.cancel)
        timer.start()
        with pytest.raises(errors.QueryCanceled, match="user request"):
            connection.execute(ENDLESS)
        timer.join()


def test_what_was_committed_survives_kill(
    settings: ConnectionSettings, timescale_server: TimescaleServer
) -> None:
    with connected(settings) as connection:
        for day in range(50):
            insert(connection, day)
        connection.execute("BEGIN")
        insert(connection, 99)
        timescale_server.kill()
    timescale_server.start()
    assert count(settings) == 50
    execute(settings, "INSERT INTO market.rows VALUES ('2025-01-01', 1)")
    assert count(settings) == 51
