"""How a server writes times, numbers and texts: no preference of a database, a role or a shell changes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import psycopg
import pyarrow as pa
import pytest

import databases
from backbone.adapters.timescale.rows import table
from backbone.adapters.timescale.session import connected
from backbone.adapters.timescale.settings import ConnectionSettings, from_keys
from backbone.market.dimensions import DAILY_BARS
from backbone.market.lineage import Lineage, stamp
from backbone.ports.journal import RunEnd, RunStart
from backbone.ports.store import Selection
from backbone.vocabulary import Outcome
from databases import changed, execute
from services.postgres import PostgresServer
from stores import OnTimescale

NOW = datetime(2024, 6, 3, 22, 0, 0, 123456, tzinfo=UTC)
PRICE = 0.1 + 0.2
NAME = "Société"
ROW = {
    "source": "test",
    "symbol": NAME,
    "session_date": date(1789, 7, 14),
    **dict.fromkeys(("open", "high", "low", "close", "adjusted_close"), PRICE),
    "volume": 1,
    "price_basis": "raw",
    "revision": 0,
}


def expect_what_was_stored(settings: ConnectionSettings) -> None:
    """Store a row, find it again unchanged, and read it by every way."""
    databases.on_postgres_migrated(settings)
    tier = OnTimescale(settings)
    for run, changes in (("run-1", 1), ("run-2", 0)):
        rows = stamp(
            DAILY_BARS, pa.Table.from_pylist([ROW], schema=DAILY_BARS.facts), Lineage(run, 1, NOW, "Test")
        )
        with tier.store().writer("test", timedelta(seconds=5)) as writer:
            sequence = writer.journal.begin(RunStart(run, "plan", 1, NOW))
            with writer.batch():
                assert writer.rows.upsert(DAILY_BARS, rows) == changes
                writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, NOW, 1, changes, NAME))
    with tier.reading() as reader:
        (found,) = pa.Table.from_batches(reader.batches(Selection(DAILY_BARS, (NAME,)))).to_pylist()
        assert {name: found[name] for name in ROW} == ROW
        assert found["observed_at"] == NOW
        assert reader.subjects(DAILY_BARS) == (NAME,)
        assert reader.lines(DAILY_BARS, (NAME,))[0].last_at == datetime(1789, 7, 14, tzinfo=UTC)
        (held,) = reader.holdings()
        assert (held.last_subject, held.last_value) == (NAME, PRICE)
        (_, run) = reader.runs(2)
        assert (run.started_at, run.ended_at, run.message) == (NOW, NOW, NAME)


@pytest.mark.parametrize(
    "setting",
    [
        "DateStyle = 'SQL, DMY'",
        "DateStyle = 'German'",
        "DateStyle = 'Postgres, MDY'",
        "extra_float_digits = 0",
        "extra_float_digits = -15",
        "client_encoding = 'LATIN1'",
        "client_encoding = 'SQL_ASCII'",
        "IntervalStyle = 'iso_8601'",
        "TimeZone = 'Asia/Kolkata'",
        "standard_conforming_strings = off",
    ],
)
@pytest.mark.parametrize("whose", ["DATABASE", "ROLE"])
def test_a_preference_of_a_database_or_a_role_changes_nothing_that_is_read(
    postgres_server: PostgresServer, own_postgres: ConnectionSettings, setting: str, whose: str
) -> None:
    name = own_postgres.database if whose == "DATABASE" else own_postgres.user
    administrator = from_keys("test", {"uri": postgres_server.uri()})
    execute(administrator, f'ALTER {whose} "{name}" SET {setting}')
    expect_what_was_stored(own_postgres)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGDATESTYLE", "German"),
        ("PGTZ", "Asia/Kolkata"),
        ("PGCLIENTENCODING", "LATIN1"),
        ("PGOPTIONS", "-c extra_float_digits=0 -c DateStyle=German"),
    ],
)
def test_nor_does_one_of_a_shell(
    own_postgres: ConnectionSettings, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    expect_what_was_stored(own_postgres)


@contextmanager
def encoded(server: PostgresServer, owner: ConnectionSettings, encoding: str) -> Iterator[ConnectionSettings]:
    """A second database of an owner, whose texts are kept in an encoding."""
    administrator, name = from_keys("test", {"uri": server.uri()}), f"{owner.database}_encoded"
    made = f"TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
    execute(administrator, f"CREATE DATABASE {name} OWNER {owner.user} {made}")
    try:
        yield changed(owner, database=name)
    finally:
        execute(administrator, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("encoding", ["LATIN1", "WIN1252", "SQL_ASCII"])
def test_nor_does_the_encoding_in_which_a_database_keeps_its_texts(
    postgres_server: PostgresServer, own_postgres: ConnectionSettings, encoding: str
) -> None:
    with encoded(postgres_server, own_postgres, encoding) as settings:
        expect_what_was_stored(settings)


def test_a_time_in_an_unknown_form_is_no_last_day_of_the_world(own_postgres: ConnectionSettings) -> None:
    schema = pa.schema([("day", pa.date32()), ("text", pa.string())])
    with connected(own_postgres) as connection:
        connection.execute("SET DateStyle = German")
        with pytest.raises(psycopg.DataError, match=r"14\.07\.1789"):
            table(connection, "SELECT '1789-07-14'::date, 'x'", schema, {})
