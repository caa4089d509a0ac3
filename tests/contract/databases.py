"""Databases for tests: a fresh, empty one each, with a user who owns it and is no administrator."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from backbone.adapters.timescale.migrator import Migrator
from backbone.adapters.timescale.settings import ConnectionSettings, from_keys
from backbone.migrations import Migration, packaged
from services.postgres import PostgresServer
from services.timescaledb import TimescaleServer

SCHEMAS = ("market", "telemetry")


def portable(migrations: tuple[Migration, ...]) -> tuple[Migration, ...]:
    """The migrations that PostgreSQL without TimescaleDB can apply."""
    return tuple(item for item in migrations if not item.needs_timescale)


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """A folder of its own, which a server that is not root can reach, and which goes."""
    place = Path(tempfile.mkdtemp(prefix=f"backbone-{name}-"))
    try:
        yield place / "server"
    finally:
        shutil.rmtree(place, ignore_errors=True)


def on_postgres(place: Path, **settings: str) -> PostgresServer:
    place.parent.chmod(0o755)
    return PostgresServer(place, settings=settings)


@contextmanager
def fresh_database(dsn: str, *, timescale: bool, language: str = "") -> Iterator[ConnectionSettings]:
    """A new database of an installation, and its owner; both go. Its texts compare as in a language."""
    name, password = f"backbone_test_{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    administrator = from_keys("test", {"uri": dsn})
    execute(administrator, f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    compared = f"TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE '{language}'" if language else ""
    execute(administrator, f"CREATE DATABASE {name} OWNER {name} {compared}")
    try:
        if timescale:
            try:
                execute(changed(administrator, database=name), "CREATE EXTENSION IF NOT EXISTS timescaledb")
            except psycopg.OperationalError:
                pytest.fail("the server of TIMESCALE_DSN has one database; without it tests start their own")
        yield changed(administrator, database=name, user=name, password=password)
    finally:
        execute(administrator, f"DROP DATABASE {name} WITH (FORCE)")
        execute(administrator, f"DROP ROLE {name}")


def emptied(server: TimescaleServer) -> ConnectionSettings:
    """The one database of the stand-in, without what earlier tests left in it."""
    settings = from_keys("test", {"uri": server.start().uri()})
    for schema in SCHEMAS:
        execute(settings, f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    return settings


SHAPE = """
SELECT md5(string_agg(line, chr(10) ORDER BY line)) FROM (
    SELECT concat_ws(' ', c.oid::regclass, c.relkind, c.relacl, c.reloptions, a.attname, a.attnum,
                     a.attnotnull, format_type(a.atttypid, a.atttypmod),
                     pg_get_expr(d.adbin, d.adrelid)) AS line
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
    WHERE c.relnamespace::regnamespace::text IN ('market', 'telemetry') AND c.relkind <> 'i'
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname IN ('market', 'telemetry')
    UNION ALL SELECT concat_ws(' ', nspname, nspacl) FROM pg_namespace
    WHERE nspname IN ('market', 'telemetry')
    UNION ALL SELECT concat_ws(' ', number, checksum) FROM telemetry.schema_migrations
    UNION ALL SELECT concat_ws(' ', hypertable_name, compression_enabled)
    FROM timescaledb_information.hypertables
    UNION ALL SELECT concat_ws(' ', hypertable_name, time_interval) FROM timescaledb_information.dimensions
    UNION ALL SELECT concat_ws(' ', hypertable_name, proc_name, config) FROM timescaledb_information.jobs
    WHERE hypertable_schema = 'market'
) AS lines
"""
"""Digest of tables, rights, migrations, and of what TimescaleDB was told of them."""


class StandIn:
    """The stand-in's one database with the whole schema and no rows; emptied where nothing else changed."""

    def __init__(self, server: TimescaleServer) -> None:
        self._server = server
        self._shape: object = None

    def migrated(self) -> ConnectionSettings:
        """Without what earlier tests left in it."""
        settings = from_keys("test", {"uri": self._server.start().uri()})
        there = execute(settings, "SELECT to_regclass('telemetry.schema_migrations')") != [(None,)]
        if not there or self._shape is None or execute(settings, SHAPE) != self._shape:
            settings = emptied(self._server)
            Migrator(settings, packaged()).migrate()
            self._shape = execute(settings, SHAPE)
            return settings
        tables = execute(
            settings,
            "SELECT string_agg(format('%%I.%%I', schemaname, tablename), ', ') FROM pg_tables "
            "WHERE schemaname = ANY (%s) AND tablename <> 'schema_migrations'",
            list(SCHEMAS),
        )
        execute(settings, f"TRUNCATE {tables[0][0]} RESTART IDENTITY")
        return settings


def changed(settings: ConnectionSettings, **values: Any) -> ConnectionSettings:
    return ConnectionSettings(**{**{name: getattr(settings, name) for name in settings.__slots__}, **values})


def execute(settings: ConnectionSettings, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Run one statement on a connection of its own; its rows, if it has any."""
    with psycopg.connect(**settings.parameters(), autocommit=True, prepare_threshold=None) as connection:
        cursor = connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


@dataclass(frozen=True)
class Database:
    """An empty database on one kind of server, and the migrations that it can take."""

    kind: str
    settings: ConnectionSettings
    migrations: tuple[Migration, ...]

    def migrator(self, **values: Any) -> Migrator:
        """A migrator with settings that differ by `values`."""
        return Migrator(changed(self.settings, **values), self.migrations)

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return execute(self.settings, statement, *values)

    @property
    def applied(self) -> list[int]:
        """Numbers in the ledger; none where there is no ledger."""
        if self.execute("SELECT to_regclass('telemetry.schema_migrations')") == [(None,)]:
            return []
        return [
            number for (number,) in self.execute("SELECT number FROM telemetry.schema_migrations ORDER BY 1")
        ]

    @property
    def columns(self) -> list[tuple[str, str, str, bool]]:
        """Table with schema, column, type and whether it takes nulls, in the order of the columns."""
        return self.execute(
            """
            SELECT table_schema || '.' || table_name, column_name, data_type, is_nullable = 'YES'
            FROM information_schema.columns WHERE table_schema IN ('market', 'telemetry')
            ORDER BY 1, ordinal_position
            """
        )

    @property
    def whole(self) -> list[int]:
        """Numbers of all migrations."""
        return [item.number for item in self.migrations]


def on_postgres_migrated(settings: ConnectionSettings) -> None:
    """Bring a PostgreSQL to the schema."""
    Migrator(settings, portable(packaged())).migrate()


def uri_of(settings: ConnectionSettings) -> str:
    """A database as a URI, with its user's password."""
    login = f"{settings.user}:{quote(settings.password, safe='')}"
    return f"postgresql://{login}@{settings.host}:{settings.port}/{settings.database}"
