"""Benchmark `trades`: ten million trades, delivery by delivery, and what memory that takes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import child
from backbone.adapters.timescale.session import connected
from backbone.migrations import packaged
from bulk_load import MIB
from console import step
from databases import portable
from measurements import Aim, Figure
from registry import Benchmark
from timescale_load import emptied, served
from trades_ours import DELIVERY

PROGRAM = Path(__file__).with_name("trades_ours.py")
FEW, MANY = 1_000_000, 10_000_000
COUNT = b"SELECT count(*) FROM market.intraday_trades"


def measure() -> Iterator[Figure]:
    """A tenth and the whole, each in a process of its own."""
    on_hypertable = "TIMESCALE_DSN" in os.environ
    server = "hypertable" if on_hypertable else "postgres"
    told = {}
    with tempfile.TemporaryDirectory(prefix="backbone-bench-") as folder:
        Path(folder).chmod(0o755)
        with served(server, Path(folder)) as uri:
            for trades in (FEW, MANY):
                settings = emptied(uri, packaged() if on_hypertable else portable(packaged()))
                with step(f"{trades:,} trades"):
                    told[trades] = child.run(PROGRAM, uri, str(trades))
                with connected(settings) as connection:
                    if (stored := connection.execute(COUNT).fetchone()) != (trades,):
                        raise AssertionError(f"{stored} trades are stored, not {trades}")
    title = f"{MANY:,} trades into a {'hypertable' if on_hypertable else 'table of PostgreSQL'}"
    few, many = (told[trades]["peak"] / MIB for trades in (FEW, MANY))
    yield Figure("trades/rate", title, MANY / told[MANY]["seconds"], "rows/s")
    yield Figure(
        "trades/memory", f"{title}: peak memory", many, "MiB", f"{FEW:,} trades", few, Aim("at most", 1.2)
    )


ABOUT = f"""
The product's path alone, in one run: deliveries of {DELIVERY:,} trades of a symbol each, each stored as a
batch. Seconds are those of storing; the trades are made in the same process, one delivery at a time. Memory
is its peak, the delivery included: bounded by the delivery and not by the input. With TIMESCALE_DSN it is a
hypertable of that installation, else a table of PostgreSQL.
"""

BENCHMARK = Benchmark("trades", "Ten million trades into TimescaleDB", ABOUT, measure)
