"""Benchmark `reads`: windows of a million bars in TimescaleDB as Arrow and pandas, against SQL by hand."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from statistics import median
from time import perf_counter

import pandas as pd
import pyarrow as pa
from psycopg import Connection

import bars
from backbone.adapters.timescale.pool import DatabasePool
from backbone.adapters.timescale.reader import TimescaleReader
from backbone.adapters.timescale.session import Row, connected
from backbone.adapters.timescale.settings import from_keys
from backbone.market.dimensions import DAILY_BARS
from backbone.migrations import packaged
from backbone.ports.store import Selection
from console import step
from databases import portable
from measurements import Aim, Figure
from registry import Benchmark
from timescale_contenders import COLUMNS, TABLE, ours
from timescale_load import emptied, served

START = datetime(2010, 1, 1, tzinfo=UTC)
YEAR, ALL = 365, bars.SESSIONS
"""Days of a window, each of which has a bar."""
ROUNDS = 5
READS = {YEAR: 40, ALL: 8}
"""Of each contender in a round."""
QUERY = f"""
    SELECT {COLUMNS} FROM {TABLE} WHERE symbol = %(symbol)s
    AND session_date >= %(start)s AND session_date < %(end)s ORDER BY session_date
"""
WORDS = {YEAR: "one symbol-year", ALL: f"all {bars.SESSIONS:,} bars of a symbol"}


def measure() -> Iterator[Figure]:
    """Every contender in turn, on PostgreSQL and on TimescaleDB."""
    with tempfile.TemporaryDirectory(prefix="backbone-bench-") as folder:
        Path(folder).chmod(0o755)
        for server, title, migrations in (
            ("postgres", "table of PostgreSQL", portable(packaged())),
            ("hypertable", "hypertable", packaged()),
        ):
            with served(server, Path(folder)) as uri:
                settings = from_keys("bench", {"uri": uri})
                emptied(uri, migrations)
                with step(f"{bars.ROWS:,} bars into a {title}"):
                    ours(settings, bars.make(0), 0)
                with connected(settings) as connection, DatabasePool(settings) as pool:
                    connection.execute(f"VACUUM (ANALYZE) {TABLE}".encode())
                    for days in READS:
                        yield from _figures(server, title, days, TimescaleReader(pool), connection)


def _figures(
    server: str, title: str, days: int, reader: TimescaleReader, connection: Connection[Row]
) -> Iterator[Figure]:
    names = cycle(f"SYM{number:03}" for number in range(bars.SYMBOLS))
    start = START if days == YEAR else datetime(2004, 1, 1, tzinfo=UTC)
    end = start + timedelta(days=days)

    def to_arrow() -> pa.Table:
        wish = Selection(DAILY_BARS, (next(names),), start=start, end=end)
        return pa.Table.from_batches(reader.batches(wish), DAILY_BARS.schema)

    def by_hand() -> pd.DataFrame:
        given = {"symbol": next(names), "start": start.date(), "end": end.date()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas has not tried it with psycopg
            return pd.read_sql(QUERY, connection, params=given)  # type: ignore[call-overload]

    contenders: dict[str, Callable[[], pa.Table | pd.DataFrame]] = {
        "arrow": to_arrow,
        "pandas": lambda: to_arrow().to_pandas(),
        "by-hand": by_hand,
    }
    with step(f"{title}: {WORDS[days]}"):
        taken = _in_turn(contenders, days)
    for name in ("arrow", "pandas"):
        yield Figure(
            f"reads/{server}/{days}/{name}",
            f"{title}, {WORDS[days]} as {'Arrow' if name == 'arrow' else name}",
            taken[name] * 1e3,
            "ms",
            "psycopg + pandas.read_sql",
            taken["by-hand"] * 1e3,
            Aim("at most", 1.0),
        )


def _in_turn(contenders: dict[str, Callable[[], pa.Table | pd.DataFrame]], days: int) -> dict[str, float]:
    """Median seconds of a read of each."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, read in contenders.items():
            for _ in range(READS[days]):
                started = perf_counter()
                rows = len(read())
                taken[name].append(perf_counter() - started)
                if rows != days:
                    raise RuntimeError(f"a read of {rows} rows instead of {days}")
    return {name: median(found) for name, found in taken.items()}


ABOUT = f"""
Uncached reads of one window of {bars.ROWS:,} daily bars, another symbol each time: `TimescaleReader` through
its pool, with lineage, in one transaction of its own, against the shortest query by hand for the same columns
on a connection that is open. Medians over {ROUNDS} rounds in turn. The hypertable is that of TIMESCALE_DSN,
else of TimescaleDB as WebAssembly.
"""

BENCHMARK = Benchmark("reads", "Reading TimescaleDB", ABOUT, measure)
