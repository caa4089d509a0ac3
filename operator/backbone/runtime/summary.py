"""The summary of a backbone: what it holds, its last runs, and a price chart for the eye."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import plotext
import pyarrow as pa
import typer
from pydantic.alias_generators import to_camel

from ..market.dimensions import DAILY_BARS
from ..ports.journal import JournalEntry
from ..ports.store import Holding, Reader, Selection
from . import tables
from .environment import Effective

if TYPE_CHECKING:
    from .forms import SummaryForm

RUNS_SHOWN = 5
CHART_SESSIONS = 250
CHART_LINES = 14
WIDTH_ELSEWHERE = 100
"""Columns where no terminal says how many there are, such as in a pod; a chart is never wider."""

HOLDING_COLUMNS = ("source", "rows", "names", "first", "last", "last value", "as of")
RUN_COLUMNS = ("run", "plan", "outcome", "ended", "took", "rows", "changed", "message")
SETTING_COLUMNS = ("setting", "value", "origin")
HOLDINGS_SPARED = ("as of", "first", "names")
RUNS_SPARED = ("took", "changed", "plan", "rows")


@dataclass(frozen=True, slots=True)
class Chart:
    """Closes of one symbol of one source, oldest first."""

    symbol: str
    source: str
    closes: list[float]
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Summary:
    """What one backbone published."""

    backbone: str
    place: str
    holdings: tuple[Holding, ...]
    runs: tuple[JournalEntry, ...]
    chart: Chart | None
    settings: tuple[Effective, ...] = ()

    @classmethod
    def of(cls, backbone: str, place: str, reader: Reader, settings: tuple[Effective, ...] = ()) -> Summary:
        """The summary of what readers see; `place` is where that is, in words."""
        holdings = reader.holdings()
        return cls(backbone, place, holdings, reader.runs(RUNS_SHOWN), _chart(reader, holdings), settings)

    def to_json(self) -> dict[str, Any]:
        """Everything but the chart."""
        return {
            "backbone": self.backbone,
            "dataDir": self.place,
            "holdings": [_camel(asdict(item)) for item in self.holdings],
            "runs": [_camel(asdict(item)) for item in self.runs],
            "settings": [_camel(asdict(item)) for item in self.settings],
        }


def show(summaries: list[Summary], form: SummaryForm) -> None:
    """Print summaries."""
    if form == "json":
        typer.echo(json.dumps({"backbones": [item.to_json() for item in summaries]}, indent=2))
        return
    for item in summaries:
        title = f"Backbone {item.backbone} in {item.place}"
        runs = [_run_row(entry) for entry in item.runs]
        settings = [(one.name, "true" if one.value else "false", one.origin) for one in item.settings]
        if form == "markdown":
            rows = [(held.dimension, *_holding_row(held)) for held in item.holdings]
            tables.markdown(title, ("dimension", *HOLDING_COLUMNS), rows)
            tables.markdown("Last runs", RUN_COLUMNS, runs)
            if settings:
                tables.markdown("Settings", SETTING_COLUMNS, settings)
        else:
            width = tables.terminal_width(WIDTH_ELSEWHERE)
            holdings = _grouped(item.holdings)
            tables.table(title, HOLDING_COLUMNS, holdings, spare=HOLDINGS_SPARED, width=width)
            tables.table("Last runs", RUN_COLUMNS, runs, spare=RUNS_SPARED, width=width)
            if settings:
                tables.table("Settings", SETTING_COLUMNS, settings, width=width)
            if item.chart:
                _draw(item.chart, min(width, WIDTH_ELSEWHERE))


def _grouped(holdings: tuple[Holding, ...]) -> Iterator[tuple[object, ...]]:
    """A line for each dimension, and its sources below it: this is narrower than a column."""
    dimension = ""
    for held in holdings:
        if held.dimension != dimension:
            dimension = held.dimension
            yield dimension, *[None] * (len(HOLDING_COLUMNS) - 1)
        source, *rest = _holding_row(held)
        yield f"  {source}", *rest


def _holding_row(held: Holding) -> tuple[object, ...]:
    value = "" if held.last_value is None else f" {tables.text(held.last_value)}"
    return (
        held.source,
        held.rows,
        held.subjects,
        tables.day(held.first_at),
        tables.day(held.last_at),
        held.last_subject + value,
        tables.day(held.as_of),
    )


def _run_row(entry: JournalEntry) -> tuple[object, ...]:
    took = f"{(entry.ended_at - entry.started_at).total_seconds():.1f} s" if entry.ended_at else ""
    return (
        entry.run_id,
        entry.plan,
        entry.outcome or "unfinished",
        tables.minute(entry.ended_at),
        took,
        entry.rows,
        entry.changed,
        entry.message,
    )


def _chart(reader: Reader, holdings: tuple[Holding, ...]) -> Chart | None:
    daily = [item for item in holdings if item.dimension == DAILY_BARS.name]
    if not daily:
        return None
    latest = max(daily, key=lambda item: item.last_at)
    selection = Selection(
        DAILY_BARS, subjects=(latest.last_subject,), source=latest.source, last=CHART_SESSIONS
    )
    rows = pa.Table.from_batches(reader.batches(selection), DAILY_BARS.schema)
    days = rows["session_date"].to_pylist()
    return Chart(latest.last_subject, latest.source, rows["close"].to_pylist(), days[0], days[-1])


def _draw(chart: Chart, width: int) -> None:
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width, CHART_LINES)
    places = list(range(len(chart.closes)))
    figure.draw(figure.signal(places, chart.closes, marker="braille").lines())
    figure.ruler("x").ticks([places[0], places[-1]], [chart.first.isoformat(), chart.last.isoformat()])
    typer.echo(f"{chart.symbol} daily close, {chart.source}")
    for line in plotext.uncolorize(str(figure.build())).splitlines():
        typer.echo(line.rstrip())


def _camel(content: dict[str, Any]) -> dict[str, Any]:
    return {to_camel(key): _plain(value) for key, value in content.items()}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
