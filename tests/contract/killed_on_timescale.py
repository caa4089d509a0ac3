"""Small ingest runs into a database, each of which kills itself before its n-th statement; 0 lets it live.

Reads lines of VERSION N URI, and answers each with the return code, as subprocess has it, and what the run
said, which is the number of its statements if it lived. A commit counts as a statement.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa

from backbone.adapters.timescale import quarantine as timescale_quarantine
from backbone.adapters.timescale import upsert as timescale_upsert
from backbone.adapters.timescale.settings import from_keys
from backbone.adapters.timescale.store import TimescaleStore
from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.calendars import calendar
from backbone.market.dimensions import DAILY_BARS, MACRO_SERIES
from backbone.providers.protocol import Delivery, Query, Slice
from backbone.vocabulary import Outcome
from killed_before import Countdown

AS_OF = datetime(2024, 2, 29, tzinfo=UTC)


class Versioned:
    """Ten bars and ten values, other ones in each version; the bars of weekends are refused by the checks."""

    def __init__(self, version: int) -> None:
        self._version = version

    def fetch(self, query: Query) -> Delivery:
        rows = [self._row(query, day) for day in range(1, 11)]
        facts = pa.Table.from_pylist(rows, schema=query.dimension.facts)
        return Delivery((Slice("test/versioned", AS_OF, facts),))

    def _row(self, query: Query, day: int) -> dict[str, object]:
        common = {"source": "test/versioned", "revision": 0}
        if query.dimension is MACRO_SERIES:
            return {
                **common,
                "series": "cpi",
                "period": date(2024, 1, day),
                "frequency": "daily",
                "vintage": AS_OF.date(),
                "value": float(self._version),
            }
        price = 100.0 + self._version
        return {
            **common,
            "symbol": "ANY",
            "session_date": date(2024, 2, day),
            "open": price,
            "high": price,
            "low": price,
            "close": price,
            "adjusted_close": price,
            "volume": 10 + day,
            "price_basis": "splitAdjusted",
        }


def one_run(version: int, last: int, uri: str) -> str:
    """How many statements it made, or its report where it did not end well."""
    countdown = Countdown(last)
    psycopg.Connection.execute = countdown.before(psycopg.Connection.execute)  # type: ignore[method-assign]
    psycopg.Transaction.__exit__ = countdown.before(psycopg.Transaction.__exit__)  # type: ignore[method-assign]
    for module in (timescale_quarantine, timescale_upsert):
        counted: Any = countdown.before(module.copy_in)
        module.copy_in = counted
    tasks = tuple(Task("Test", Query(dimension, ("any",)), True) for dimension in (DAILY_BARS, MACRO_SERIES))
    run = IngestRun(
        RunRequest(f"run-{version}-{last}", "sample", 1, tasks, timedelta(seconds=20)),
        {"Test": Versioned(version)},
        TimescaleStore(from_keys("test", {"uri": uri})),
        clock=lambda: datetime.now(UTC),
        progress=lambda _: None,
        checkpoint=lambda: None,
    )
    countdown.armed = True
    report = run.execute()
    countdown.armed = False
    return str(countdown.count) if report.outcome is Outcome.SUCCEEDED else report.encode().decode()


def in_a_fork(version: int, last: int, uri: str) -> str:
    """The return code and what the run said."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        said = one_run(version, last, uri)
        os.write(writing, said.encode())
        os._exit(0 if said.isdigit() else 1)
    os.close(writing)
    with os.fdopen(reading) as stream:
        said = stream.read()
    _, status = os.waitpid(child, 0)
    return f"{os.waitstatus_to_exitcode(status)} {said}"


# What every run needs, once: the library of calendars takes a second.
calendar("XNYS")
for line in sys.stdin:
    version, last, uri = line.split()
    sys.stdout.write(f"{in_a_fork(int(version), int(last), uri)}\n")
    sys.stdout.flush()
