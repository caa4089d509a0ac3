"""Runs of a plan whose symbols go wrong in every way at once: outcomes, rows, quarantine, and what mends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from backbone.adapters.duckdb.reader import published
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS, Dimension
from backbone.ports.store import Selection
from backbone.providers.protocol import Query
from backbone.reports.run import RunReport
from backbone.vocabulary import Outcome
from yahoo.service import Yahoo, serve
from yahoo_market import CONNECTION, QUICK, Clock, Market, market

WEEKS = timedelta(days=60)

LASTING = {
    "GONE": ("unknown", Outcome.UNKNOWN_SYMBOL),
    "PAGE": ("html", Outcome.CHANGED_SHAPE),
    "FIELD": ("no-prices", Outcome.CHANGED_SHAPE),
    "QUIET": ("empty", Outcome.NO_DATA),
    "LIMIT": ("rate-limited", Outcome.RATE_LIMITED),
    "DOWN": ("server-error", Outcome.SERVER_TROUBLE),
    "CUT": ("truncated", Outcome.PARTIAL_ANSWER),
    "RESET": ("resets", Outcome.PROVIDER_UNREACHABLE),
    "SLOW": ("silent", Outcome.TIMED_OUT),
    "HALF": ("lacks-end", Outcome.PARTIAL_ANSWER),
}
PASSING = {"ONCE": "server-error", "BROKE": "half"}
BAD_ROWS = {
    "AAPL": ("nan", None),
    "AMZN": ("zero", "NonPositivePrice"),
    "GOOG": ("twice", "ConflictingRows"),
    "NVDA": ("future", "FutureRow"),
}
SOUND = ("IBM", "MSFT")
EVERY = (*LASTING, *PASSING, *BAD_ROWS, *SOUND)
LIMITS = replace(QUICK, deadline=0.5, budget=5)


@pytest.fixture
def yahoo(tmp_path: Path, recorded: Path) -> Iterator[Market]:
    clock = Clock()
    service = Yahoo(recorded, clock)
    with serve(service, tmp_path / "server") as server:
        (tmp_path / "server").mkdir(exist_ok=True)
        yield market(tmp_path / "server", server.address, service, clock)


def run(yahoo: Market, folder: Path, number: int) -> RunReport:
    """One run of a plan that asks for everything."""
    query = Query(DAILY_BARS, EVERY, WEEKS, connection=CONNECTION)
    return executed(yahoo, folder, number, Task("Yahoo", query, required=True))


def executed(yahoo: Market, folder: Path, number: int, task: Task) -> RunReport:
    return IngestRun(
        RunRequest(f"run-{number}", "plan", 1, (task,), timedelta()),
        {"Yahoo": yahoo.provider(LIMITS)},
        DuckDBStore(folder),
        clock=yahoo.clock,
        progress=lambda _: None,
        checkpoint=lambda: None,
    ).execute()


def stored(folder: Path) -> dict[str, list[date]]:
    """The sessions of each symbol that readers see."""
    found: dict[str, list[date]] = {}
    with published(folder) as reader:
        for batch in reader.batches(Selection(DAILY_BARS)):
            for row in batch.select(["symbol", "session_date"]).to_pylist():
                found.setdefault(row["symbol"], []).append(row["session_date"])
    return found


def outcomes(folder: Path) -> dict[str, str]:
    """What the journal says of each symbol, of the plan's last run."""
    with DuckDBStore(folder).writer("look", timedelta()) as writer:
        rows = writer._connection.execute("SELECT subject, outcome FROM telemetry.ingest_attempts").fetchall()
    return dict(rows)


