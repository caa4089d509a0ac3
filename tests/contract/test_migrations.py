"""The schema on TimescaleDB and on PostgreSQL, and how migrating stands what happens to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

import databases
from backbone.adapters.duckdb import sql as duckdb_sql
from backbone.adapters.timescale.migrator import LEDGER, Migrator
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.market.dimensions import DIMENSIONS
from backbone.migrations import Migration, parse
from backbone.ports.database import DatabaseError, DatabaseFault
from databases import Database
from services.postgres import PostgresServer
from services.timescaledb import TimescaleServer
from thorough import EVERY_STATEMENT
from worker import ROOT

TYPES = {
    "string": "text",
    "double": "double precision",
    "int32": "integer",
    "int64": "bigint",
    "date32[day]": "date",
    "timestamp[us, tz=UTC]": "timestamp with time zone",
}
DUCKDB_TYPES = {
    "VARCHAR": "text",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "DOUBLE": "double precision",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
}
INSTITUTIONAL = ("authority", "policies", "configuration_changes", "configuration_salt")
"""Tables of telemetry that the bootstrap tier has no use for."""
OF_FILES = "telemetry.store_recoveries"
"""The table that a database has no use for: nobody sets its files aside."""
"""Kill before every statement on TimescaleDB too, where each takes a second; else before every tenth."""


def uri(settings: ConnectionSettings) -> str:
    login = f"{quote(settings.user, safe='')}:{quote(settings.password, safe='')}"
    return f"postgresql://{login}@{settings.place}/{settings.database}"


def test_an_empty_database_becomes_whole_and_stays_so(database: Database) -> None:
    migrator, told = database.migrator(), []
    assert [item.number for item in migrator.plan().pending] == database.whole
    assert database.columns == []

    migrator.migrate(lambda item: told.append(item.number))

    assert told == database.whole == database.applied
    assert migrator.plan().pending == ()
    migrator.migrate(lambda item: told.append(item.number))
    assert told == database.whole


def test_tables_are_those_of_the_dimensions(database: Database) -> None:
    database.migrator().migrate()
    for dimension in DIMENSIONS:
        found = [item[1:] for item in database.columns if item[0] == f"market.{dimension.table}"]
        assert found == [(item.name, TYPES[str(item.type)], item.nullable) for item in dimension.schema]


def test_keys_are_those_of_the_dimensions(database: Database) -> None:
    database.migrator().migrate()
    rows = database.execute(
        """
        SELECT conrelid::regclass::text, array_agg(attname::text) FROM pg_constraint
        JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY(conkey)
        WHERE contype = 'p' AND connamespace = 'market'::regnamespace GROUP BY 1
        """
    )
    keys = {table: frozenset(columns) for table, columns in rows}
    assert keys == {f"market.{item.table}": frozenset(item.key) for item in DIMENSIONS}


def test_journals_and_quarantine_are_those_of_the_bootstrap_tier(database: Database) -> None:
    database.migrator().migrate()
    with duckdb.connect() as other:
        for statement in duckdb_sql.definitions():
            other.execute(statement)
        wanted = other.execute(
            "SELECT table_schema || '.' || table_name, column_name, data_type, is_nullable = 'YES' "
            "FROM information_schema.columns WHERE table_schema = 'telemetry' ORDER BY 1, ordinal_position"
        ).fetchall()
    wanted = [
        (table, column, DUCKDB_TYPES[kind], nullable)
        for table, column, kind, nullable in wanted
        if table != OF_FILES
    ]
    own = {LEDGER, *(f"telemetry.{name}" for name in INSTITUTIONAL)}
    assert [
        item for item in database.columns if item[0].startswith("telemetry.") and item[0] not in own
    ] == wanted


def test_chunks_have_their_widths_and_take_rows(timescale: ConnectionSettings) -> None:
    database = Database("timescale", timescale, databases.packaged())
    database.migrator().migrate()
    wanted = {
        (item.table, item.column, item.width)
        for migration in database.migrations
        for item in migration.hypertables
    }
    found = database.execute(
        "SELECT hypertable_schema || '.' || hypertable_name, column_name, time_interval "
        "FROM timescaledb_information.dimensions WHERE hypertable_schema = 'market'"
    )
    assert set(found) == wanted
    database.execute(
        "INSERT INTO market.macro_series SELECT 'test', 'cpi', day::date, 'daily', day::date, 1, NULL, 0, "
        "'run', 1, 2, now(), 'Test', NULL "
        "FROM generate_series('1957-01-01'::date, '2018-01-01', '1 month') AS day"
    )
    assert database.execute("SELECT count(*) FROM market.macro_series") == [(733,)]
    assert database.execute("SELECT count(*) FROM show_chunks('market.macro_series')") == [(7,)]


@contextmanager
def dying() -> Iterator[Any]:
    """Runs a migration in a process of its own: its return code, and its number of statements if it lived."""
    with subprocess.Popen(
        [sys.executable, "-m", "migrate_and_die"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'operator'}:{ROOT / 'tests/contract'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout

        def run(database: Database, last: int) -> tuple[int, int]:
            process.stdin.write(f"{database.kind} {last} {uri(database.settings)}\n")
            process.stdin.flush()
            code, count = process.stdout.readline().split()
            return int(code), int(count)

        yield run
        process.stdin.close()


def test_killed_before_any_statement_the_next_run_makes_it_whole(database: Database) -> None:
    with dying() as run:
        code, count = run(database, 0)
        assert (code, database.applied) == (0, database.whole)
        whole = database.columns
        step = 1 if EVERY_STATEMENT else {"postgres": 4, "timescale": 10}[database.kind]
        for last in range(1, count + 1, step):
            database.execute("DROP SCHEMA market, telemetry CASCADE")
            assert run(database, last)[0] == -9
            half = database.applied
            assert half == database.whole[: len(half)]
            assert {item[0] for item in database.columns} == set(tables_of(database, half))
            database.migrator().migrate()
            assert (database.applied, database.columns) == (database.whole, whole)
    tried = len(range(1, count + 1, step))
    sys.stdout.write(f"{database.kind}: killed before {tried} of {count} statements\n")


def tables_of(database: Database, applied: list[int]) -> list[str]:
    made = [table for item in database.migrations if item.number in applied for table in item.tables]
    return [*made, LEDGER] if applied else []


@pytest.mark.parametrize("kind", ["postgres", "timescale"])
def test_the_database_killed_in_the_middle(
    kind: str, request: pytest.FixtureRequest, monkeypatch: Any
) -> None:
    server: PostgresServer | TimescaleServer = request.getfixturevalue(f"{kind}_server")
    for name in ("POSTGRES_DSN", "TIMESCALE_DSN"):
        monkeypatch.delenv(name, raising=False)
    database = request.getfixturevalue("database_of")(kind)
    execute, statements = Migrator._execute, []

    def killing(*arguments: Any) -> None:
        statements.append(arguments[2])
        if "CREATE SCHEMA IF NOT EXISTS market" in arguments[2]:
            server.kill()
        execute(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Migrator, "_execute", killing)
        with pytest.raises(DatabaseError) as caught:
            database.migrator().migrate()
    assert caught.value.fault is DatabaseFault.CONNECTION_LOST

    server.start()
    assert database.applied == [1, 2]
    database.migrator().migrate()
    assert database.applied == database.whole


def test_several_at_once_apply_each_migration_once(database: Database) -> None:
    told: list[int] = []

    def migrate(_: int) -> None:
        database.migrator().migrate(lambda item: told.append(item.number))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrate, range(4)))
    assert sorted(told) == database.whole == database.applied


def slow(database: Database, seconds: int) -> tuple[Migration, ...]:
    """All migrations, and one that takes its time after it made a table."""
    number = database.migrations[-1].number + 1
    text = f"CREATE TABLE telemetry.slow (a TEXT); SELECT pg_sleep({seconds});"
    if database.kind == "timescale":
        text = "CREATE TABLE telemetry.slow (a TEXT); SELECT count(*) FROM generate_series(1, 1000000000);"
    return (*database.migrations, parse(f"{number:04}_slow.sql", text))


def test_a_statement_that_hangs_is_stopped_and_leaves_nothing(database: Database) -> None:
    settings = databases.changed(database.settings, statement_timeout=2.0)
    with pytest.raises(DatabaseError) as caught:
        Migrator(settings, slow(database, 60)).migrate()
    assert caught.value.fault is DatabaseFault.STATEMENT_TIMED_OUT
    assert database.applied == database.whole
    assert database.execute("SELECT to_regclass('telemetry.slow')") == [(None,)]


HOLD = """
import sys, time, psycopg
from backbone.adapters.timescale.migration_lock import LOCK
connection = psycopg.connect(sys.argv[1], application_name="other migration")
connection.execute("SET idle_in_transaction_session_timeout = %s" % sys.argv[2])
connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
print("held", flush=True)
time.sleep(600)
"""


@contextmanager
def holder(settings: ConnectionSettings, idle_milliseconds: int) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock and does nothing."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, uri(settings), str(idle_milliseconds)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "operator")},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def on_postgres(settings: ConnectionSettings, **values: Any) -> Migrator:
    return Migrator(settings, databases.portable(databases.packaged()), **values)


def test_a_holder_of_the_lock_is_waited_for_and_named(postgres: ConnectionSettings) -> None:
    with holder(postgres, 0), pytest.raises(DatabaseError) as caught:
        on_postgres(postgres, lock_wait=timedelta(seconds=1)).migrate()
    assert caught.value.fault is DatabaseFault.LOCKED
    assert "other migration from 127.0.0.1, since" in str(caught.value)
    assert "pg_terminate_backend" in str(caught.value)


def test_a_holder_that_dies_gives_the_lock_up(postgres: ConnectionSettings) -> None:
    with holder(postgres, 0) as process, ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(on_postgres(postgres).migrate)
        with pytest.raises(TimeoutError):
            waiting.result(1.0)
        process.kill()
        assert waiting.result(5.0).pending == ()


def test_a_holder_that_is_frozen_loses_the_lock(postgres: ConnectionSettings) -> None:
    with holder(postgres, 2000) as process:
        process.send_signal(19)
        on_postgres(postgres).migrate()
    assert on_postgres(postgres).plan().pending == ()


def test_a_second_one_on_timescale_waits_for_the_first(timescale: ConnectionSettings) -> None:
    migrator = Migrator(timescale, databases.packaged())
    with holder(timescale, 0) as process, ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(migrator.migrate)
        with pytest.raises(TimeoutError):
            waiting.result(1.0)
        process.kill()
        assert waiting.result(30.0).pending == ()


def refused(migrator: Migrator) -> str:
    """What both the plan and the attempt say, which is the same."""
    plan = migrator.plan()
    with pytest.raises(DatabaseError) as caught:
        migrator.migrate()
    assert caught.value.fault is DatabaseFault.SCHEMA_REFUSED
    assert plan.refusal == caught.value.finding
    return str(caught.value)


def test_an_edited_migration_is_refused(database: Database) -> None:
    database.migrator().migrate()
    database.execute("UPDATE telemetry.schema_migrations SET checksum = 'x' WHERE number = 2")
    assert "migration 2 (quarantine) was applied on" in refused(database.migrator())


def test_a_newer_database_is_refused(database: Database) -> None:
    database.migrator().migrate()
    database.execute("INSERT INTO telemetry.schema_migrations VALUES (99, 'later', 'x', now())")
    assert "is at migration 99" in refused(database.migrator())


def test_foreign_tables_of_our_names_are_refused_and_left_alone(database: Database) -> None:
    database.execute("CREATE SCHEMA market")
    database.execute("CREATE TABLE market.daily_bars (theirs TEXT)")
    database.execute("INSERT INTO market.daily_bars VALUES ('kept')")
    assert "a table market.daily_bars that no migration of ours made" in refused(database.migrator())
    assert database.execute("SELECT * FROM market.daily_bars") == [("kept",)]
    assert database.applied == []


def test_a_foreign_ledger_is_refused(database: Database) -> None:
    database.execute("CREATE SCHEMA telemetry")
    database.execute("CREATE TABLE telemetry.schema_migrations (version TEXT)")
    with pytest.raises(DatabaseError, match="that is not ours"):
        database.migrator().plan()
    with pytest.raises(DatabaseError, match="that is not ours"):
        database.migrator().migrate()


def test_a_hypertable_of_somebody_else_is_refused(timescale: ConnectionSettings) -> None:
    database = Database("timescale", timescale, databases.packaged())
    database.execute("CREATE SCHEMA market")
    database.execute("CREATE TABLE market.daily_bars (day DATE NOT NULL)")
    database.execute("SELECT create_hypertable('market.daily_bars', by_range('day', INTERVAL '7 days'))")
    assert "a table market.daily_bars that no migration of ours made" in refused(database.migrator())
