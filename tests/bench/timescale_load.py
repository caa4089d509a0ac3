"""Benchmark `timescale`: a million daily bars into a hypertable: empty, all changed, all unchanged."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import bars
import child
from backbone.adapters.timescale.migrator import Migrator
from backbone.adapters.timescale.session import SCHEMAS, connected
from backbone.adapters.timescale.settings import ConnectionSettings, from_keys
from backbone.migrations import Migration, packaged
from bulk_load import BUILD, MIB
from console import step
from databases import fresh_database, portable, uri_of
from measurements import Aim, Figure
from registry import Benchmark
from services.postgres import PostgresServer
from services.timescaledb import TimescaleServer
from timescale_contenders import DLT_DATASET, FEW_ROWS, TABLE

PROGRAM = Path(__file__).with_name("timescale_contenders.py")
PROGRAMS = {"dlt": Path(__file__).with_name("timescale_dlt.py")}
TABLES = {"dlt": f"{DLT_DATASET}.daily_bars"}
RUNS = {"empty": 0, "changed": 1, "unchanged": 1}
"""Situations in their order, and the version of the bars that each brings. Unchanged comes last: peers that
rewrite it would find room in each page for what changed."""
WORDS = {
    "empty": "into an empty table",
    "changed": "all present, all changed",
    "unchanged": "all present, all unchanged",
}
PEERS = {"by-hand": "staging COPY + upsert by hand", "executemany": "executemany"}
ONCE = {"dlt": "dlt merge", "to-sql": "pandas.to_sql", "copy": "plain COPY"}
"""For an empty table alone: dlt takes as long in each situation, and the others only append. The last is what
the server takes at the most."""
FEW = frozenset({"executemany", "to-sql"})
"""Those that store row by row are far enough behind for one round."""
ROUNDS = 3
AIMS = {"by-hand": Aim("at least", 0.9), "dlt": Aim("at least", 3.0)}
"""Into an empty table."""

Told = dict[str, dict[str, float]]


def measure() -> Iterator[Figure]:
    """Every contender in turn, on PostgreSQL and on TimescaleDB."""
    BUILD.mkdir(exist_ok=True)
    # The server is not root and has to reach its folder.
    with tempfile.TemporaryDirectory(prefix="backbone-bench-") as folder:
        Path(folder).chmod(0o755)
        versions = []
        for version in range(2):
            made = bars.make(version)
            source = Path(folder) / f"bars-{version}.arrow"
            bars.save(made, source)
            versions.append((source, bars.expected(made)))
        for server, title, migrations in (
            ("postgres", "table of PostgreSQL", portable(packaged())),
            ("hypertable", "hypertable", packaged()),
        ):
            with served(server, Path(folder)) as uri:
                # The first megabytes that a server ever writes are its slowest, whoever brings them.
                emptied(uri, migrations)
                with step(f"{title}, a plain COPY that does not count"):
                    child.run(PROGRAM, "copy", uri, versions[0][0], "0")
                found = _measured(uri, migrations, versions)
            yield from _figures(server, title, found)


@contextmanager
def served(server: str, folder: Path) -> Iterator[str]:
    """The URI of a database: a new one on the environment's installation, else of a server of our own."""
    if given := os.environ.get("TIMESCALE_DSN" if server == "hypertable" else "POSTGRES_DSN"):
        with fresh_database(given, timescale=server == "hypertable") as settings:
            yield uri_of(settings)
        return
    kind = TimescaleServer if server == "hypertable" else PostgresServer
    with kind(folder / server) as started:
        yield started.uri()


def emptied(uri: str, migrations: tuple[Migration, ...]) -> ConnectionSettings:
    """Leave a database with the tables of some migrations, and nothing in them."""
    settings = from_keys("bench", {"uri": uri})
    with connected(settings) as connection:
        for schema in (*SCHEMAS, DLT_DATASET, f"{DLT_DATASET}_staging"):
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
    Migrator(settings, migrations).migrate()
    return settings


