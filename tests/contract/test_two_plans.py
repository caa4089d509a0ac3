"""Two plans of one backbone at a time: neither waits for the other's provider, and no row is lost."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from backbone.adapters.duckdb.store import DuckDBStore
from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.dimensions import DAILY_BARS, MACRO_SERIES
from backbone.ports.journal import RunEnd
from backbone.ports.store import Store
from backbone.providers.protocol import Delivery, Provider, Query, Slice
from backbone.reports.run import RunReport
from backbone.vocabulary import Outcome
from market_rows import NAMES, NOW, bars
from stores import OnDuckDB, Tier

LOCKS = pytest.mark.parametrize("tier", ["duckdb", "postgres"], indirect=True)
TASKS = tuple(Task("Test", Query(dimension, NAMES), True) for dimension in (MACRO_SERIES, DAILY_BARS))


class Asked:
    """A provider that looks into the store, and while it is asked for the second dimension does something."""

    def __init__(self, source: str, meanwhile: list[object]) -> None:
        self._source = source
        self._meanwhile = meanwhile

    def fetch(self, query: Query) -> Delivery:
        assert query.held is not None
        query.held.missed()
        if query.dimension is MACRO_SERIES:
            return Delivery((), without_data=query.names)
        for action in self._meanwhile:
            assert callable(action)
            action()
        return Delivery((Slice(self._source, NOW, bars(self._source, 5)),))


def run(store: Store, plan: str, provider: Provider, hour: int = 0) -> RunReport:
    return IngestRun(
        RunRequest(f"{plan}-1", plan, 1, TASKS, timedelta()),
        {"Test": provider},
        store,
        clock=lambda: NOW + timedelta(hours=hour),
        progress=lambda _: None,
        checkpoint=lambda: None,
    ).execute()


def journal(tier: Tier) -> list[tuple[object, ...]]:
    asked = 'SELECT run_id, outcome, "rows" FROM telemetry.ingest_runs ORDER BY "sequence"'
    return tier.query(asked)


def sources(tier: Tier) -> dict[object, int]:
    return dict(tier.query("SELECT source, count(*) FROM market.daily_bars GROUP BY 1 ORDER BY 1"))  # type: ignore[arg-type]


@LOCKS
def test_a_plan_runs_to_its_end_while_another_ones_provider_is_asked(tier: Tier) -> None:
    reports = []
    inner = Asked("test/two", [])
    outer = Asked("test/one", [lambda: reports.append(run(tier.store(), "inner", inner))])
    reports.append(run(tier.store(), "outer", outer))
    assert [report.outcome for report in reports] == [Outcome.PARTIAL] * 2, reports
    assert sources(tier) == {"test/one": 50, "test/two": 50}
    assert journal(tier) == [("outer-1", "Partial", 50), ("inner-1", "Partial", 50)]


@LOCKS
def test_a_run_that_another_one_took_for_dead_says_so_and_stores_nothing(tier: Tier) -> None:
    """As where nothing keeps the sign of life: a pooler, or a server without locks."""

    def closed() -> None:
        with tier.store().writer("other", timedelta()) as writer:
            writer.journal.finish(1, RunEnd(Outcome.DIED_WITHOUT_MESSAGE, NOW, 0, 0, ""))
            writer.publish()

    report = run(tier.store(), "outer", Asked("test/one", [closed]))
    assert report.outcome is Outcome.STORE_BUSY
    assert "another run has begun since run 1 did" in report.message
    assert sources(tier) == {}


def test_a_store_that_went_back_to_an_older_copy_meanwhile_gets_the_whole_run_anew(tmp_path: Path) -> None:
    duckdb = OnDuckDB(tmp_path)
    working = duckdb.folder / "working" / "backbone.duckdb"
    run(duckdb.store(), "first", Asked("test/two", []))

    def damaged() -> None:
        if not list(working.parent.glob("*.corrupt-*")):
            working.write_bytes(b"no database" * 1000)
            run(DuckDBStore(duckdb.folder), "inner", Asked("test/three", []), hour=2)

    report = run(duckdb.store(), "outer", Asked("test/one", [damaged]), hour=1)
    assert (report.outcome, report.rows) == (Outcome.PARTIAL, 50)
    assert sources(duckdb) == {"test/one": 50, "test/three": 50, "test/two": 50}
    assert [entry[:2] for entry in journal(duckdb)] == [
        ("first-1", "Partial"),
        ("inner-1", "Partial"),
        ("outer-1", "Partial"),
    ]
