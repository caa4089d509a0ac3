"""Ways to bring the bars into a database that is migrated; each runs in a process of its own.

    python tests/bench/timescale_contenders.py CONTENDER URI BARS RUN

prints seconds, processor seconds of this process, rows and its peak memory as JSON. What is timed begins with
the bars in memory, as Arrow, and ends when they are committed: connected, lineage stamped, stored.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import sqlalchemy
from psycopg import Connection

import bars
from backbone.adapters.timescale.copy import copy_in
from backbone.adapters.timescale.session import Row, connected
from backbone.adapters.timescale.settings import ConnectionSettings, from_keys
from backbone.adapters.timescale.store import TimescaleStore
from backbone.market.dimensions import DAILY_BARS
from backbone.market.lineage import stamp
from backbone.ports.journal import Arrival, RunEnd, RunStart
from backbone.vocabulary import Outcome
from bulk_contenders import BEGINNING, lineage
from child import peak_bytes

Contender = Callable[[ConnectionSettings, pa.Table, int], int]
"""Given a database, bars and the number of the run; how many rows it stored."""

FEW_ROWS = 2_000
"""For what stores row by row."""
TABLE = "market.daily_bars"
DLT_DATASET = "bench_dlt"
"""dlt makes and changes its table itself: it gets a schema of its own."""
NAMES = DAILY_BARS.schema.names
COLUMNS = ", ".join(f'"{name}"' for name in NAMES)
CHANGE = ", ".join(f'"{name}" = excluded."{name}"' for name in NAMES if name not in DAILY_BARS.key)
UPSERT = f"ON CONFLICT ({', '.join(DAILY_BARS.key)}) DO UPDATE SET {CHANGE}"


def ours(settings: ConnectionSettings, facts: pa.Table, run: int) -> int:
    """The product, with its lock, journal, order between versions and look at the quarantine."""
    at, rows = BEGINNING + timedelta(days=run), facts.num_rows
    with TimescaleStore(settings).writer(f"run-{run}", timedelta()) as writer:
        sequence = writer.journal.begin(RunStart(f"run-{run}", "bench", 1, at))
        with writer.batch():
            changed = writer.rows.upsert(DAILY_BARS, stamp(DAILY_BARS, facts, lineage(run)))
            writer.journal.record(sequence, Arrival(DAILY_BARS.name, "generated", "Bench", at, rows, changed))
            writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, at, rows, changed, ""))
        writer.publish()
    return int(rows)


def by_hand(settings: ConnectionSettings, facts: pa.Table, run: int) -> int:
    """COPY into a temporary table and one upsert, in one transaction."""
    rows = stamp(DAILY_BARS, facts, lineage(run))
    with connected(settings) as connection, connection.transaction():
        _without_limit(connection)
        connection.execute(f"CREATE TEMP TABLE incoming (LIKE {TABLE}) ON COMMIT DROP".encode())
        copy_in(connection, ("incoming",), rows.schema, rows.to_batches())
        connection.execute(
            f"INSERT INTO {TABLE} ({COLUMNS}) SELECT {COLUMNS} FROM incoming {UPSERT}".encode()
        )
    return int(rows.num_rows)


def plain_copy(settings: ConnectionSettings, facts: pa.Table, run: int) -> int:
    """COPY into the table itself: not idempotent."""
    rows = stamp(DAILY_BARS, facts, lineage(run))
    with connected(settings) as connection, connection.transaction():
        _without_limit(connection)
        return copy_in(connection, tuple(TABLE.split(".")), rows.schema, rows.to_batches())


def row_by_row(settings: ConnectionSettings, facts: pa.Table, run: int) -> int:
    """executemany, on the first rows alone."""
    few = stamp(DAILY_BARS, facts.slice(0, FEW_ROWS), lineage(run))
    rows = list(zip(*(column.to_pylist() for column in few.columns), strict=True))
    marks = ", ".join("%s" for _ in NAMES)
    with connected(settings) as connection, connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {TABLE} ({COLUMNS}) VALUES ({marks}) {UPSERT}".encode(), rows)
    return len(rows)


def data_frame(settings: ConnectionSettings, facts: pa.Table, run: int) -> int:
    """pandas.DataFrame.to_sql, which appends; on the first rows alone, made into a frame beforehand."""
    few = stamp(DAILY_BARS, facts.slice(0, FEW_ROWS), lineage(run)).to_pandas()
    with sqlalchemy.create_engine(url_of(settings, "postgresql+psycopg")).begin() as connection:
        few.to_sql(DAILY_BARS.table, connection, schema="market", if_exists="append", index=False)
    return len(few)


def url_of(settings: ConnectionSettings, scheme: str) -> str:
    """The database as a URI of SQLAlchemy's kind, with its user's password."""
    made = sqlalchemy.URL.create(
        scheme, settings.user, settings.password, settings.host, settings.port, settings.database
    )
    return made.render_as_string(hide_password=False)


def _without_limit(connection: Connection[Row]) -> None:
    connection.execute("SET LOCAL statement_timeout = '600s'")


CONTENDERS: dict[str, Contender] = {
    "ours": ours,
    "by-hand": by_hand,
    "copy": plain_copy,
    "executemany": row_by_row,
    "to-sql": data_frame,
}


def time_it(contender: Contender, uri: str, source: Path, run: int) -> None:
    """Run one contender and print what it took."""
    facts, settings = bars.load(source), from_keys("bench", {"uri": uri})
    started, busy = time.perf_counter(), time.process_time()
    rows = contender(settings, facts, run)
    took = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - busy}
    sys.stdout.write(json.dumps({**took, "rows": rows, "peak": peak_bytes()}) + "\n")


if __name__ == "__main__":
    time_it(CONTENDERS[sys.argv[1]], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
