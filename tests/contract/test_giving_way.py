"""A change of the schema shuts nobody out: it gives way to who works on a table, and names him."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from backbone.adapters.timescale import migration_lock
from backbone.adapters.timescale import policies as timescale_policies
from backbone.adapters.timescale.migration_lock import SchemaTurn, waits_for
from backbone.adapters.timescale.migrator import Migrator
from backbone.adapters.timescale.policies import Policies
from backbone.adapters.timescale.session import connected
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.ports.database import DatabaseError, DatabaseFault
from databases import Database, changed, execute, on_postgres_migrated, packaged, portable
from policy_database import FULL, PolicyDatabase

READERS_WAIT = 1.5
"""Seconds that a reader may wait behind a change which itself waits."""
CHANGE = "ALTER TABLE market.daily_bars ADD COLUMN noted TEXT"
"""Takes ACCESS EXCLUSIVE for a moment, as enabling the columnstore does."""


@contextmanager
def working(settings: ConnectionSettings, statement: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody's transaction that stays open, as a report's or a backup's."""
    named = changed(settings, application="a long report")
    with psycopg.connect(**named.parameters(), prepare_threshold=None) as connection:
        connection.execute(statement.encode())
        yield connection
        connection.rollback()


@contextmanager
def reading(settings: ConnectionSettings, table: str) -> Iterator[Callable[[], float]]:
    """Reads a table again and again; gives the longest time that one read took."""
    waits: list[float] = []
    ending = threading.Event()

    def read() -> None:
        with psycopg.connect(**settings.parameters(), autocommit=True) as connection:
            while not ending.is_set():
                began = time.monotonic()
                connection.execute(f"SELECT count(*) FROM {table}".encode())
                waits.append(time.monotonic() - began)
                time.sleep(0.01)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield lambda: max(waits)
    finally:
        ending.set()
        thread.join()


@pytest.fixture
def migrated(postgres: ConnectionSettings) -> ConnectionSettings:
    on_postgres_migrated(postgres)
    return postgres


def test_a_reader_waits_a_moment_beside_a_change_that_somebody_holds_up(
    migrated: ConnectionSettings,
) -> None:
    told: list[str] = []
    with (
        working(migrated, "SELECT count(*) FROM market.daily_bars") as report,
        reading(migrated, "market.daily_bars") as longest,
        connected(migrated) as connection,
        pytest.raises(DatabaseError) as caught,
    ):
        pid = report.info.backend_pid
        turn = SchemaTurn(connection, migrated, "set the policies", timedelta(seconds=6), tell=told.append)

        def change() -> None:
            with waits_for(["market.daily_bars"]):
                connection.execute(CHANGE)

        turn.do(change)
    sys.stdout.write(f"longest wait of a reader: {longest():.2f} s of {READERS_WAIT} s\n")
    assert 0.9 < longest() < READERS_WAIT
    assert caught.value.fault is DatabaseFault.LOCKED
    named = (
        f"market.daily_bars is held by process {pid} of the server, a long report from 127.0.0.1, since 20"
    )
    assert named in str(caught.value)
    assert f"pg_terminate_backend({pid})" in str(caught.value)
    assert len(told) == 2
    assert "giving way, and trying again in 1 s" in told[0]
    assert "trying again in 2 s" in told[1], "pauses grow"


def test_a_change_comes_about_once_the_table_is_free(migrated: ConnectionSettings) -> None:
    with (
        working(migrated, "SELECT count(*) FROM market.daily_bars") as report,
        connected(migrated) as connection,
    ):
        free = lambda _: report.rollback()  # noqa: E731
        turn = SchemaTurn(connection, migrated, "set the policies", timedelta(seconds=30), pause=free)
        turn.do(lambda: connection.execute(CHANGE))
    assert execute(migrated, "SELECT count(noted) FROM market.daily_bars") == [(0,)]


def test_nothing_is_held_while_it_pauses(migrated: ConnectionSettings) -> None:
    states: list[Any] = []
    with (
        working(migrated, "SELECT count(*) FROM market.daily_bars") as report,
        connected(changed(migrated, application="the change")) as connection,
    ):

        def looked(_: float) -> None:
            states.extend(
                execute(
                    migrated,
                    "SELECT state, (SELECT count(*) FROM pg_locks AS held WHERE held.pid = activity.pid) "
                    "FROM pg_stat_activity AS activity WHERE application_name = 'the change'",
                )
            )
            report.rollback()

        turn = SchemaTurn(connection, migrated, "set the policies", pause=looked)
        turn.do(lambda: connection.execute(CHANGE))
    assert states == [("idle", 0)]


def test_a_migration_gives_way_too(postgres: ConnectionSettings) -> None:
    database = Database("postgres", postgres, portable(packaged()))
    Migrator(postgres, database.migrations[:-1]).migrate()
    told: list[str] = []
    with working(postgres, "LOCK TABLE telemetry.schema_migrations IN SHARE MODE"):
        late = Migrator(postgres, database.migrations, timedelta(seconds=2), told.append)
        with pytest.raises(DatabaseError) as caught:
            late.migrate()
    assert caught.value.fault is DatabaseFault.LOCKED
    assert "is held by process" in str(caught.value)
    assert "a long report" in told[0]
    assert database.applied == database.whole[:-1]
    late.migrate()


def test_whoever_holds_the_table_is_named_before_an_older_one_who_does_not(
    migrated: ConnectionSettings,
) -> None:
    with (
        working(migrated, "SELECT count(*) FROM market.macro_series"),
        working(migrated, "SELECT count(*) FROM market.daily_bars") as report,
        connected(migrated) as connection,
        pytest.raises(
            DatabaseError, match=f"market.daily_bars is held by process {report.info.backend_pid} "
        ),
    ):
        turn = SchemaTurn(connection, migrated, "set the policies", timedelta(seconds=0))

        def change() -> None:
            with waits_for(["market.daily_bars"]):
                connection.execute(CHANGE)

        turn.do(change)


def test_each_statement_that_sets_a_policy_waits_a_second_for_its_table(
    timescale: ConnectionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database("timescale", timescale, packaged())
    database.migrator().migrate()
    run, limits = timescale_policies._run, {}

    def noting(connection: Any, statement: str, *values: Any) -> Any:
        (limits[statement.partition("(")[0].strip()],) = connection.execute("SHOW lock_timeout").fetchone()
        return run(connection, statement, *values)

    monkeypatch.setattr(timescale_policies, "_run", noting)
    Policies(timescale, FULL).reconcile()
    changing = {
        text: limit for text, limit in limits.items() if text.startswith(("SELECT add", "ALTER", "CALL"))
    }
    assert len(changing) >= 4
    assert set(changing.values()) == {"1s"}


def test_a_refresh_that_is_held_up_is_tried_again(
    timescale: ConnectionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database("timescale", timescale, packaged())
    database.migrator().migrate()
    run, failed, told = timescale_policies._run, [], []

    def refusing(connection: Any, statement: str, *values: Any) -> Any:
        if statement.startswith("CALL refresh") and len(failed) < 2:
            failed.append(statement)
            connection.execute("DO $$ BEGIN RAISE lock_not_available; END $$")
        return run(connection, statement, *values)

    monkeypatch.setattr(timescale_policies, "_run", refusing)
    monkeypatch.setattr(migration_lock, "PAUSES", (0.01,))
    Policies(timescale, FULL, tell=told.append).reconcile()
    assert len(told) == 2
    assert PolicyDatabase(database).reconcile(FULL).changes == ()
