"""From a plan to what is asked of whom: one task per dimension, in the order of market.dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ..ingestplan.api import IngestPlanSpec
from ..ingestplan.dimensions import (
    AddressedConnection,
    IntradayBars,
    MacroEvents,
    MacroSeries,
    SymbolDimension,
    connection_of,
)
from ..ingestplan.dimensions import Dimension as PlannedDimension
from ..market.dimensions import (
    DAILY_BARS,
    INTRADAY_BARS,
    INTRADAY_TRADES,
    MACRO_EVENTS,
    MACRO_SERIES,
    Dimension,
)
from ..providers.protocol import Connection, Query


@dataclass(frozen=True, slots=True)
class Task:
    """One dimension of a plan: which provider is asked what, and whether the plan stands or falls with it."""

    provider: str
    query: Query
    required: bool


def tasks_of(spec: IngestPlanSpec) -> tuple[Task, ...]:
    """The tasks of a plan."""
    planned: tuple[tuple[Dimension, PlannedDimension | None], ...] = (
        (DAILY_BARS, spec.daily_bars),
        (INTRADAY_BARS, spec.intraday_bars),
        (INTRADAY_TRADES, spec.intraday_trades),
        (MACRO_SERIES, spec.macro_series),
        (MACRO_EVENTS, spec.macro_events),
    )
    return tuple(_task(dimension, section) for dimension, section in planned if section is not None)


def _task(dimension: Dimension, section: PlannedDimension) -> Task:
    lookback = None if section.lookback_days is None else timedelta(days=section.lookback_days)
    interval = section.interval_seconds if isinstance(section, IntradayBars) else None
    query = Query(dimension, _names(section), lookback, interval, _connection(section))
    return Task(section.provider, query, section.required)


def _connection(section: PlannedDimension) -> Connection | None:
    found = connection_of(section)
    if found is None:
        return None
    address = found.base_url if isinstance(found, AddressedConnection) else None
    return Connection(found.secret_name, address)


def _names(section: PlannedDimension) -> tuple[str, ...]:
    if isinstance(section, MacroSeries):
        return section.series
    if isinstance(section, MacroEvents):
        return section.calendars
    if isinstance(section, SymbolDimension):
        return section.symbols
    raise TypeError(f"{type(section).__name__} is not a dimension of a plan")
