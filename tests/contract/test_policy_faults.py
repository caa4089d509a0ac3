"""Policies where something dies in the middle, and where rows come late."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

import databases
from backbone.adapters.timescale import policies as timescale_policies
from backbone.adapters.timescale.policies import Policies
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.market.dimensions import INTRADAY_TRADES
from backbone.market.lineage import Lineage, stamp
from backbone.ports.database import DatabaseError, DatabaseFault
from databases import Database, packaged, uri_of
from policy_database import FULL, OTHER, PolicyDatabase, days_ago, desired
from services.timescaledb import TimescaleServer
from stores import OnTimescale
from thorough import EVERY_STATEMENT
from worker import ROOT

HOUR = timedelta(hours=1)
"""Kill before every statement; else before every seventh, since each takes a second."""


def migrated(settings: ConnectionSettings) -> PolicyDatabase:
    database = Database("timescale", settings, packaged())
    database.migrator().migrate()
    return PolicyDatabase(database)


@contextmanager
def dying() -> Iterator[Any]:
    """Reconciles in a process of its own: the return code, and the number of statements of one that lived."""
    with subprocess.Popen(
        [sys.executable, "-m", "reconcile_and_die"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT / 'operator'}:{ROOT / 'tests/contract'}:{ROOT / 'hack'}",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout

        def run(wish: str, last: int, settings: ConnectionSettings) -> tuple[int, int]:
            process.stdin.write(f"{wish} {last} {uri_of(settings)}\n")
            process.stdin.flush()
            code, count = process.stdout.readline().split()
            return int(code), int(count)

        yield run
        process.stdin.close()


def test_killed_before_any_statement_the_next_one_makes_it_whole(timescale: ConnectionSettings) -> None:
    """From one wish to another and back, each way killed a little later than the time before."""
    place = migrated(timescale)
    place.add_bars(days_ago(300).date(), 50)
    with dying() as run:
        whole, counts = {}, {}
        for name, wish in (("OTHER", OTHER), ("FULL", FULL), ("OTHER", OTHER), ("FULL", FULL)):
            code, counts[name] = run(name, 0, timescale)
            assert code == 0
            whole[name] = place.state
            assert place.reconcile(wish).changes == ()
        step, tried = 1 if EVERY_STATEMENT else 11, 0
        for last in range(1, max(counts.values()) + 1, step):
            for name, wish in (("OTHER", OTHER), ("FULL", FULL)):
                if last <= counts[name]:
                    assert run(name, last, timescale)[0] == -9
                    tried += 1
                assert place.reconcile(wish).unconfirmed == ()
                assert place.state == whole[name], f"{name} before statement {last}"
                assert place.reconcile(wish).changes == ()
    assert tried > 10
    sys.stdout.write(f"killed before {tried} of {sum(counts.values())} statements\n")


@pytest.mark.parametrize(
    "statement", ["CREATE MATERIALIZED VIEW market.trade_daily_bars", "CALL refresh", "add_retention_policy"]
)
def test_the_database_killed_in_the_middle(
    statement: str, timescale_server: TimescaleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = migrated(databases.emptied(timescale_server))
    place.add_bars(days_ago(300).date(), 50)
    run = timescale_policies._run

    def killing(*arguments: Any) -> Any:
        if statement in arguments[1]:
            timescale_server.kill()
        return run(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(timescale_policies, "_run", killing)
        with pytest.raises(DatabaseError) as caught:
            place.reconcile(FULL)
    assert caught.value.fault is DatabaseFault.CONNECTION_LOST

    timescale_server.start()
    half = place.jobs
    place.reconcile(FULL)
    assert half < place.jobs
    assert len(place.jobs) == 7
    assert place.execute("SELECT count(*), sum(sessions) FROM market.weekly_bars")[0][1] == 50
    assert place.reconcile(FULL).changes == ()


def test_who_undoes_a_setting_at_once_is_noticed(
    timescale: ConnectionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrated(timescale)
    run = timescale_policies._run

    def undone(*arguments: Any) -> Any:
        return [] if "add_retention_policy" in arguments[1] else run(*arguments)

    monkeypatch.setattr(timescale_policies, "_run", undone)
    with pytest.raises(DatabaseError, match="does not last; does another program") as caught:
        Policies(timescale, FULL).reconcile()
    assert caught.value.fault is DatabaseFault.POLICY_REFUSED


def test_late_rows_go_into_chunks_that_the_policy_packed(timescale: ConnectionSettings) -> None:
    """Far more rows than a server unpacks for a statement by itself: 100,000."""
    place = migrated(timescale)
    place.add_trades(days_ago(40), 150_000, timedelta(seconds=20))
    wish = desired(trades=(7, None, 10))
    place.reconcile(wish)
    place.run_job("intraday_trades", "policy_compression")
    packed = (
        "SELECT count(*) FROM timescaledb_information.chunks "
        "WHERE hypertable_name = 'intraday_trades' AND is_compressed"
    )
    ((chunks,),) = place.execute(packed)
    assert chunks >= 2
    later = stamp(INTRADAY_TRADES, trades(place), Lineage("run-late", 1, datetime.now(UTC) + HOUR, "Test"))
    larger = put(later, "size", pa.array([7_000] * later.num_rows))
    further = put(larger, "ordinal", pa.array([item + 3 for item in larger["ordinal"].to_pylist()]))
    with OnTimescale(timescale).store().writer("run-late", timedelta()) as writer:
        assert writer.rows.upsert(INTRADAY_TRADES, larger) == 150_000
        assert writer.rows.upsert(INTRADAY_TRADES, further.slice(0, 1_000)) == 1_000
    counted = "SELECT count(*), count(DISTINCT (symbol, ts, ordinal)), min(size) FROM market.intraday_trades"
    assert place.execute(counted) == [(151_000, 151_000, 7_000)]
    # What was unpacked is packed again by the next round of the job, and nothing is lost on the way.
    place.run_job("intraday_trades", "policy_compression")
    assert place.execute(counted) == [(151_000, 151_000, 7_000)]
    assert place.execute(packed) == [(chunks,)]


def trades(place: PolicyDatabase) -> pa.Table:
    """What a provider delivered of the trades that are there."""
    names = INTRADAY_TRADES.facts.names
    found = place.execute(f"SELECT {', '.join(names)} FROM market.intraday_trades ORDER BY ts, ordinal")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in found], INTRADAY_TRADES.facts)


def put(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    index = rows.schema.get_field_index(name)
    return rows.set_column(index, rows.schema.field(index), values)
