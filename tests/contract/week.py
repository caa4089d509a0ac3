"""Evenings of five exchanges against the local Yahoo server, and all that the product tells of their rows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from backbone.adapters.duckdb.quarantine import published_quarantine
from backbone.adapters.duckdb.reader import published
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.client import Client
from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS, Dimension
from backbone.ports.quarantine import QuarantineFilter
from backbone.ports.store import Selection
from backbone.providers.protocol import Query
from backbone.vocabulary import Outcome
from yahoo.market import EXCHANGES, sessions_of
from yahoo_market import CONNECTION, QUICK, Market

NAMES = {
    "New York": ("AAPL", "GOOG", "NVDA"),
    "London": ("VOD.L", "TSCO.L"),
    "Tokyo": ("7203.T", "6758.T"),
    "Hong Kong": ("0700.HK", "0005.HK"),
    "Mumbai": ("INFY.NS", "M&M.NS"),
}
EVERY = tuple(name for names in NAMES.values() for name in names)
WIDTH = 300
UNHURRIED = replace(QUICK, deadline=60)
"""Whatever the machine has to do beside."""
HISTORY = {DAILY_BARS: timedelta(days=60), INTRADAY_BARS: timedelta(days=3)}

Told = tuple[str, str, str]
"""A name; the session or the minute (UTC), or for what became of a name the hour of the run; the reason."""


@dataclass
class Week:
    """A store that is filled evening by evening; `told` is what was said of any row or name so far."""

    yahoo: Market
    folder: Path
    names: tuple[str, ...] = EVERY
    told: set[Told] = field(default_factory=set)
    runs: int = 0

    def run(self, now: datetime) -> None:
        """One run of a plan for daily and intraday bars of every name at a moment (UTC)."""
        self.yahoo.clock.now = now
        self.runs += 1
        tasks = tuple(
            Task("Yahoo", Query(item, self.names, lookback, width, CONNECTION), required=True)
            for (item, lookback), width in zip(HISTORY.items(), (None, WIDTH), strict=True)
        )
        IngestRun(
            RunRequest(f"run-{self.runs:02}", "plan", 1, tasks, timedelta()),
            {"Yahoo": self.yahoo.provider(UNHURRIED)},
            DuckDBStore(self.folder),
            clock=self.yahoo.clock,
            progress=lambda _: None,
            checkpoint=lambda: None,
        ).execute()
        self.told |= self.fates(now) | self.flags() | self.quarantine()

    def fates(self, now: datetime) -> set[Told]:
        """Names that did not come in full in the last run, with their outcome."""
        with published(self.folder) as reader:
            return {
                (item.subject, f"{now:%Y-%m-%d %H:%M}", str(item.outcome))
                for dimension in HISTORY
                for item in reader.last_attempts(dimension, self.names)
                if item.outcome != Outcome.SUCCEEDED
            }

    def flags(self) -> set[Told]:
        """Rows that readers see under a flag."""
        return {
            (row["symbol"], said(row[dimension.time]), flag)
            for dimension in HISTORY
            for row in self.rows(dimension)
            if row["flags"]
            for flag in row["flags"].split(",")
        }

    def quarantine(self) -> set[Told]:
        """Rows in quarantine, whatever became of them since."""
        found = set()
        with published_quarantine(self.folder) as reader:
            for entry in reader.entries(QuarantineFilter(), 10_000):
                raw = json.loads(entry["raw"])
                when = raw.get("session_date") or raw.get("start")
                found.add((raw["symbol"], said(read(str(when))), entry["reason"]))
        return found

    def unfit(self, at: datetime) -> set[Told]:
        """What fitness has against any name at a moment (UTC)."""
        with Client(self.folder) as client, client.snapshot() as data:
            return {
                (item.subject, said(at), f"{item.reason}: {item.message}")
                for dimension in HISTORY
                for item in data.fitness(dimension, self.names, at=at).findings
            }

    def rows(self, dimension: Dimension, *names: str) -> list[dict[str, Any]]:
        """Rows that readers see, of some names or of all."""
        with published(self.folder) as reader:
            batches = list(reader.batches(Selection(dimension, names)))
        return [row for batch in batches for row in batch.to_pylist()]

    def closes(self, name: str) -> dict[date, float]:
        """The daily closes of a name that readers see."""
        return {row["session_date"]: row["close"] for row in self.rows(DAILY_BARS, name)}

    def lacking(self) -> set[Told]:
        """Sessions of which readers see no daily bar, and of the last ones those without the auction's."""
        found = set()
        for name in self.names:
            closes = self.closes(name)
            ended = {row["start"] for row in self.rows(INTRADAY_BARS, name)}
            _, every = sessions_of(EXCHANGES[name.partition(".")[2]], int(self.yahoo.clock().timestamp()))
            sessions = {date.fromisoformat(item.day): item.closes for item in every}
            mine = sorted(day for day in sessions if day >= min(closes))
            found |= {(name, said(day), "daily") for day in set(mine) ^ set(closes)}
            found |= {
                (name, said(day), "auction")
                for day in mine[-3:]
                if not any(0 <= start.timestamp() - sessions[day] < 900 for start in ended)
            }
        return found


def said(when: date | datetime) -> str:
    """A session or a moment as findings name it."""
    if isinstance(when, datetime):
        return f"{when.astimezone(UTC):%Y-%m-%d %H:%M}"
    return when.isoformat()


def read(text: str) -> date | datetime:
    """A session or a moment of a raw row; Arrow's JSON has moments without a zone, in UTC."""
    if len(text) == len("2023-03-20"):
        return date.fromisoformat(text)
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
