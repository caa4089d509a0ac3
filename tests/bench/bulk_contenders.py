"""Ways to bring the bars into a DuckDB file and to publish it; each runs in a process of its own.

    python tests/bench/bulk_contenders.py CONTENDER FOLDER BARS RUN

prints seconds, processor seconds, rows and peak memory as JSON. What is timed begins with the bars in memory,
as Arrow, and ends when readers have the published copy: opened, lineage stamped, stored, checkpointed,
copied, flushed, renamed.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

import bars
from backbone.adapters.duckdb import sql as duckdb_sql
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.market.dimensions import DAILY_BARS
from backbone.market.lineage import Lineage, stamp
from backbone.ports.journal import Arrival, RunEnd, RunStart
from backbone.vocabulary import Outcome
from child import peak_bytes

Contender = Callable[[Path, pa.Table, int], int]
"""Given a folder, bars and the number of the run; how many rows it stored."""

BEGINNING = datetime(2024, 3, 1, tzinfo=UTC)
FEW_ROWS = 1_000
"""For what stores row by row."""

TABLE = duckdb_sql.table_of(DAILY_BARS)
KEY = ", ".join(DAILY_BARS.key)
SAME = " AND ".join(f"stored.{name} = incoming.{name}" for name in DAILY_BARS.key)
REST = [name for name in DAILY_BARS.schema.names if name not in DAILY_BARS.key]
CHANGE = ", ".join(f"{name} = excluded.{name}" for name in REST)
INSERT = f"INSERT INTO {TABLE} SELECT * FROM incoming"
DELETE = f"DELETE FROM {TABLE} AS stored USING incoming WHERE {SAME}"
REWRITE = f"""
    CREATE OR REPLACE TABLE {TABLE} AS
    SELECT * FROM {TABLE} AS stored ANTI JOIN incoming USING ({KEY}) UNION ALL SELECT * FROM incoming
"""
MERGE = f"""
    MERGE INTO {TABLE} AS stored USING incoming ON {SAME}
    WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT
"""


def lineage(run: int) -> Lineage:
    """Of the run with this number; a later run observed later."""
    return Lineage(f"run-{run}", 1, BEGINNING + timedelta(days=run), "Bench")


def ours(folder: Path, facts: pa.Table, run: int) -> int:
    """The product, with its lock, journal, order between versions and read-back."""
    at = BEGINNING + timedelta(days=run)
    with DuckDBStore(folder).writer(f"run-{run}", timedelta()) as writer:
        sequence = writer.journal.begin(RunStart(f"run-{run}", "bench", 1, at))
        with writer.batch():
            changed = writer.rows.upsert(DAILY_BARS, stamp(DAILY_BARS, facts, lineage(run)))
            rows = facts.num_rows
            writer.journal.record(sequence, Arrival(DAILY_BARS.name, "generated", "Bench", at, rows, changed))
            writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, at, rows, changed, ""))
        writer.publish()
    return int(facts.num_rows)


def by_hand(*statements: str, keyed: bool) -> Contender:
    """DuckDB with its defaults and these statements in one transaction, with or without a primary key."""

    def store(folder: Path, facts: pa.Table, run: int) -> int:
        connection = opened(folder, keyed=keyed)
        connection.register("incoming", stamp(DAILY_BARS, facts, lineage(run)))
        connection.execute("BEGIN")
        for statement in statements:
            connection.execute(statement)
        connection.execute("COMMIT")
        publish(connection, folder)
        return int(facts.num_rows)

    return store


def row_by_row(folder: Path, facts: pa.Table, run: int) -> int:
    """executemany, on the first rows alone."""
    connection = opened(folder, keyed=True)
    few = stamp(DAILY_BARS, facts.slice(0, FEW_ROWS), lineage(run))
    rows = list(zip(*(column.to_pylist() for column in few.columns), strict=True))
    marks = ", ".join("?" for _ in few.column_names)
    connection.execute("BEGIN")
    connection.executemany(
        f"INSERT INTO {TABLE} VALUES ({marks}) ON CONFLICT ({KEY}) DO UPDATE SET {CHANGE}", rows
    )
    connection.execute("COMMIT")
    publish(connection, folder)
    return len(rows)


def opened(folder: Path, *, keyed: bool) -> duckdb.DuckDBPyConnection:
    """A connection to the working file, with the product's columns."""
    connection = duckdb.connect(str(working(folder)))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE SCHEMA IF NOT EXISTS market")
    (table,) = (text for text in duckdb_sql.definitions() if TABLE in text)
    connection.execute(f"{table.removesuffix(')')}, PRIMARY KEY ({KEY}))" if keyed else table)
    return connection


def working(folder: Path) -> Path:
    """The file that is written."""
    (folder / "working").mkdir(parents=True, exist_ok=True)
    return folder / "working" / "backbone.duckdb"


def published(folder: Path) -> Path:
    """The file that is read."""
    (folder / "published").mkdir(parents=True, exist_ok=True)
    return folder / "published" / "backbone.duckdb"


def publish(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Checkpoint, copy, flush, rename: what readers of one file need at the least."""
    connection.execute("CHECKPOINT")
    connection.close()
    prepared = published(folder).with_suffix(".incoming")
    shutil.copyfile(working(folder), prepared)
    flush(prepared)
    prepared.replace(published(folder))
    flush(prepared.parent)


def flush(path: Path) -> None:
    """fsync a file or a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


CONTENDERS: dict[str, Contender] = {
    "ours": ours,
    "on-conflict": by_hand(f"{INSERT} ON CONFLICT ({KEY}) DO UPDATE SET {CHANGE}", keyed=True),
    "merge": by_hand(MERGE, keyed=True),
    "delete-insert": by_hand(DELETE, INSERT, keyed=True),
    "delete-insert-no-key": by_hand(DELETE, INSERT, keyed=False),
    "rewrite": by_hand(REWRITE, keyed=False),
    "insert": by_hand(INSERT, keyed=False),
    "executemany": row_by_row,
}


def time_it(contender: Contender, folder: Path, source: Path, run: int) -> None:
    """Run one contender and print what it took."""
    facts = bars.load(source)
    started, busy = time.perf_counter(), time.process_time()
    rows = contender(folder, facts, run)
    took = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - busy}
    sys.stdout.write(json.dumps({**took, "rows": rows, "peak": peak_bytes()}) + "\n")


if __name__ == "__main__":
    time_it(CONTENDERS[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
