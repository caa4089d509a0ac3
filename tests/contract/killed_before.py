"""Small ingest runs, each of which kills itself before its n-th write to the volume; 0 lets it live.

Reads lines of FOLDER VERSION N, runs each in a fork of its own, and answers with one line: the return code as
subprocess has it, and what the run said, which is the number of its writes if it lived. A write is a
statement that the store executes, or a file that is opened for writing, copied, renamed, removed, truncated
or flushed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from backbone.adapters.duckdb import quarantine, volume
from backbone.adapters.duckdb.statements import Statements
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.calendars import calendar
from backbone.market.dimensions import DAILY_BARS, MACRO_SERIES
from backbone.providers.protocol import Delivery, Query, Slice
from backbone.vocabulary import Outcome

FILE_EVENTS = {"os.rename", "os.remove", "os.truncate", "os.mkdir", "shutil.copyfile"}
AS_OF = datetime(2024, 2, 29, tzinfo=UTC)


class Countdown:
    """Counts writes, and kills before the one that was asked for."""

    def __init__(self, last: int) -> None:
        self.count = 0
        self._last = last
        self.armed = False

    def write(self) -> None:
        if self.armed:
            self.count += 1
            if self.count == self._last:
                os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        writing = (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if event in FILE_EVENTS or writing:
            self.write()

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.write()
            return function(*arguments, **named)

        return counted


class Versioned:
    """A provider whose rows differ from version to version: some stay, some change, some come.

    Those of a weekend and of New Year's day, and one whose price is missing, belong into quarantine.
    """

    def __init__(self, version: int) -> None:
        self._version = version

    def fetch(self, query: Query) -> Delivery:
        days = range(1, 10 + self._version)
        bars = query.dimension is DAILY_BARS
        rows = [self._bar(day) if bars else self._value(day) for day in days]
        facts = pa.Table.from_pylist(rows, schema=query.dimension.facts)
        return Delivery((Slice("test/versioned", AS_OF, facts),))

    def _bar(self, day: int) -> dict[str, object]:
        return {
            **self._common(),
            "symbol": "AAPL",
            "session_date": date(2024, 1, day),
            **dict.fromkeys(("open", "low"), 1.0),
            "high": 1.1 + day / 100,
            "close": self._close(day),
            "volume": 10 + day,
            "price_basis": "asTraded",
        }

    def _close(self, day: int) -> float:
        if day == self._version + 2:
            return float("nan")
        return 1 + self._version / 100 if day % 2 else 1.0

    def _value(self, day: int) -> dict[str, object]:
        return {
            **self._common(),
            "series": "cpi",
            "period": date(2024, 1, day),
            "frequency": "daily",
            "vintage": AS_OF.date(),
            "value": float(self._version),
        }

    def _common(self) -> dict[str, object]:
        return {"source": "test/versioned", "revision": 0}


def one_run(folder: Path, version: int, last: int) -> str:
    """How many writes it made, or its report where it did not end well."""
    countdown = Countdown(last)
    sys.addaudithook(countdown.audit)
    volume.os.fsync = countdown.before(os.fsync)
    for place, names in (
        (Statements, ("execute", "number")),
        (quarantine.DuckDBQuarantine, ("add",)),
        (quarantine, ("supersede",)),
    ):
        for name in names:
            setattr(place, name, countdown.before(getattr(place, name)))
    tasks = tuple(Task("Test", Query(dimension, ("any",)), True) for dimension in (DAILY_BARS, MACRO_SERIES))
    run = IngestRun(
        RunRequest(f"run-{version}-{last}", "sample", 1, tasks, timedelta()),
        {"Test": Versioned(version)},
        DuckDBStore(folder),
        clock=lambda: datetime.now(UTC),
        progress=lambda _: None,
        checkpoint=lambda: None,
    )
    countdown.armed = True
    report = run.execute()
    countdown.armed = False
    if report.outcome is not Outcome.SUCCEEDED or report.store_recovery is not None:
        return report.encode().decode()
    return str(countdown.count)


def in_a_fork(folder: Path, version: int, last: int) -> str:
    """The return code and what the run said."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, one_run(folder, version, last).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        said = stream.read()
    _, status = os.waitpid(child, 0)
    return f"{os.waitstatus_to_exitcode(status)} {said}"


def main() -> None:
    # What every run needs, once: the library of calendars takes a second.
    calendar("XNYS")
    for line in sys.stdin:
        folder, version, last = line.split()
        sys.stdout.write(f"{in_a_fork(Path(folder), int(version), int(last))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