def test_with_every_fault_at_once_each_fate_is_named_and_the_next_run_mends_what_can_be_mended(
    yahoo: Market, tmp_path: Path
) -> None:
    for symbol, (kind, _) in LASTING.items():
        yahoo.board.on(kind, symbol, after=0.7)
    for symbol, kind in PASSING.items():
        yahoo.board.on(kind, symbol, count=1)
    for symbol, (kind, _) in BAD_ROWS.items():
        yahoo.board.on(kind, symbol, at=-8)

    first = run(yahoo, tmp_path / "store", 1)
    assert first.outcome is Outcome.PARTIAL
    told = outcomes(tmp_path / "store")
    assert {symbol: told[symbol] for symbol in LASTING} == {
        symbol: outcome.value for symbol, (_, outcome) in LASTING.items()
    }
    assert {told[symbol] for symbol in (*PASSING, *BAD_ROWS, *SOUND)} == {"Succeeded"}
    for outcome in {outcome for _, outcome in LASTING.values()} - {Outcome.UNKNOWN_SYMBOL, Outcome.NO_DATA}:
        assert outcome.value in first.message

    (dimension,) = first.dimensions
    reasons = {item.reason: item.rows for item in dimension.quarantined}
    assert reasons == {"NonPositivePrice": 1, "ConflictingRows": 2, "FutureRow": 1}
    kept = stored(tmp_path / "store")
    whole = kept["IBM"]
    assert len(whole) == 42
    assert set(kept) == {*PASSING, *BAD_ROWS, *SOUND, "HALF"}
    assert all(kept[symbol] == whole for symbol in (*PASSING, *SOUND, "NVDA"))
    assert all(len(kept[symbol]) == len(whole) - 1 for symbol in ("AAPL", "AMZN", "GOOG"))
    assert kept["HALF"] == whole[: len(kept["HALF"])]

    yahoo.board.clear()
    yahoo.board.on("unknown", "GONE")
    second = run(yahoo, tmp_path / "store", 2)
    assert second.outcome is Outcome.PARTIAL
    assert second.dimensions[0].missing == ("GONE",)
    assert second.dimensions[0].quarantined == ()
    mended = stored(tmp_path / "store")
    assert set(mended) == set(EVERY) - {"GONE"}
    assert all(days == whole for days in mended.values())

    third = run(yahoo, tmp_path / "store", 3)
    assert third.dimensions[0].changed == 0


def only(yahoo: Market, folder: Path, number: int, lookback: timedelta) -> RunReport:
    """One run that asks for one symbol."""
    query = Query(DAILY_BARS, ("IBM",), lookback, connection=CONNECTION)
    return executed(yahoo, folder, number, Task("Yahoo", query, required=True))


def rows_of(folder: Path, dimension: Dimension = DAILY_BARS) -> list[dict[str, object]]:
    with published(folder) as reader:
        return [row for batch in reader.batches(Selection(dimension)) for row in batch.to_pylist()]


def test_a_run_brings_the_intervals_that_failed_runs_before_it_missed(yahoo: Market, tmp_path: Path) -> None:
    query = Query(INTRADAY_BARS, ("IBM",), timedelta(days=1), 3600, CONNECTION)
    found = []
    for day in (11, 12, 13, 14):
        yahoo.clock.now = datetime(2024, 3, day, 22, tzinfo=UTC)
        yahoo.board.clear()
        if day in {12, 13}:
            yahoo.board.on("server-error", "IBM")
        found.append(executed(yahoo, tmp_path, day, Task("Yahoo", query, required=True)).outcome)
    trouble, fine = Outcome.SERVER_TROUBLE, Outcome.SUCCEEDED
    assert found == [fine, trouble, trouble, fine]
    starts = [row["start"] for row in rows_of(tmp_path, INTRADAY_BARS)]
    assert {item.day for item in starts if isinstance(item, datetime)} == {11, 12, 13, 14}


def test_a_history_that_was_readjusted_is_stored_on_one_basis(yahoo: Market, tmp_path: Path) -> None:
    assert only(yahoo, tmp_path, 1, timedelta(days=200)).outcome is Outcome.SUCCEEDED
    before = rows_of(tmp_path)
    yahoo.clock.now += timedelta(days=1)
    yahoo.board.on("readjusted", "IBM", at=-1, ratio=20)
    report = only(yahoo, tmp_path, 2, timedelta(days=5))
    assert report.outcome is Outcome.SUCCEEDED
    assert report.dimensions[0].quarantined == ()
    rows = rows_of(tmp_path)
    assert len(rows) == len(before) + 1 == report.dimensions[0].rows
    assert {(row["revision"], row["run_id"]) for row in rows} == {(1, "run-2")}
    assert rows[0]["close"] == pytest.approx(before[0]["close"] / 20)


def test_a_split_without_notice_waits_in_quarantine_until_history_is_adjusted(
    yahoo: Market, tmp_path: Path
) -> None:
    yahoo.board.on("split-without-notice", "IBM", at=-3)
    first = only(yahoo, tmp_path, 1, WEEKS)
    assert {item.reason: item.rows for item in first.dimensions[0].quarantined} == {"UnadjustedSplit": 3}
    before = rows_of(tmp_path)
    yahoo.board.clear()
    yahoo.board.on("readjusted", "IBM", at=-3, ratio=20)
    second = only(yahoo, tmp_path, 2, timedelta(days=5))
    assert second.dimensions[0].quarantined == ()
    rows = rows_of(tmp_path)
    assert len(rows) == len(before) + 3
    assert {row["revision"] for row in rows} == {1}
    assert rows[0]["close"] == pytest.approx(before[0]["close"] / 20)
