"""Faults of the database under a run: named, and made up by the next run; no row lost, none doubled."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

import databases
from backbone.adapters.timescale.session import connect
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.market.dimensions import DAILY_BARS
from backbone.ports.store_errors import StoreError
from backbone.reports.run import RunReport
from backbone.vocabulary import Outcome
from databases import Database, changed, execute
from market_rows import NOW, SENT, SOURCES, On, bars, ingest, stamped
from services.postgres import PostgresServer
from services.timescaledb import TimescaleServer
from stores import OnTimescale
from thorough import EVERY_STATEMENT
from worker import ROOT

IN_THE_MIDDLE = 4
"""Checkpoints before the task, the first, the second and the third slice: two slices are written by then."""
LATER = NOW + timedelta(hours=1)
MINUTE = timedelta(minutes=1)
WEEKEND = (3, 4, 10)
"""Of February 2024; the checks put bars of these days into quarantine."""


def made_up(place: OnTimescale, close: float = 101.0) -> RunReport:
    """The next run; everything that was sent is there afterwards, once."""
    report = ingest(place.store(), "run-next", close=close, at=LATER)
    assert report.outcome is Outcome.SUCCEEDED, report.message
    asked = "SELECT source, count(*), count(DISTINCT (symbol, session_date)), min(close), max(close)"
    found = place.query(f"{asked} FROM market.daily_bars GROUP BY 1 ORDER BY 1")
    each = SENT // len(SOURCES)
    assert found == [(source, each, each, close, close) for source in sorted(SOURCES)]
    return report


def outcomes(place: OnTimescale) -> list[str | None]:
    return [
        outcome for (outcome,) in place.query('SELECT outcome FROM telemetry.ingest_runs ORDER BY "sequence"')
    ]


def test_a_server_that_is_killed_in_the_middle_of_a_batch(
    institutional: OnTimescale, postgres_server: PostgresServer
) -> None:
    ingest(institutional.store(), "run-0")
    report = ingest(
        institutional.store(), close=102.0, checkpoint=On(IN_THE_MIDDLE, postgres_server.kill), at=LATER
    )
    assert report.outcome is Outcome.STORE_UNREACHABLE, report.message
    assert ingest(institutional.store(), "run-down").outcome is Outcome.STORE_UNREACHABLE
    postgres_server.start()
    assert institutional.query("SELECT max(close) FROM market.daily_bars") == [(101.0,)]
    assert made_up(institutional, 102.0).dimensions[0].changed == SENT
    assert outcomes(institutional) == ["Succeeded", "DiedWithoutMessage", "Succeeded"]


def test_a_timescaledb_that_is_killed_in_the_middle_of_a_batch(timescale_server: TimescaleServer) -> None:
    settings = databases.emptied(timescale_server)
    Database("timescale", settings, databases.packaged()).migrator().migrate()
    place = OnTimescale(settings)
    report = ingest(place.store(), checkpoint=On(IN_THE_MIDDLE, timescale_server.kill))
    assert report.outcome is Outcome.STORE_UNREACHABLE, report.message
    timescale_server.start()
    assert place.count == 0
    assert made_up(place).dimensions[0].changed == SENT


@pytest.mark.parametrize("kind", ["postgres", "timescale"])
def test_a_worker_that_is_killed_before_any_of_its_statements(
    kind: str, database_of: Callable[[str], Database], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each in turn, between data and journal too: a batch is there whole or not at all."""
    database = database_of(kind)
    database.migrator().migrate()
    place = OnTimescale(database.settings)
    program = [sys.executable, str(Path(__file__).with_name("killed_on_timescale.py"))]
    uri = databases.uri_of(database.settings)
    with subprocess.Popen(
        program,
        env={"PYTHONPATH": f"{ROOT / 'operator'}:{Path(__file__).parent}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as runs:

        def run(version: int, statement: int = 0) -> tuple[int, str]:
            assert runs.stdin is not None
            assert runs.stdout is not None
            runs.stdin.write(f"{version} {statement} {uri}\n")
            runs.stdin.flush()
            code, _, said = runs.stdout.readline().partition(" ")
            return int(code), said.strip()

        assert run(0)[0] == 0
        statement, last = 0, False
        step = 1 if EVERY_STATEMENT else {"postgres": 3, "timescale": 7}[kind]
        while not last:
            statement += step
            before = held(place)
            code, said = run(statement, statement)
            last = code == 0
            if not last:
                assert code == -9, said
                states = (before, contents(statement, statement - step), contents(statement))
                assert held(place) in states, f"before statement {statement}"
                assert run(statement)[0] == 0
            assert held(place) == contents(statement), f"before statement {statement}"
    with capsys.disabled():
        sys.stdout.write(
            f" killed {statement // step - 1} times within {statement - 1} statements on {kind} "
        )
    assert statement > 25
    asked = "SELECT count(*), count(DISTINCT id), min(reason), max(reason) FROM telemetry.quarantine"
    entries = len(WEEKEND) * (statement // step + 1)
    assert place.query(asked) == [(entries, entries, "OffSession", "OffSession")]
    unfinished = "SELECT count(*) FROM telemetry.ingest_runs WHERE outcome IS NULL"
    assert place.query(unfinished) == [(0,)]
    asked = 'SELECT count(*), max("sequence") FROM telemetry.ingest_runs'
    ((count, highest),) = place.query(asked)
    assert count == highest


def held(place: OnTimescale) -> list[tuple[object, ...]]:
    """Every bar's content, and the value of every period."""
    bars = place.query("SELECT 'bar', session_date::text, close FROM market.daily_bars ORDER BY 2")
    return bars + place.query("SELECT 'value', period::text, value FROM market.macro_series ORDER BY 2")


def contents(version: int, values: int | None = None) -> list[tuple[object, ...]]:
    """What killed_on_timescale stores of a version, its values of another one if that is given."""
    other = version if values is None else values
    return [
        *(("bar", f"2024-02-{day:02}", 100.0 + version) for day in range(1, 11) if day not in WEEKEND),
        *(("value", f"2024-01-{day:02}", float(other)) for day in range(1, 11)),
    ]


def test_connections_that_are_all_in_use(institutional: OnTimescale, postgres_server: PostgresServer) -> None:
    user = institutional.settings.user
    postgres_server.sql(f'ALTER ROLE "{user}" CONNECTION LIMIT 1')
    with connect(institutional.settings):
        report = ingest(institutional.store())
    assert (report.outcome, report.rows) == (Outcome.STORE_UNREACHABLE, 0)
    assert "too many connections" in report.message
    postgres_server.sql(f'ALTER ROLE "{user}" CONNECTION LIMIT -1')
    made_up(institutional)


def test_a_statement_that_hangs_is_stopped_and_named(institutional: OnTimescale) -> None:
    place = OnTimescale(changed(institutional.settings, statement_timeout=1.0))
    with connect(place.settings) as other, other.transaction():
        other.execute("LOCK TABLE market.daily_bars IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        report = ingest(place.store())
    assert time.monotonic() - started < 10
    assert (report.outcome, report.rows) == (Outcome.STORE_FAILED, 0)
    assert "statement timeout" in report.message
    assert outcomes(place) == ["StoreFailed"]
    made_up(place)


def test_a_deadlock_costs_the_batch_and_nothing_else(institutional: OnTimescale) -> None:
    ingest(institutional.store(), "run-0")
    change = "UPDATE market.daily_bars SET flags = 'x' WHERE source = %s"
    mine = SOURCES[1]
    with psycopg.connect(**institutional.settings.parameters()) as other:

        def cross() -> None:
            """Hold what the writer needs next, and want what it has, once it waits."""
            other.execute(change, [mine])

        def entangle() -> None:
            time.sleep(0.4)
            other.execute("UPDATE market.daily_bars SET flags = 'x' WHERE source = %s", [SOURCES[0]])
            other.rollback()

        thread = threading.Thread(target=entangle)

        def checkpoint() -> None:
            cross()
            thread.start()

        report = ingest(
            institutional.store(), close=102.0, checkpoint=On(IN_THE_MIDDLE - 1, checkpoint), at=LATER
        )
        thread.join(20)
    assert report.outcome is Outcome.STORE_FAILED, report.message
    assert "deadlock" in report.message
    assert institutional.query("SELECT max(close), max(flags) FROM market.daily_bars") == [(101.0, None)]
    made_up(institutional, 102.0)


def test_a_failover_to_a_replica_that_takes_no_writes(
    institutional: OnTimescale, postgres_server: PostgresServer
) -> None:
    name = institutional.settings.database
    sessions = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"

    def fail_over() -> None:
        postgres_server.sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        postgres_server.sql(sessions)

    ingest(institutional.store(), "run-0")
    report = ingest(institutional.store(), close=102.0, checkpoint=On(IN_THE_MIDDLE, fail_over), at=LATER)
    assert report.outcome is Outcome.STORE_UNREACHABLE, report.message
    report = ingest(institutional.store(), "run-2")
    assert report.outcome is Outcome.STORE_READ_ONLY, report.message
    assert "read-only transaction" in report.message
    with institutional.reading() as reader:
        assert [(item.rows, item.last_value) for item in reader.holdings()] == [(SENT // 3, 101.0)] * 3
    postgres_server.sql(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    made_up(institutional, 102.0)


def test_two_workers_with_the_same_plan_take_turns(institutional: OnTimescale) -> None:
    with ThreadPoolExecutor(4) as threads:
        runs = [
            threads.submit(ingest, institutional.store(), f"run-{number}", wait=MINUTE) for number in range(4)
        ]
    assert [run.result().outcome for run in runs] == [Outcome.SUCCEEDED] * 4
    assert sum(run.result().dimensions[0].changed for run in runs) == SENT
    assert outcomes(institutional) == ["Succeeded"] * 4
    assert made_up(institutional).dimensions[0].changed == 0


def test_two_workers_where_everybody_gets_the_lock_lose_and_double_nothing(
    timescale: ConnectionSettings, database_of: Callable[[str], Database]
) -> None:
    database = database_of("timescale")
    database.migrator().migrate()
    place = OnTimescale(changed(timescale, statement_timeout=60.0))
    with ThreadPoolExecutor(3) as threads:
        runs = [threads.submit(ingest, place.store(), f"run-{number}", wait=MINUTE) for number in range(3)]
    ended = [run.result().outcome for run in runs]
    assert set(ended) <= {Outcome.SUCCEEDED, Outcome.STORE_BUSY}, [run.result().message for run in runs]
    assert Outcome.SUCCEEDED in ended
    made_up(place)
    assert None not in outcomes(place)


@contextmanager
def small_tablespace(server: PostgresServer, name: str) -> Iterator[None]:
    """A tablespace of a few megabytes, which only root can mount."""
    with databases.folder("small") as folder:
        folder.parent.chmod(0o755)
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=777", "tmpfs", folder], check=True)
        try:
            inside = folder / "data"
            inside.mkdir()
            owner = (server.folder / "data").stat()
            inside.chmod(0o700)
            os.chown(inside, owner.st_uid, owner.st_gid)
            server.sql(f"CREATE TABLESPACE {name} LOCATION '{inside}'")
            try:
                yield
            finally:
                server.sql(f"DROP TABLESPACE {name}")
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_disk_that_is_full_is_named_and_made_up_once_there_is_space(
    own_postgres: ConnectionSettings, postgres_server: PostgresServer
) -> None:
    space = own_postgres.database
    with small_tablespace(postgres_server, space):
        try:
            postgres_server.sql(f"GRANT CREATE ON TABLESPACE {space} TO {own_postgres.user}")
            databases.on_postgres_migrated(own_postgres)
            place = OnTimescale(own_postgres)
            place.query(f"ALTER TABLE market.daily_bars SET TABLESPACE {space}")
            report = ingest(place.store(), days=3000)
            assert (report.outcome, report.rows) == (Outcome.STORE_FULL, 0), report.message
            assert place.count == 0
            assert outcomes(place) == ["StoreFull"]
            place.query("ALTER TABLE market.daily_bars SET TABLESPACE pg_default")
            made_up(place)
        finally:
            execute(own_postgres, "DROP SCHEMA market CASCADE")


def test_a_lost_connection_ends_the_run_at_the_lines_of_its_batch(institutional: OnTimescale) -> None:
    """The port's own words: whatever fails in a batch is a StoreError with an outcome."""
    with (
        pytest.raises(StoreError) as caught,
        institutional.store().writer("run-1", timedelta()) as writer,
        writer.batch(),
    ):
        writer.rows.upsert(DAILY_BARS, stamped(bars("test")))
        execute(
            institutional.settings,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'run-1'",
        )
        writer.rows.upsert(DAILY_BARS, stamped(bars("test", close=102.0), 2))
    assert caught.value.outcome is Outcome.STORE_UNREACHABLE
    assert institutional.settings.password not in str(caught.value)
    assert institutional.count == 0
