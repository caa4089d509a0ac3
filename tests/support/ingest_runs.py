"""A provider and a store that do as they are told, and the run between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.second_try import SecondTry
from backbone.ingest.tasks import Task
from backbone.market.dimensions import DAILY_BARS, MACRO_SERIES, Dimension
from backbone.ports.journal import Arrival, Attempt, JournalEntry, RunEnd, RunStart
from backbone.ports.quarantine import Origin
from backbone.ports.store import Recovery
from backbone.providers.protocol import Delivery, Query, Slice
from backbone.reports.run import RunReport
from backbone.vocabulary import Outcome

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
class LedgerJournal:
    """The journal of a ledger's writer."""

    ledger: Ledger

    def resume(self, sequence: int, run_id: str) -> None:
        self.ledger.do(f"resume {sequence} {run_id}")

    def begin(self, run: RunStart) -> int:
        self.ledger.do(f"begin {run.run_id}")
        return 7

    def missed(self, plan: str, dimension: Dimension, outcome: Outcome | None = None) -> frozenset[str]:
        return frozenset()

    def recent(self, count: int) -> tuple[JournalEntry, ...]:
        return self.ledger.past[:count]

    def record(self, sequence: int, arrival: Arrival) -> None:
        self.ledger.do(f"record {sequence} {arrival.source} {arrival.rows}")

    def attempted(
        self, sequence: int, dimension: Dimension, attempts: Sequence[Attempt], *, rest: bool = True
    ) -> None:
        told = " ".join(f"{item.subject}={item.outcome}" for item in attempts)
        self.ledger.do(f"attempted {sequence} {dimension.name} {told}{'' if rest else ' so far'}")

    def finish(self, sequence: int, end: RunEnd) -> None:
        self.ledger.do(f"finish {sequence} {end.outcome}")
        self.ledger.ends.append(end)


@dataclass
class LedgerRows:
    """The rows of a ledger's writer, which holds none."""

    ledger: Ledger

    def outdated(self, dimension: Dimension, rows: pa.Table) -> int:
        return 0

    def upsert(self, dimension: Dimension, rows: pa.Table) -> int:
        self.ledger.do(f"upsert {dimension.name}")
        self.ledger.lineage |= {
            (row["run_id"], row["plan_generation"], row["observed_at"]) for row in rows.to_pylist()
        }
        return 1

    def preceding(self, dimension: Dimension, facts: pa.Table, count: int) -> pa.Table:
        return dimension.facts.empty_table()

    def within(self, dimension: Dimension, windows: pa.Table) -> pa.Table:
        return dimension.schema.empty_table()


@dataclass
class LedgerQuarantine:
    """The quarantine of a ledger's writer, which counts."""

    ledger: Ledger

    def add(self, dimension: Dimension, rows: pa.Table, reasons: pa.Array, origin: Origin) -> None:
        self.ledger.do(f"quarantine {dimension.name}")
        self.ledger.quarantined.update(reasons.to_pylist())

    def by_reason(self, dimension: Dimension, run_id: str) -> dict[str, int]:
        return dict(self.ledger.quarantined)


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
    time: datetime = NOW + timedelta(days=1)

    def __post_init__(self) -> None:
        self.journal = LedgerJournal(self)
        self.rows = LedgerRows(self)
        self.quarantine = LedgerQuarantine(self)

    @contextmanager
    def running(self, run_id: str) -> Iterator[None]:
        yield

    @contextmanager
    def writer(self, holder: str, wait: timedelta) -> Iterator[Ledger]:
        self.do(f"lock for {holder}, wait {wait.total_seconds():.0f}")
        self.locked = True
        yield self
        self.locked = False
        self.do("unlock")

    @contextmanager
    def batch(self) -> Iterator[None]:
        self.do("transaction")
        yield
        self.do("commit")

    def now(self) -> datetime:
        return self.time

    def publish(self) -> str:
        self.do("publish")
        return self.told

    def do(self, what: str) -> None:
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
    *,
    again: SecondTry | None = None,
) -> IngestRun:
    def checkpoint() -> None:
        error = next(stops, None) if stops else None
        if error is not None:
            raise error

    request = RunRequest("run-1", "sample", 3, tasks, timedelta(seconds=9))
    return IngestRun(
        request,
        {"Test": provider or Scripted(answers)},
        store,  # type: ignore[arg-type]  # it has what a run calls of a writer, and no more
        clock=lambda: NOW,
        progress=lambda _: None,
        checkpoint=checkpoint,
        again=again,
    )


BOTH = (task(DAILY_BARS, "AAPL", "IBM"), task(MACRO_SERIES, "cpi"))
WHOLE: dict[str, Delivery | Exception] = {
    "dailyBars": Delivery((bars("AAPL"), bars("IBM", source="test/other"))),
    "macroSeries": Delivery((series("cpi"),)),
}


def executed(answers: dict[str, Delivery | Exception], tasks: tuple[Task, ...] = BOTH) -> RunReport:
    return run(answers, tasks, Ledger()).execute()
