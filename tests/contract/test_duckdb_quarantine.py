"""What is DuckDB's own of the quarantine: files of an earlier version, and memory with a million entries."""

from __future__ import annotations

import resource
import sys
import time
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from backbone.adapters.duckdb import upgrade as duckdb_upgrade
from backbone.adapters.duckdb.quarantine import published_quarantine
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.market.dimensions import DAILY_BARS, INTRADAY_TRADES
from backbone.ports.quarantine import Origin
from stores import OnDuckDB
from test_quarantine import ALL, DAYS, NO_WAIT, NOW, bars, entries, held, release, run

V1 = """
    CREATE TABLE market.daily_bars_1 AS SELECT * EXCLUDE (provider, flags) REPLACE (1 AS schema_version)
    FROM market.daily_bars;
    DROP TABLE market.daily_bars; ALTER TABLE market.daily_bars_1 RENAME TO daily_bars;
    DROP TABLE telemetry.quarantine
"""


def outdated(folder: Path) -> None:
    """Make the files what the first version of the schema left."""
    for name in ("working", "published"):
        with duckdb.connect(str(folder / name / "backbone.duckdb")) as connection:
            for statement in V1.split(";"):
                connection.execute(statement)


def test_a_store_of_the_first_version_is_read_and_brought_to_the_present_one_in_place(tmp_path: Path) -> None:
    run(OnDuckDB(tmp_path), bars())
    outdated(tmp_path)
    assert {
        (row["provider"], row["flags"], row["schema_version"]) for row in held(OnDuckDB(tmp_path)).values()
    } == {("unknown", None, 1)}
    assert entries(OnDuckDB(tmp_path)) == []
    report = run(OnDuckDB(tmp_path), bars(close={4: 101.5, 5: 0.0}), "run-2", NOW + timedelta(hours=1))
    assert report.dimensions[0].changed == 1
    told = {
        day: (row["provider"], row["schema_version"], row["run_id"])
        for day, row in held(OnDuckDB(tmp_path)).items()
    }
    assert told == dict.fromkeys(DAYS, ("Test", 1, "run-1")) | {DAYS[4]: ("Test", 3, "run-2")}
    assert len(entries(OnDuckDB(tmp_path))) == 1


@pytest.mark.parametrize("step", range(5))
def test_a_migration_that_is_interrupted_is_finished_by_the_next_worker(tmp_path: Path, step: int) -> None:
    run(OnDuckDB(tmp_path), bars())
    outdated(tmp_path)
    with duckdb.connect(str(tmp_path / "working" / "backbone.duckdb")) as connection:
        for statement in duckdb_upgrade.migration(DAILY_BARS)[:step]:
            connection.execute(statement, ["dailyBars"] if "?" in statement else None)
    run(OnDuckDB(tmp_path), bars(), "run-2", NOW + timedelta(hours=1))
    assert {row["provider"] for row in held(OnDuckDB(tmp_path)).values()} == {"Test"}


MILLION = 1_000_000
LIMIT_SECONDS = 60


def test_a_quarantine_of_a_million_rows_is_written_listed_and_released_in_bounded_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = np.arange(MILLION, dtype=np.int64) * 1000 + 1_709_300_000_000_000
    rows = pa.table(
        {
            "source": pa.repeat("test/trades", MILLION),
            "symbol": pa.repeat("ES", MILLION),
            "ts": pa.array(second).cast(pa.timestamp("us", "UTC")),
            "ordinal": pa.repeat(pa.scalar(0, pa.int64()), MILLION),
            "price": pa.array(-np.arange(MILLION, dtype=np.float64)),
            "size": pa.repeat(pa.scalar(1, pa.int64()), MILLION),
            "price_basis": pa.repeat("asTraded", MILLION),
            "revision": pa.repeat(pa.scalar(0, pa.int64()), MILLION),
        },
        schema=INTRADAY_TRADES.facts,
    )
    reasons = pa.repeat("NonPositivePrice", MILLION)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    for number in (1, 2):
        origin = Origin(f"run-{number}", "sample", 1, "Test", NOW + timedelta(hours=number))
        with DuckDBStore(tmp_path).writer(origin.run_id, NO_WAIT) as writer:
            with writer.batch():
                writer.quarantine.add(INTRADAY_TRADES, rows, reasons, origin)
                assert writer.quarantine.by_reason(INTRADAY_TRADES, origin.run_id) == {
                    "NonPositivePrice": MILLION
                }
            writer.publish()
    with published_quarantine(tmp_path) as quarantine:
        assert [item["entries"] for item in quarantine.counts(ALL)] == [MILLION]
        assert [item["times_seen"] for item in quarantine.entries(ALL, 3)] == [2, 2, 2]
    assert release(OnDuckDB(tmp_path)) == (MILLION, 0)
    seconds = time.monotonic() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    with capsys.disabled():
        sys.stdout.write(f" a million rows twice and released in {seconds:.1f} s, {grown:.0f} MiB more ")
    assert seconds < LIMIT_SECONDS
    assert grown < 1536
