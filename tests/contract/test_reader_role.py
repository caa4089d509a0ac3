"""The role of readers: made as often as one likes, it reads everything of ours and changes nothing."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from backbone.adapters.timescale.policies import Policies
from backbone.adapters.timescale.reader_role import KEPT_BACK, ReaderRole
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.client import DAILY_BARS
from backbone.client.database import DatabaseClient
from backbone.ports.database import DatabaseError, DatabaseFault
from databases import SCHEMAS, Database, changed, execute, packaged
from policy_database import FULL, PolicyDatabase, days_ago
from services.postgres import PostgresServer
from small_copies import bar, ingest_into
from stores import OnTimescale
from test_institutional import backbone, given
from test_migrate_cli import secret
from worker import ROOT, Emp, report

RUNBOOK = ROOT / "docs" / "runbooks" / "institutional.md"
TABLES = """
    SELECT item.oid::regclass::text
    FROM pg_class AS item JOIN pg_namespace AS place ON place.oid = item.relnamespace
    WHERE nspname = ANY(%s) AND relkind IN ('r', 'p', 'v', 'm') ORDER BY 1
"""


@dataclass(frozen=True)
class Readers:
    """A role that a test makes, and a login that is a member of it; both go with the test."""

    name: str
    server: PostgresServer

    @property
    def login(self) -> str:
        return f"{self.name}_login"

    def let_in(self, settings: ConnectionSettings) -> ConnectionSettings:
        """How somebody who reads gets into a database."""
        password = secrets.token_urlsafe(12)
        self.server.sql(f"CREATE ROLE {self.login} LOGIN PASSWORD '{password}' IN ROLE {self.name}")
        return changed(settings, user=self.login, password=password)

    def may_make_roles(self, settings: ConnectionSettings) -> None:
        self.server.sql(f"ALTER ROLE {settings.user} CREATEROLE")


@pytest.fixture
def readers(postgres_server: PostgresServer) -> Iterator[Readers]:
    """Set up before the database and gone after it: what it has a right to keeps a role."""
    found = Readers(f"readers_{secrets.token_hex(4)}", postgres_server.start())
    yield found
    for role in (found.login, found.name):
        postgres_server.sql(f"DROP ROLE IF EXISTS {role}")


@pytest.fixture
def held(readers: Readers, institutional: OnTimescale) -> OnTimescale:
    """Two bars, in a database whose owner may make no roles."""
    ingest_into(institutional.store(), [bar(1), bar(2)])
    return institutional


def administrator(held: OnTimescale, readers: Readers, statements: str) -> None:
    """Run as the server's administrator, in the database."""
    for statement in filter(None, map(str.strip, statements.split(";"))):
        readers.server.sql(statement, database=held.settings.database)


