"""Benchmark `client`: a trading program's first read and its reads per second, against reads by hand."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from statistics import median

import duckdb
import pandas as pd

import bars
import client_fitness
from backbone.client import DAILY_BARS, Client
from bulk_contenders import TABLE, ours, published
from console import step
from measurements import Aim, Figure
from registry import Benchmark

LAST = 250
"""Sessions of one symbol per read: what a daily strategy looks at."""
ROUNDS = 5
STARTS = 10
SECONDS = 1.0
"""Of reading, per contender and round."""
DEADLINE = 60
SYMBOLS = [f"SYM{number:03}" for number in range(bars.SYMBOLS)]

QUERY = f"""
    SELECT * FROM (SELECT * FROM {TABLE} WHERE symbol = ? ORDER BY session_date DESC LIMIT {LAST})
    ORDER BY session_date
"""

FIRST = {
    "ours": f"""
import sys
from pathlib import Path
from backbone.client import DAILY_BARS, Client
with Client(Path(sys.argv[1])) as client, client.snapshot() as data:
    assert data.rows(DAILY_BARS, ["SYM007"], last={LAST}).num_rows == {LAST}
""",
    "duckdb": f"""
import sys
import duckdb, pyarrow
with duckdb.connect(sys.argv[1] + "/published/backbone.duckdb", read_only=True) as connection:
    assert connection.sql({QUERY!r}, params=["SYM007"]).to_arrow_table().num_rows == {LAST}
""",
    "pandas": f"""
import sys
import pandas
frame = pandas.read_parquet(sys.argv[1] + "/bars.parquet", filters=[("symbol", "==", "SYM007")])
assert len(frame.sort_values("session_date").tail({LAST})) == {LAST}
""",
}
"""Programs that read one symbol and end."""


def measure() -> Iterator[Figure]:
    """First reads in processes of their own and in turn, then reads per second in this one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with step(f"{bars.ROWS:,} bars published, and as Parquet for pandas"):
            ours(folder, bars.make(0), 0)
            with duckdb.connect(str(published(folder)), read_only=True) as connection:
                connection.sql(f"SELECT * FROM {TABLE}").write_parquet(str(folder / "bars.parquet"))
        yield from _first_reads(folder)
        yield from _rates(folder)
    yield from client_fitness.figures()


def _first_reads(folder: Path) -> Iterator[Figure]:
    taken: dict[str, list[float]] = {name: [] for name in FIRST}
    with step(f"{STARTS} first reads of each"):
        for _ in range(STARTS):
            for name, program in FIRST.items():
                started = time.perf_counter()
                subprocess.run([sys.executable, "-c", program, folder], check=True, timeout=DEADLINE)
                taken[name].append(time.perf_counter() - started)
    mine = median(taken["ours"])
    title = f"process start to the last {LAST} bars of a symbol"
    yield Figure(
        "client/first-duckdb",
        title,
        mine,
        "s",
        "duckdb by hand",
        median(taken["duckdb"]),
        Aim("at most", 1.25),
    )
    yield Figure(
        "client/first-pandas",
        title,
        mine,
        "s",
        "pandas.read_parquet",
        median(taken["pandas"]),
        Aim("at most", 1.0),
    )


def _rates(folder: Path) -> Iterator[Figure]:
    frame = pd.read_parquet(folder / "bars.parquet").sort_values(["symbol", "session_date"])
    by_symbol = frame.set_index("symbol")
    names = cycle(SYMBOLS)
    with Client(folder) as client, duckdb.connect(str(published(folder)), read_only=True) as connection:

        def cached() -> None:
            with client.snapshot() as data:
                _counted(data.rows(DAILY_BARS, [next(names)], last=LAST).num_rows)

        def uncached() -> None:
            with client.snapshot() as data:
                _counted(sum(len(batch) for batch in data.batches(DAILY_BARS, [next(names)], last=LAST)))

        def by_hand() -> None:
            _counted(connection.sql(QUERY, params=[next(names)]).to_arrow_table().num_rows)

        def in_memory() -> None:
            _counted(len(by_symbol.loc[next(names)].tail(LAST)))

        with step(f"{ROUNDS} rounds of {SECONDS:.0f} s each"):
            rates = _in_turn({"cached": cached, "uncached": uncached, "duckdb": by_hand, "pandas": in_memory})
    title = f"last {LAST} bars of a symbol, {bars.SYMBOLS} symbols in turn"
    for name, peer, peer_name, bound in (
        ("uncached", "duckdb", "duckdb by hand", 0.8),
        ("cached", "duckdb", "duckdb by hand", 10.0),
        ("cached", "pandas", "pandas, the whole table in memory", 1.0),
    ):
        yield Figure(
            f"client/{name}-{peer}",
            f"{title}, {name}",
            rates[name],
            "reads/s",
            peer_name,
            rates[peer],
            Aim("at least", bound),
        )


def _in_turn(contenders: dict[str, Callable[[], None]]) -> dict[str, float]:
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, read in contenders.items():
            for _ in SYMBOLS:
                read()
            started, count = time.perf_counter(), 0
            while time.perf_counter() - started < SECONDS:
                read()
                count += 1
            rates[name].append(count / (time.perf_counter() - started))
    return {name: median(found) for name, found in rates.items()}


def _counted(rows: int) -> None:
    if rows != LAST:
        raise RuntimeError(f"a read of {rows} rows instead of {LAST}")


ABOUT = f"""
`backbone.client` on a published copy of {bars.ROWS:,} daily bars of {bars.SYMBOLS} symbols. A first read is a
process of its own, from its start to its end. By hand are a DuckDB connection with the shortest query for the
same rows, and pandas on a Parquet file of them, or for rates on the whole table in memory, sorted and indexed
by symbol. Uncached reads are `batches`, cached ones `rows`; each opens and leaves a snapshot, looks whether
another copy was published, and refuses to join two sources, which the peers do not. Medians of {STARTS}
starts and of {ROUNDS} rounds, in turn. Fitness is that of {len(client_fitness.NAMES):,} names, all of them
fit: the median of {client_fitness.ASKED} questions but the first.
"""

BENCHMARK = Benchmark("client", "A trading program's reads", ABOUT, measure)