def _measured(
    uri: str, migrations: tuple[Migration, ...], versions: list[tuple[Path, bars.Content]]
) -> dict[str, Told]:
    """Of each contender and situation the round of median time."""
    found: dict[str, list[Told]] = {name: [] for name in ("ours", *PEERS, *ONCE)}
    for number in range(ROUNDS):
        for name, told in found.items():
            if not number or name not in FEW:
                told.append(_one(name, uri, migrations, versions))
    return {
        name: {
            situation: sorted((one[situation] for one in told), key=lambda one: one["seconds"])[
                len(told) // 2
            ]
            for situation in told[0]
        }
        for name, told in found.items()
    }


def _one(
    name: str, uri: str, migrations: tuple[Migration, ...], versions: list[tuple[Path, bars.Content]]
) -> Told:
    """Its situations one after the other on an empty database; what is stored must be what was brought."""
    settings = emptied(uri, migrations)
    told = {}
    for run, (situation, version) in enumerate(RUNS.items()):
        if name in ONCE and run:
            break
        source, wanted = versions[version]
        with step(f"{name}, {situation}"):
            told[situation] = child.run(PROGRAMS.get(name, PROGRAM), name, uri, source, str(run))
        table = TABLES.get(name, TABLE)
        with connected(settings) as connection:
            # As the server does by itself sooner or later: no situation pays for what the one before left.
            connection.execute(f"VACUUM (ANALYZE) {table}".encode())
            asked = (
                f"SELECT count(*), count(DISTINCT (source, symbol, session_date)), sum(close) FROM {table}"
            )
            rows, keys, close = connection.execute(asked.encode()).fetchone() or (0, 0, 0)
        content = bars.Content(rows, keys, round(close, 1))
        if told[situation]["rows"] == bars.ROWS and content != wanted:
            raise AssertionError(f"{name} stored {content}, not {wanted}")
    return told


def _figures(server: str, title: str, found: Mapping[str, Told]) -> Iterator[Figure]:
    def rate(name: str, situation: str) -> float:
        return found[name][situation]["rows"] / found[name][situation]["seconds"]

    for situation, words in WORDS.items():
        mine, place = rate("ours", situation), f"timescale/{server}/{situation}"
        empty = situation == "empty"
        for name, peer_name in (PEERS | (ONCE if empty else {})).items():
            aim = AIMS.get(name) if empty else None
            words_ = f"{title}, {words}"
            yield Figure(f"{place}/{name}", words_, mine, "rows/s", peer_name, rate(name, situation), aim)
        for name in ("by-hand", *(("dlt",) if empty else ())):
            own, peer = (found[which][situation]["peak"] / MIB for which in ("ours", name))
            peer_name = (PEERS | ONCE)[name]
            yield Figure(
                f"{place}/memory/{name}", f"{title}, {words}: peak memory", own, "MiB", peer_name, peer
            )
    again = rate("ours", "unchanged")
    yield Figure(
        f"timescale/{server}/unchanged/empty",
        f"{title}, all unchanged",
        again,
        "rows/s",
        "ours into an empty table",
        rate("ours", "empty"),
        Aim("at least", 1.0),
    )


ABOUT = f"""
{bars.SYMBOLS} symbols with {bars.SESSIONS:,} sessions each, from Arrow in memory to the commit. Ours is the
product's whole path, with its lock, its journal, its order between versions of a row and its look at the
quarantine; peers do only what the title says, with the same columns, and those by hand with the same encoder.
Each contender runs in a process of its own on an emptied database; what is stored is compared with what was
brought, every time, and the table is vacuumed. Figures are medians of {ROUNDS} rounds, in turn, after a plain
COPY that does not count; executemany and pandas.to_sql store {FEW_ROWS:,} rows in one round, and their rates
are taken for the million; dlt merges into a plain table of its own making. Where no TIMESCALE_DSN
is given, the hypertable is of TimescaleDB as WebAssembly: times on it compare only with each other. Memory is
the process's peak, the bars included.
"""

BENCHMARK = Benchmark("timescale", "A million daily bars into TimescaleDB", ABOUT, measure)
