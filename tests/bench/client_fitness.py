"""Whether 5,000 names are fit to decide on: how long the question takes a trading program."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice, product
from pathlib import Path
from statistics import median
from string import ascii_uppercase

import pyarrow as pa

from backbone.adapters.duckdb.store import DuckDBStore
from backbone.client import DAILY_BARS, Client
from backbone.market.calendars import calendar
from backbone.market.lineage import Lineage, stamp
from backbone.ports.journal import Arrival, Attempt, RunEnd, RunStart
from backbone.vocabulary import Outcome
from console import step
from measurements import Aim, Figure

NAMES = tuple("".join(letters) for letters in islice(product(ascii_uppercase, repeat=4), 5_000))
SESSIONS = 60
ASKED = 20
NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
FIRST_DAY = date(1970, 1, 1)
PROVIDER, SOURCE = "Bench", "generated"


def figures() -> Iterator[Figure]:
    """The median of many questions about all names, after the first, and that of a fifth of the names."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with step(f"{len(NAMES):,} names of {SESSIONS} sessions published, and a run that asked for each"):
            _publish(folder)
        with (
            Client(folder, clock=lambda: NOW) as client,
            step(f"{ASKED} questions whether all of them are fit"),
        ):
            whole = _seconds(client, NAMES)
            fifth = _seconds(client, NAMES[: len(NAMES) // 5])
    title = f"fitness of {len(NAMES):,} names by the sessions of their exchange"
    yield Figure("client/fitness", title, whole, "s", aim=Aim("at most", 0.2, of="value"))
    title = f"fitness of {len(NAMES):,} names, to five times that of a fifth of them"
    yield Figure("client/fitness-linear", title, whole, "s", "linear", 5 * fifth, Aim("at most", 1.5))


def _seconds(client: Client, names: tuple[str, ...]) -> float:
    taken = []
    for _ in range(ASKED):
        started = time.perf_counter()
        if not client.fitness(DAILY_BARS, names):
            raise RuntimeError("fresh data is said to be unfit")
        taken.append(time.perf_counter() - started)
    return median(taken[1:])


def _publish(folder: Path) -> None:
    sessions = calendar("XNYS").sessions
    days = sessions[sessions < (NOW.date() - FIRST_DAY).days][-SESSIONS:].tolist()
    count = len(NAMES) * len(days)
    prices = dict.fromkeys(("open", "high", "low", "close", "adjusted_close"), [1.0] * count)
    facts = pa.table(
        {
            "source": [SOURCE] * count,
            "symbol": [name for name in NAMES for _ in days],
            "session_date": pa.array(days * len(NAMES), pa.int32()).cast(pa.date32()),
            **prices,
            "volume": [1] * count,
            "price_basis": ["splitAdjusted"] * count,
            "revision": [0] * count,
        },
        schema=DAILY_BARS.facts,
    )
    with DuckDBStore(folder).writer("run-1", timedelta()) as writer:
        sequence = writer.journal.begin(RunStart("run-1", "bench", 1, NOW))
        with writer.batch():
            writer.rows.upsert(DAILY_BARS, stamp(DAILY_BARS, facts, Lineage("run-1", 1, NOW, PROVIDER)))
            writer.journal.record(sequence, Arrival(DAILY_BARS.name, SOURCE, PROVIDER, NOW, count, count))
            asked = [Attempt(DAILY_BARS.name, name, PROVIDER, Outcome.SUCCEEDED) for name in NAMES]
            writer.journal.attempted(sequence, DAILY_BARS, asked)
            writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, NOW, count, count, ""))
        writer.publish()
