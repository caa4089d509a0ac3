"""What a run learns of the store before it asks: spans, last rows, and what the last run missed."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from backbone.ingest.stored_spans import HeldByStore
from backbone.ingest.tasks import Task
from backbone.market.dimensions import DAILY_BARS, DIMENSIONS, INTRADAY_BARS, Dimension
from backbone.market.lineage import Lineage, stamp
from backbone.ports.journal import Attempt, RunStart
from backbone.ports.rows import SubjectSpan
from backbone.ports.store import Writer
from backbone.providers.protocol import Query
from backbone.vocabulary import Outcome
from stores import Tier

NOW = datetime(2024, 3, 1, tzinfo=UTC)
TASK = Task("Test", Query(DAILY_BARS, ("AAPL", "IBM", "NEVER")), required=True)


def bars(symbol: str, days: range, revision: int) -> list[dict[str, object]]:
    return [
        {
            "source": "test",
            "symbol": symbol,
            "session_date": date(2024, 2, day),
            **dict.fromkeys(("open", "high", "low", "close", "adjusted_close"), 1.0 + day),
            "volume": 1,
            "price_basis": "splitAdjusted",
            "revision": revision,
        }
        for day in days
    ]


def looking(writer: Writer, task: Task, plan: str = "plan") -> HeldByStore:
    return HeldByStore(lambda: nullcontext(writer), lambda: NOW, plan, task)


def test_each_name_tells_its_span_its_revision_and_its_last_rows(tier: Tier) -> None:
    rows = [*bars("IBM", range(5, 8), 2), *bars("AAPL", range(1, 4), 0), *bars("OTHER", range(1, 3), 0)]
    facts = pa.Table.from_pylist(rows, schema=DAILY_BARS.facts)
    with tier.store().writer("run", timedelta()) as writer:
        writer.rows.upsert(DAILY_BARS, stamp(DAILY_BARS, facts, Lineage("run", 1, NOW, "Test")))
        held = looking(writer, TASK)
        assert held.spans("test") == {
            "AAPL": SubjectSpan(datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 2, 3, tzinfo=UTC), 0),
            "IBM": SubjectSpan(datetime(2024, 2, 5, tzinfo=UTC), datetime(2024, 2, 7, tzinfo=UTC), 2),
        }
        assert held.spans("another") == {}
        last = held.latest("test", 2)
        assert last.schema.names == DAILY_BARS.facts.names
        assert list(zip(last["symbol"].to_pylist(), last["close"].to_pylist(), strict=True)) == [
            ("AAPL", 3.0),
            ("AAPL", 4.0),
            ("IBM", 7.0),
            ("IBM", 8.0),
        ]


def minutes(seconds: int, days: range, revision: int) -> list[dict[str, object]]:
    return [
        {
            "source": "test",
            "symbol": "AAPL",
            "interval_seconds": seconds,
            "start": datetime(2024, 2, day, 15, tzinfo=UTC),
            **dict.fromkeys(("open", "high", "low", "close"), float(seconds + day)),
            "volume": 1,
            "price_basis": "splitAdjusted",
            "revision": revision,
        }
        for day in days
    ]


def test_bars_of_two_lengths_of_one_symbol_are_told_apart(tier: Tier) -> None:
    rows = [*minutes(60, range(20, 29), 0), *minutes(3600, range(1, 10), 3)]
    facts = pa.Table.from_pylist(rows, schema=INTRADAY_BARS.facts)
    query = Query(INTRADAY_BARS, ("AAPL",), interval_seconds=60)
    with tier.store().writer("run", timedelta()) as writer:
        writer.rows.upsert(INTRADAY_BARS, stamp(INTRADAY_BARS, facts, Lineage("run", 1, NOW, "Test")))
        for seconds, first, last, revision in ((60, 20, 28, 0), (3600, 1, 9, 3)):
            task = Task("Test", replace(query, interval_seconds=seconds), required=True)
            assert looking(writer, task).spans("test") == {
                "AAPL": SubjectSpan(
                    datetime(2024, 2, first, 15, tzinfo=UTC),
                    datetime(2024, 2, last, 15, tzinfo=UTC),
                    revision,
                )
            }
            told = looking(writer, task).latest("test", 2)
            kept = told.filter(pc.equal(told["interval_seconds"], seconds))
            assert kept["close"].to_pylist() == [float(seconds + last - 1), float(seconds + last)]


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda item: item.name)
def test_of_every_dimension_an_empty_store_says_that_it_holds_nothing(
    tier: Tier, dimension: Dimension
) -> None:
    task = Task("Test", Query(dimension, ("AAPL",)), required=True)
    with tier.store().writer("run", timedelta()) as writer:
        held = looking(writer, task)
        assert (held.missed(), held.spans("test")) == (frozenset(), {})
        assert held.latest("test", 5).equals(dimension.facts.empty_table())


def test_the_next_run_of_a_plan_learns_what_the_last_one_missed(tier: Tier) -> None:
    with tier.store().writer("run", timedelta()) as writer:
        sequence = writer.journal.begin(RunStart("run", "plan", 1, NOW))
        fates = {"AAPL": Outcome.SUCCEEDED, "IBM": Outcome.RATE_LIMITED, "NEVER": Outcome.UNKNOWN_SYMBOL}
        attempts = [Attempt("dailyBars", name, "Test", fate) for name, fate in fates.items()]
        writer.journal.attempted(sequence, DAILY_BARS, attempts)
        assert looking(writer, TASK).missed() == {"IBM", "NEVER"}
        assert looking(writer, TASK, "another").missed() == frozenset()
