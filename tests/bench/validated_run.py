"""One run that stores the bars of a provider in memory, and the part of it that is validation.

    python tests/bench/validated_run.py FOLDER RUN

prints seconds and processor seconds of both as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np
import pyarrow as pa

import bars
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.ingest import validating
from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.calendars import calendar
from backbone.market.dimensions import DAILY_BARS
from backbone.providers.protocol import Delivery, Query, Slice
from backbone.vocabulary import Outcome

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
VALIDATION = ("judged_apart", "suspects", "_take_out")
"""What judges a delivery, and what looks for stored rows that it speaks against; none calls another."""
SYMBOLS = tuple("".join(letters) for letters in islice(product(ascii_uppercase, repeat=3), bars.SYMBOLS))
"""Spelled as shares of New York are, so that its sessions count."""


@dataclass(frozen=True, slots=True)
class InMemory:
    """A provider that has its answer."""

    facts: pa.Table

    def fetch(self, query: Query) -> Delivery:
        """All of it."""
        return Delivery((Slice("generated/random-walk", NOW, self.facts),))


def walks(version: int) -> pa.Table:
    """Random walks over real sessions; every close differs from one version to another."""
    sessions = calendar("XNYS").sessions
    today = (NOW.date() - datetime(1970, 1, 1, tzinfo=UTC).date()).days
    days = sessions[sessions < today][-bars.SESSIONS :].astype(np.int32)
    random = np.random.default_rng(7)
    moves = random.normal(0.0, 0.01, (bars.SYMBOLS, bars.SESSIONS))
    close = (100 * np.exp(np.cumsum(moves, axis=1))).ravel() * (1 + 0.0001 * version)
    opened = close * np.exp(random.normal(0, 0.004, bars.ROWS))
    spread = np.exp(np.abs(random.normal(0, 0.004, bars.ROWS)))
    columns = {
        "source": np.repeat("generated/random-walk", bars.ROWS),
        "symbol": np.repeat(SYMBOLS, bars.SESSIONS),
        "session_date": pa.array(np.tile(days, bars.SYMBOLS), pa.int32()).cast(pa.date32()),
        "open": opened,
        "high": np.maximum(opened, close) * spread,
        "low": np.minimum(opened, close) / spread,
        "close": close,
        "adjusted_close": close,
        "volume": random.integers(1_000_000, 2_000_000, bars.ROWS),
        "price_basis": np.repeat("splitAdjusted", bars.ROWS),
        "revision": np.zeros(bars.ROWS, np.int64),
    }
    return pa.table({name: columns[name] for name in DAILY_BARS.facts.names}).cast(DAILY_BARS.facts)


class Stopwatch:
    """Adds up the time of a function's calls."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        def timed(*arguments: Any, **named: Any) -> Any:
            began, busy = time.perf_counter(), time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                self.seconds += time.perf_counter() - began
                self.cpu += time.process_time() - busy

        return timed


def main(folder: Path, number: int) -> None:
    """Run once and print what it took."""
    provider = InMemory(walks(number))
    validation, whole = Stopwatch(), Stopwatch()
    for part in VALIDATION:
        setattr(validating, part, validation.around(getattr(validating, part)))
    run = IngestRun(
        RunRequest(
            f"run-{number}",
            "bench",
            1,
            (Task("Memory", Query(DAILY_BARS, SYMBOLS), required=True),),
            timedelta(),
        ),
        {"Memory": provider},
        DuckDBStore(folder),
        clock=lambda: NOW + timedelta(hours=number),
        progress=lambda _: None,
        checkpoint=lambda: None,
    )
    report = whole.around(run.execute)()
    if report.outcome is not Outcome.SUCCEEDED or report.rows != bars.ROWS:
        raise RuntimeError(f"{report.outcome} with {report.rows} rows: {report.dimensions}")
    told = {
        "seconds": whole.seconds,
        "cpu": whole.cpu,
        "validation_seconds": validation.seconds,
        "validation_cpu": validation.cpu,
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
