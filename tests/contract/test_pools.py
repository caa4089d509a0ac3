"""A pool under work: how long one waits for it, and credentials that change meanwhile."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from backbone.adapters.timescale.pool import DatabasePool
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.ports.database import DatabaseError, DatabaseFault, DatabaseFinding
from databases import changed, execute
from pooled_work import Work
from services.postgres import PostgresServer


def test_a_connection_is_used_again(own_postgres: ConnectionSettings) -> None:
    with DatabasePool(own_postgres) as pool:
        pids = set()
        for _ in range(5):
            with pool.connection() as connection:
                pids.add(connection.info.backend_pid)
        assert len(pids) == 1
        assert (pool.reading().size, pool.reading().idle) == (1, 1)


def test_an_open_transaction_does_not_outlive_its_user(work_table: ConnectionSettings) -> None:
    with DatabasePool(work_table) as pool:
        with pool.connection() as connection:
            connection.execute("BEGIN")
            connection.execute("INSERT INTO work DEFAULT VALUES")
        with pool.connection() as connection:
            assert connection.execute("SELECT count(*) FROM work").fetchone() == (0,)


def test_who_waits_too_long_is_told_why(own_postgres: ConnectionSettings) -> None:
    settings = changed(own_postgres, pool_size=1, acquire_timeout=0.5)
    with (
        DatabasePool(settings) as pool,
        pool.connection(),
        pytest.raises(DatabaseError) as caught,
        pool.connection(),
    ):
        pass
    assert caught.value.fault is DatabaseFault.POOL_EXHAUSTED
    assert "all 1 connections" in str(caught.value)


def test_a_server_that_is_gone_is_named_and_comes_back(
    own_postgres: ConnectionSettings, postgres_server: PostgresServer
) -> None:
    settings = changed(own_postgres, acquire_timeout=1.0)
    with DatabasePool(settings) as pool:
        with pool.connection() as connection:
            connection.execute("SELECT 1")
        postgres_server.kill()
        with pytest.raises(DatabaseError) as caught, pool.connection():
            pass
        assert caught.value.fault is DatabaseFault.CONNECTION_REFUSED
        postgres_server.start()
        deadline = time.monotonic() + 15
        while True:
            try:
                with pool.connection() as connection:
                    connection.execute("SELECT 1")
                break
            except DatabaseError:
                assert time.monotonic() < deadline


def test_a_server_that_is_gone_is_named_at_once_and_used_as_soon_as_it_is_back(
    own_postgres: ConnectionSettings, postgres_server: PostgresServer
) -> None:
    settings = changed(own_postgres, acquire_timeout=60.0)
    with DatabasePool(settings) as pool:
        with pool.connection() as connection:
            connection.execute("SELECT 1")
        postgres_server.kill()
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(DatabaseError) as caught, pool.connection():
                pass
            assert caught.value.fault is DatabaseFault.CONNECTION_REFUSED
            assert time.monotonic() - began < 20, "of the minute that a busy pool would be waited for"
        postgres_server.start()
        began = time.monotonic()
        with pool.connection() as connection:
            connection.execute("SELECT 1")
        assert time.monotonic() - began < 20


def test_credentials_that_led_in_are_waited_for_while_they_change(
    work_table: ConnectionSettings, postgres_server: PostgresServer
) -> None:
    settings = changed(work_table, acquire_timeout=60.0)
    renewed: list[DatabaseFinding | None] = []
    with DatabasePool(settings) as pool:
        with pool.connection():
            postgres_server.sql(f"ALTER ROLE \"{work_table.user}\" PASSWORD 'next'")
            later = threading.Timer(2, lambda: renewed.append(pool.renew(changed(settings, password="next"))))
            later.start()
            with pool.connection() as connection:
                connection.execute("SELECT 1")
        later.join()
    assert renewed == [None]


def test_what_no_waiting_mends_is_told_at_once(own_postgres: ConnectionSettings) -> None:
    settings = changed(own_postgres, database="nowhere", acquire_timeout=60.0)
    began = time.monotonic()
    with DatabasePool(settings) as pool, pytest.raises(DatabaseError) as caught, pool.connection():
        pass
    assert caught.value.fault is DatabaseFault.DATABASE_MISSING
    assert time.monotonic() - began < 20


def test_a_changed_password_is_taken_under_work(
    work_table: ConnectionSettings, postgres_server: PostgresServer
) -> None:
    with DatabasePool(work_table) as pool:
        work = Work(pool)
        with work.running():
            work.goes_on()
            for turn in range(5):
                postgres_server.sql(f"ALTER ROLE \"{work_table.user}\" PASSWORD 'turn-{turn}'")
                work.goes_on()
                assert pool.renew(changed(work_table, password=f"turn-{turn}")) is None
                work.goes_on()
    assert work.failures == []
    assert execute(pool.settings, "SELECT count(*) FROM work") == [(work.sent,)]
    sys.stdout.write(f"{work.sent} rows over 5 rotations, none lost, none failed\n")


def test_another_user_takes_over_and_the_old_connections_end(
    work_table: ConnectionSettings, postgres_server: PostgresServer
) -> None:
    other = changed(work_table, user=f"{work_table.user}_next", password="next")
    postgres_server.sql(f"CREATE ROLE {other.user} LOGIN PASSWORD 'next'")
    postgres_server.sql(f"GRANT INSERT ON work TO {other.user}", database=work_table.database)
    try:
        with DatabasePool(work_table) as pool:
            work = Work(pool)
            with work.running():
                work.goes_on()
                assert pool.renew(other) is None
                work.goes_on()
                asked = (
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'backbone' AND usename = "
                )
                assert postgres_server.sql(f"{asked}'{work_table.user}'") == "0"
                assert int(postgres_server.sql(f"{asked}'{other.user}'")) > 0
        assert work.failures == []
        assert work.users == {work_table.user, other.user}
        assert execute(work_table, "SELECT count(*) FROM work") == [(work.sent,)]
    finally:
        postgres_server.sql(f"DROP OWNED BY {other.user}", database=work_table.database)
        postgres_server.sql(f"DROP ROLE {other.user}")


def test_wrong_credentials_keep_the_old_pool_and_say_so(work_table: ConnectionSettings) -> None:
    with DatabasePool(work_table) as pool:
        work = Work(pool)
        with work.running():
            work.goes_on()
            finding = pool.renew(changed(work_table, password="a-typo"))
            assert finding is not None
            assert finding.fault is DatabaseFault.AUTHENTICATION_FAILED
            assert "a-typo" not in finding.message
            work.goes_on()
        assert work.failures == []
        assert pool.settings == work_table
