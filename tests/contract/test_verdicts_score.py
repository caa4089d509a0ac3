"""A thousand stored rows that a later answer speaks against: all of them leave, and no other row does."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from backbone.adapters.duckdb.quarantine import published_quarantine
from backbone.adapters.duckdb.reader import published
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.dimensions import DAILY_BARS
from backbone.ports.quarantine import QuarantineFilter
from backbone.ports.store import Selection
from backbone.providers.protocol import Delivery, Query, Slice, Whole
from backbone.providers.sample.provider import SampleProvider
from backbone.providers.sample.recordings import RECORDINGS
from corruptions import OF_BARS, PLANTED, Deliveries, deliveries
from test_validation_score import SEED

NOW = datetime(2024, 12, 30, 22, tzinfo=UTC)
BEFORE, AFTER = 25, 24
"""Rows of a delivery before the planted one, and after it."""
SOURCE = "test/recorded"
Told = set[tuple[str, str, str]]
"""Symbol, day and reason."""


@dataclass
class Evenings:
    """A store, and a source that says each evening what it has."""

    folder: Path
    count: int = 0

    def run(self, rows: pd.DataFrame, given: Deliveries) -> None:
        """One run of what the source has, each of its lines told whole."""
        facts = replace(given, rows=rows).table()
        lines = rows.groupby("symbol")["session_date"].agg(["min", "max"])
        whole = tuple(Whole(name, low.date(), high.date()) for name, low, high in lines.itertuples())
        names = tuple(lines.index)
        now = NOW + timedelta(days=self.count)
        self.count += 1
        answer = Slice(SOURCE, now, facts, dict.fromkeys(names, "XNYS"), whole=whole)
        report = IngestRun(
            RunRequest(
                f"run-{self.count}",
                "plan",
                1,
                (Task("Test", Query(DAILY_BARS, names), required=True),),
                timedelta(),
            ),
            {"Test": Provider(answer)},
            DuckDBStore(self.folder),
            clock=lambda: now,
            progress=lambda _: None,
            checkpoint=lambda: None,
        ).execute()
        assert report.rows

    def told(self) -> Told:
        """What is in quarantine."""
        with published_quarantine(self.folder) as reader:
            entries = reader.entries(QuarantineFilter(), 100_000)
        raw = ((json.loads(item["raw"]), item["reason"]) for item in entries)
        return {(row["symbol"], row["session_date"], reason) for row, reason in raw}

    def keys(self) -> set[tuple[str, str]]:
        """What readers see, by symbol and day."""
        found: set[tuple[str, str]] = set()
        with published(self.folder) as reader:
            for batch in reader.batches(Selection(DAILY_BARS)):
                days = batch["session_date"].cast(pa.string()).to_pylist()
                found |= set(zip(batch["symbol"].to_pylist(), days, strict=True))
        return found


@dataclass(frozen=True)
class Provider:
    """A provider that has its answer."""

    answer: Slice

    def fetch(self, query: Query) -> Delivery:
        """All of it."""
        return Delivery((self.answer,))


@pytest.fixture(scope="module")
def given(recorded: Path) -> Deliveries:
    """A thousand lines of recorded days in a row, one row planted in each; as traded nothing is told."""
    sources = [item for item in RECORDINGS if item.dimension is DAILY_BARS]
    answers = [
        part.facts
        for item in sources
        for part in SampleProvider(recorded).fetch(Query(DAILY_BARS, item.names)).slices
        if part.source == item.source
    ]
    facts = pa.concat_tables(answers)
    facts = facts.filter(pc.equal(facts["price_basis"], "splitAdjusted"))
    found = deliveries(DAILY_BARS, facts, np.random.default_rng(SEED))
    near = found.at[:, None] + np.arange(-BEFORE, AFTER + 1)[None, :]
    rows = found.rows.iloc[near.ravel()].assign(source=SOURCE).reset_index(drop=True)
    return replace(found, rows=rows, at=np.arange(PLANTED) * (BEFORE + AFTER + 1) + BEFORE)


def named(rows: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(rows["symbol"], rows["session_date"].dt.strftime("%Y-%m-%d"), strict=True))


def test_rows_that_the_source_withdrew_leave_and_no_other_row_does(
    given: Deliveries, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evenings = Evenings(tmp_path)
    evenings.run(given.rows, given)
    before, stored = evenings.told(), evenings.keys()
    planted = named(given.rows.iloc[given.at])
    evenings.run(given.rows.drop(index=given.at), given)
    expected = {(*key, "Withdrawn") for key in planted & stored}
    told = evenings.told() - before
    show("withdrawn rows", expected, told, stored, capsys)
    assert len(expected) >= PLANTED * 0.99
    assert told == expected
    assert evenings.keys() == stored - planted


def test_what_later_rows_condemn_leaves_as_if_it_had_never_been_stored(
    given: Deliveries, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(SEED)
    rows = given.rows.copy()
    factor = random.choice((1.28, 1 / 1.28), PLANTED)
    for name in OF_BARS:
        values: Any = rows[name].to_numpy(np.float64, copy=True)
        values[given.at] *= factor
        rows[name] = values
    place = np.arange(len(rows)) % (BEFORE + AFTER + 1)
    never, evenings = Evenings(tmp_path / "never"), Evenings(tmp_path / "before")
    never.run(rows, given)
    evenings.run(rows[place <= BEFORE], given)
    before, stored = evenings.told(), evenings.keys()
    evenings.run(rows, given)
    expected = {(*key, "Condemned") for key in stored - never.keys()}
    left = {item for item in evenings.told() - before if item[2] == "Condemned"}
    show("condemned rows", expected, left, stored, capsys)
    assert len(expected) >= PLANTED * 0.8
    assert left == expected
    assert evenings.keys() == never.keys()
    assert len({item[:2] for item in left} - named(rows.iloc[given.at])) <= 0.001 * len(stored)


def show(what: str, expected: Told, told: Told, stored: set[Any], capsys: pytest.CaptureFixture[str]) -> None:
    recall = len(expected & told) / max(1, len(expected))
    with capsys.disabled():
        sys.stdout.write(
            f"\n  {what}: {len(expected):,} planted, recall {recall:.4f}, false alarms "
            f"{len(told - expected)} of {len(stored):,} rows "
        )
