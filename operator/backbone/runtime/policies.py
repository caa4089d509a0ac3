"""What a spec wishes of the tables over time, and how what is left of it is told."""

from __future__ import annotations

import typer

from ..databackbone.institutional import Timescale
from ..market.dimensions import (
    DAILY_BARS,
    INTRADAY_BARS,
    INTRADAY_TRADES,
    MACRO_EVENTS,
    MACRO_SERIES,
)
from ..ports.policies import Aggregate, AggregatePolicy, DesiredPolicies, HypertablePolicy, PolicyReport
from .tables import table


def desired_policies(section: Timescale) -> DesiredPolicies:
    """What a spec wishes of the tables over time."""
    tables = section.hypertables
    wished = (
        (DAILY_BARS, tables.daily_bars),
        (INTRADAY_BARS, tables.intraday_bars),
        (INTRADAY_TRADES, tables.intraday_trades),
        (MACRO_SERIES, tables.macro_series),
        (MACRO_EVENTS, tables.macro_events),
    )
    return DesiredPolicies(
        tuple(
            HypertablePolicy(dimension, item.chunk_days, item.retention_days, item.compress_after_days)
            for dimension, item in wished
        ),
        tuple(AggregatePolicy(item) for item in Aggregate if item in section.continuous_aggregates),
    )


def show_policies(report: PolicyReport) -> None:
    """What would be set, in its order, and what waits for a word."""
    if report.changes:
        table(
            "To set, one after the other",
            ("table", "what", "changed by somebody else"),
            ((item.table, item.what, item.drift) for item in report.changes),
        )
    else:
        typer.echo("nothing to set")
    if report.unconfirmed:
        table(
            "Not before it is confirmed",
            ("table", "what", "rows it loses", "before", "token"),
            ((item.table, item.what, item.rows, item.cutoff, item.token) for item in report.unconfirmed),
        )