def test_a_member_reads_all_there_is_and_all_to_come_and_changes_nothing(
    readers: Readers, held: OnTimescale
) -> None:
    readers.may_make_roles(held.settings)
    role = ReaderRole(held.settings, readers.name)
    assert role.plan() == (f'CREATE ROLE "{readers.name}" NOLOGIN',)
    done = role.grant()
    assert done[0] == f'CREATE ROLE "{readers.name}" NOLOGIN'
    assert (role.plan(), role.grant()) == ((), ()), "a second look changes nothing"

    member = readers.let_in(held.settings)
    with DatabaseClient(member) as client, client.snapshot() as data:
        assert data.rows(DAILY_BARS, ["AAPL"]).num_rows == 2
        assert [run.outcome for run in data.runs(5)] == ["Succeeded"]
        mark = data.version
    with DatabaseClient(held.settings) as client, client.snapshot() as data:
        assert data.version == mark, "both share one cache"
    execute(held.settings, "CREATE TABLE market.later (id INTEGER)")
    for (table,) in execute(held.settings, TABLES, list(SCHEMAS)):
        if table == KEPT_BACK:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                execute(member, f"SELECT count(*) FROM {table}")
            continue
        assert len(execute(member, f"SELECT count(*) FROM {table}")) == 1
        for change in (f"DELETE FROM {table}", f"DROP TABLE {table}", f"TRUNCATE {table}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                execute(member, change)


def test_what_somebody_takes_away_is_given_back(readers: Readers, held: OnTimescale) -> None:
    readers.may_make_roles(held.settings)
    role = ReaderRole(held.settings, readers.name)
    role.grant()
    execute(held.settings, f"REVOKE SELECT ON market.daily_bars FROM {readers.name}")
    execute(held.settings, f"REVOKE USAGE ON SCHEMA telemetry FROM {readers.name}")
    assert role.grant() == (
        f"GRANT USAGE ON SCHEMA telemetry TO {readers.name}",
        f"GRANT SELECT ON market.daily_bars TO {readers.name}",
    )


def sql_of(refused: pytest.ExceptionInfo[DatabaseError]) -> str:
    """What the message gives an administrator to run."""
    assert refused.value.fault is DatabaseFault.ROLE_NOT_ALLOWED
    (statements,) = re.findall(r"as an administrator: (.+;)$", str(refused.value))
    return str(statements)


def test_an_owner_who_may_make_no_roles_gets_the_sql_and_does_the_rest(
    readers: Readers, held: OnTimescale
) -> None:
    role = ReaderRole(held.settings, readers.name)
    with pytest.raises(DatabaseError) as refused:
        role.grant()
    assert sql_of(refused) == f'CREATE ROLE "{readers.name}" NOLOGIN;'
    assert held.settings.password not in str(refused.value)
    administrator(held, readers, sql_of(refused))
    assert f"GRANT SELECT ON market.daily_bars TO {readers.name}" in role.grant()
    assert role.plan() == ()


def test_tables_of_another_owner_are_named_with_the_sql_for_all_of_them(
    readers: Readers, held: OnTimescale
) -> None:
    administrator(held, readers, f"CREATE ROLE {readers.name} NOLOGIN")
    for table in ("market.daily_bars", "market.macro_series"):
        administrator(held, readers, f"ALTER TABLE {table} OWNER TO postgres")
        administrator(
            held, readers, f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {held.settings.user}"
        )
    role = ReaderRole(held.settings, readers.name)
    with pytest.raises(DatabaseError) as refused:
        role.grant()
    assert "GRANT SELECT ON ALL TABLES IN SCHEMA" in sql_of(refused)
    before = role.plan()
    assert f"GRANT USAGE ON SCHEMA market TO {readers.name}" in before, "all of it or nothing"
    administrator(held, readers, sql_of(refused))
    role.grant()
    assert role.plan() == ()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(readers.let_in(held.settings), f"SELECT count(*) FROM {KEPT_BACK}")


def test_a_role_that_logs_in_by_itself_is_refused_with_what_to_do(
    readers: Readers, held: OnTimescale
) -> None:
    administrator(held, readers, f"CREATE ROLE {readers.name} LOGIN")
    role = ReaderRole(held.settings, readers.name)
    for call in (role.plan, role.grant):
        with pytest.raises(DatabaseError, match="logs in by itself") as refused:
            call()
    administrator(held, readers, sql_of(refused))
    role.grant()
    assert role.plan() == ()


def test_the_sql_of_the_runbook_leaves_nothing_to_do_and_takes_it_back(
    readers: Readers, held: OnTimescale
) -> None:
    section = RUNBOOK.read_text().partition("## The role of readers")[2].partition("\n## ")[0]
    giving, taking = re.findall(r"(?:^    \S.*\n)+", section, re.MULTILINE)

    def run(block: str) -> None:
        words = {"market_readers": readers.name, "FOR ROLE backbone": f"FOR ROLE {held.settings.user}"}
        for name, value in {**words, "ON DATABASE market": f"ON DATABASE {held.settings.database}"}.items():
            block = block.replace(name, value)
        administrator(held, readers, block)

    run(giving)
    role = ReaderRole(held.settings, readers.name)
    assert role.plan() == ()
    run(taking.replace("PRIVILEGES IN", "PRIVILEGES FOR ROLE backbone IN"))
    lacking = role.plan()
    tables = len(execute(held.settings, TABLES, list(SCHEMAS))) - 1
    assert len(lacking) == len(SCHEMAS) + tables + len(SCHEMAS)


@pytest.fixture
def packed(timescale: ConnectionSettings) -> Iterator[tuple[PolicyDatabase, str]]:
    """A database with policies, whose older bars are in the columnstore; and a role to be made there."""
    database = Database("timescale", timescale, packaged())
    database.migrator().migrate()
    place, name = PolicyDatabase(database), f"readers_{secrets.token_hex(4)}"
    place.add_bars(days_ago(900).date(), 900)
    Policies(timescale, FULL).reconcile()
    place.run_job("daily_bars", "policy_compression")
    yield place, name
    place.execute(f"DROP OWNED BY {name}")
    place.execute(f"DROP ROLE {name}")


def test_a_member_reads_packed_chunks_and_aggregates(packed: tuple[PolicyDatabase, str]) -> None:
    place, name = packed
    ReaderRole(place.database.settings, name).grant()
    assert ReaderRole(place.database.settings, name).grant() == ()
    with (
        psycopg.connect(**place.database.settings.parameters(), prepare_threshold=None) as connection,
        connection.transaction(),
    ):
        connection.execute(f"SET LOCAL ROLE {name}".encode())
        assert connection.execute("SELECT count(*) FROM market.daily_bars").fetchone() == (900,)
        for view in ("weekly_bars", "trade_minute_bars", "trade_daily_bars"):
            assert connection.execute(f"SELECT count(*) FROM market.{view}".encode()).fetchone() is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("DELETE FROM market.daily_bars")


def test_the_job_that_migrates_lets_readers_in_and_tells_so(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp
) -> None:
    name = f"readers_{secrets.token_hex(4)}"
    secret(tmp_path, timescale)
    document = backbone(timescale={"connection": {"secretName": "timescale"}, "readerRole": name})
    files = given(tmp_path, document)
    first = emp("database", "-f", files)
    assert first.returncode == 0, first.stderr
    assert report(tmp_path)["readerRole"] == name
    assert f'readers: CREATE ROLE "{name}" NOLOGIN' in first.stderr
    assert "readers:" not in emp("database", "-f", files, "--plan").stdout
    timescale_user = execute(timescale, "SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", name)
    assert timescale_user == [(False,)]
    execute(timescale, f"ALTER ROLE {name} LOGIN")
    refused = emp("database", "-f", files)
    told = report(tmp_path)
    assert (refused.returncode, told["outcome"]) == (3, "RoleNotAllowed")
    assert f'ALTER ROLE "{name}" NOLOGIN;' in told["message"]
    assert len(told["tables"]) == 5, "policies come before it"
    execute(timescale, f"DROP OWNED BY {name}")
    execute(timescale, f"DROP ROLE {name}")


def test_a_secret_that_is_not_there_is_said_so(tmp_path: Path, emp: Emp) -> None:
    cache = {"redis": {"connection": {"secretName": "redis"}}}
    done = emp("database", "-f", given(tmp_path, backbone(**cache)))
    told = report(tmp_path)
    assert (done.returncode, told["outcome"], told["cache"]["outcome"]) == (
        3,
        "SecretMissing",
        "SecretMissing",
    )
    assert "there is no Secret timescale, or it has no key at all" in told["message"]
    assert "there is no Secret redis" in told["cache"]["message"]
