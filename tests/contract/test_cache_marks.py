"""Whose answers a cache holds: a replica's readers share the primary's, a copy's readers have their own."""

from __future__ import annotations

import pytest

import databases
from backbone.adapters.timescale.cache_marks import database_mark_of, marks_on
from backbone.adapters.timescale.pool import DatabasePool
from backbone.adapters.timescale.session import connected
from backbone.adapters.timescale.settings import ConnectionSettings, from_keys
from backbone.ports.store_errors import NothingPublished
from databases import Database, changed, execute, on_postgres_migrated
from services.postgres import PostgresServer

CLAIM = "INSERT INTO telemetry.authority (cluster, namespace, name) VALUES (%s, %s, %s)"
TAKE = "UPDATE telemetry.authority SET namespace = 'staging'"


def mark(settings: ConnectionSettings) -> str:
    with DatabasePool(settings) as pool:
        return database_mark_of(pool)


def marks(settings: ConnectionSettings) -> tuple[str, ...]:
    with connected(settings) as connection:
        return marks_on(connection, settings)


def test_a_database_has_one_mark_and_it_says_nothing_of_an_address(database: Database) -> None:
    with pytest.raises(NothingPublished):
        mark(database.settings)
    database.migrator().migrate()
    execute(database.settings, CLAIM, "cluster", "market", "bars")
    found = mark(database.settings)
    assert found == mark(database.settings)
    assert len(found) == 20
    if database.kind == "postgres":
        assert found == mark(changed(database.settings, host="localhost"))


def test_a_clone_a_restored_copy_and_one_that_was_taken_over_have_their_own(
    own_postgres: ConnectionSettings, postgres_server: PostgresServer
) -> None:
    on_postgres_migrated(own_postgres)
    execute(own_postgres, CLAIM, "cluster", "market", "bars")
    clone = f"{own_postgres.database}_clone"
    admin = from_keys("test", {"uri": postgres_server.uri(database="postgres")})
    execute(admin, f"CREATE DATABASE {clone} TEMPLATE {own_postgres.database} OWNER {own_postgres.user}")
    try:
        before = mark(own_postgres)
        assert mark(changed(own_postgres, database=clone)) != before
    finally:
        execute(admin, f"DROP DATABASE {clone}")
    execute(own_postgres, TAKE)
    assert mark(own_postgres) != before, "another backbone's from now on"


def test_a_replica_shares_the_primarys_mark_until_it_is_promoted() -> None:
    with (
        databases.folder("primary") as place,
        databases.folder("replica") as other,
        databases.on_postgres(place) as primary,
    ):
        primary.start()
        there = from_keys("test", {"uri": primary.uri()})
        on_postgres_migrated(there)
        execute(there, CLAIM, "cluster", "market", "bars")
        other.parent.chmod(0o755)
        with primary.standby(other) as replica:
            here = from_keys("test", {"uri": replica.uri()})
            there = from_keys("test", {"uri": primary.uri()})
            assert execute(here, "SELECT pg_is_in_recovery()") == [(True,)]
            assert mark(here) == mark(there)
            standing = mark(there)
            assert execute(here, "SELECT pg_promote()") == [(True,)]
            promoted = marks(here)
            assert promoted[0] != standing, "its rows go their own way from here"
            assert promoted[1] == standing, "a replica of it that lags reads under this one still"
