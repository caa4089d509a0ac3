"""A provider and a store that do as they are told, and the run between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.dimensions import DAILY_BARS, MACRO_SERIES, Dimension
from backbone.ports.journal import JournalEntry
from backbone.ports.quarantine import Origin
from backbone.ports.store import Arrival, Attempt, Recovery, RunEnd, RunStart
from backbone.providers.protocol import Delivery, Query, Slice
from backbone.report import RunReport

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
AS_OF = datetime(2024, 2, 29, tzinfo=UTC)
DAY = date(2024, 2, 29)


def bars(*symbols: str, source: str = "test/bars") -> Slice:
    rows = [
        {
            "source": source,
            "symbol": symbol,
            "session_date": DAY,
            **dict.fromkeys(("open", "high", "low", "close"), 1.0),
            "volume": 1,
            "price_basis": "asTraded",
            "revision": 0,
        }
        for symbol in symbols
    ]
    return Slice(source, AS_OF, pa.Table.from_pylist(rows, schema=DAILY_BARS.facts))


def series(*names: str) -> Slice:
    rows = [
        {
            "source": "test/macro",
            "series": name,
            "period": DAY,
            "frequency": "daily",
            "vintage": DAY,
            "value": 1.0,
            "revision": 0,
        }
        for name in names
    ]
    return Slice("test/macro", AS_OF, pa.Table.from_pylist(rows, schema=MACRO_SERIES.facts))


@dataclass
class Scripted:
    """A provider that answers, or fails, by dimension."""

    answers: dict[str, Delivery | Exception]

    def fetch(self, query: Query) -> Delivery:
        answer = self.answers[query.dimension.name]
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Ledger:
    """A store that keeps a list of what was done to it, and fails where the test says so."""

    failures: dict[str, list[BaseException]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    ends: list[RunEnd] = field(default_factory=list)
    past: tuple[JournalEntry, ...] = ()
    recovery: Recovery | None = None
    lineage: set[tuple[str, int, datetime]] = field(default_factory=set)
    published: bool = True
    told: str = ""
    quarantined: Counter[str] = field(default_factory=Counter)
    locked: bool = False

    @contextmanager
    def running(self, run_id: str) -> Iterator[None]:
        yield

    @contextmanager
    def writer(self, holder: str, wait: timedelta) -> Iterator[Ledger]:
        self._do(f"lock for {holder}, wait {wait.total_seconds():.0f}")
        self.locked = True
        yield self
        self.locked = False
        self._do("unlock")

    def resume(self, sequence: int, run_id: str) -> None:
        self._do(f"resume {sequence} {run_id}")

    def begin(self, run: RunStart) -> int:
        self._do(f"begin {run.run_id}")
        return 7

    def missed(self, plan: str, dimension: Dimension) -> frozenset[str]:
        return frozenset()

    def recent(self, count: int) -> tuple[JournalEntry, ...]:
        return self.past[:count]

    @contextmanager
    def batch(self) -> Iterator[None]:
        self._do("transaction")
        yield
        self._do("commit")

    def upsert(self, dimension: Dimension, rows: pa.Table) -> int:
        self._do(f"upsert {dimension.name}")
        self.lineage |= {
            (row["run_id"], row["plan_generation"], row["observed_at"]) for row in rows.to_pylist()
        }
        return 1

    def before(self, dimension: Dimension, facts: pa.Table, count: int) -> pa.Table:
        return dimension.facts.empty_table()

    def quarantine(self, dimension: Dimension, rows: pa.Table, reasons: pa.Array, origin: Origin) -> None:
        self._do(f"quarantine {dimension.name}")
        self.quarantined.update(reasons.to_pylist())

    def held(self, dimension: Dimension, run_id: str) -> dict[str, int]:
        return dict(self.quarantined)

    def record(self, sequence: int, arrival: Arrival) -> None:
        self._do(f"record {sequence} {arrival.source} {arrival.rows}")

    def attempted(self, sequence: int, dimension: Dimension, attempts: Sequence[Attempt]) -> None:
        told = " ".join(f"{item.subject}={item.outcome}" for item in attempts)
        self._do(f"attempted {sequence} {dimension.name} {told}")

    def finish(self, sequence: int, end: RunEnd) -> None:
        self._do(f"finish {sequence} {end.outcome}")
        self.ends.append(end)

    def publish(self) -> str:
        self._do("publish")
        return self.told

    def _do(self, what: str) -> None:
        self.done.append(what)
        script = self.failures.get(what.split(" ", 1)[0] if what not in self.failures else what, [])
        if script:
            raise script.pop(0)


def task(dimension: Dimension, *names: str, required: bool = True) -> Task:
    return Task("Test", Query(dimension, names), required)


def run(
    answers: dict[str, Delivery | Exception],
    tasks: tuple[Task, ...],
    store: Ledger,
    stops: Iterator[BaseException | None] | None = None,
    provider: Scripted | None = None,
) -> IngestRun:
    def checkpoint() -> None:
        error = next(stops, None) if stops else None
        if error is not None:
            raise error

    request = RunRequest("run-1", "sample", 3, tasks, timedelta(seconds=9))
    return IngestRun(
        request,
        {"Test": provider or Scripted(answers)},
        store,
        clock=lambda: NOW,
        progress=lambda _: None,
        checkpoint=checkpoint,
    )


BOTH = (task(DAILY_BARS, "AAPL", "IBM"), task(MACRO_SERIES, "cpi"))
WHOLE: dict[str, Delivery | Exception] = {
    "dailyBars": Delivery((bars("AAPL"), bars("IBM", source="test/other"))),
    "macroSeries": Delivery((series("cpi"),)),
}


def executed(answers: dict[str, Delivery | Exception], tasks: tuple[Task, ...] = BOTH) -> RunReport:
    return run(answers, tasks, Ledger()).execute()
