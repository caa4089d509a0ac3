"""Small published copies for tests of readers: a few bars, and runs that bring them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from backbone.adapters.duckdb.store import DuckDBStore
from backbone.market.dimensions import DAILY_BARS, Dimension
from backbone.market.lineage import Lineage, stamp
from backbone.ports.journal import Arrival, Attempt, RunEnd, RunStart
from backbone.ports.store import Store
from backbone.vocabulary import Outcome

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
NO_WAIT = timedelta()

Row = dict[str, object]


def bar(day: int, close: float = 1.5, **changes: object) -> Row:
    prices = {"open": 1.0, "high": 9.0, "low": 0.5, "close": close, "adjusted_close": None, "volume": 10}
    return {
        "source": "test/bars",
        "symbol": "AAPL",
        "session_date": date(2024, 2, day),
        **prices,
        "price_basis": "asTraded",
        "revision": 0,
        **changes,
    }


def trade(at: datetime, price: float = 5.0) -> Row:
    told = {"source": "t", "symbol": "AAPL", "ts": at, "ordinal": 1, "price": price}
    return {**told, "size": 1, "price_basis": "asTraded", "revision": 0}


def ingest(
    folder: Path,
    rows: list[Row],
    dimension: Dimension = DAILY_BARS,
    *,
    number: int = 1,
    fates: dict[str, Outcome] | None = None,
) -> None:
    """One published run that brought rows."""
    ingest_into(DuckDBStore(folder), rows, dimension, number=number, fates=fates)


def ingest_into(
    store: Store,
    rows: list[Row],
    dimension: Dimension = DAILY_BARS,
    *,
    number: int = 1,
    fates: dict[str, Outcome] | None = None,
) -> None:
    """One run that brought rows to any store."""
    at = NOW + timedelta(minutes=number)
    facts = pa.Table.from_pylist(rows, schema=dimension.facts)
    with store.writer(f"run-{number}", NO_WAIT) as writer:
        sequence = writer.journal.begin(RunStart(f"run-{number}", "plan", 1, at))
        with writer.batch():
            lineage = Lineage(f"run-{number}", 1, at, "Test")
            changed = writer.rows.upsert(dimension, stamp(dimension, facts, lineage))
            for source in {str(row["source"]) for row in rows}:
                writer.journal.record(
                    sequence, Arrival(dimension.name, source, "Test", at, len(rows), changed)
                )
            named = {str(row[dimension.subject]): Outcome.SUCCEEDED for row in rows} | (fates or {})
            told = [Attempt(dimension.name, name, "Test", fate) for name, fate in named.items()]
            writer.journal.attempted(sequence, dimension, told)
            writer.journal.finish(sequence, RunEnd(Outcome.SUCCEEDED, at, len(rows), changed, ""))
        writer.publish()
