"""Tables on stdout, for the eye and as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

import typer
from rich import box
from rich.console import Console
from rich.table import Table

SHORT = 17
"""Characters of a cell that is worth no second line."""
NARROWEST = 12
ROOMY = 102
"""Columns of a terminal in which cells stand two apart."""
UNBOUNDED = 400
"""Columns of a table that goes to a file or a pipe: enough never to wrap."""


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout; numbers stand to the right, and only long cells are ever folded."""
    content = [list(row) for row in rows]
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else UNBOUNDED, highlight=False, markup=False)
    gap = 1 if console.width >= ROOMY else 0
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, gap, 0, 0))
    for index, name in enumerate(columns):
        cells = [row[index] for row in content]
        numeric = any(isinstance(cell, int | float) for cell in cells)
        short = all(len(text(cell)) <= SHORT for cell in cells)
        side: Literal["left", "right"] = "right" if numeric else "left"
        least = None if short else NARROWEST
        shown.add_column(name, justify=side, overflow="fold", no_wrap=short, min_width=least)
    for row in content:
        shown.add_row(*(text(cell) for cell in row))
    console.print(title)
    console.print(shown, crop=False, no_wrap=not terminal)


def markdown(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """The same as a Markdown table."""
    typer.echo(f"### {title}\n")
    typer.echo(f"| {' | '.join(columns)} |")
    typer.echo(f"|{'---|' * len(columns)}")
    for row in rows:
        typer.echo("| " + " | ".join(text(cell).replace("|", "\\|") for cell in row) + " |")
    typer.echo("")


def text(value: object) -> str:
    """A cell: days as days, moments to the second or finer in UTC, numbers short enough to read."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".") if abs(value) >= 1 else f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def day(value: datetime | None) -> str:
    """A moment's day in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d}" if value else ""


def minute(value: datetime | None) -> str:
    """A moment to the minute, in UTC; midnight as a day."""
    if value is None or value.astimezone(UTC).time() == datetime.min.time():
        return day(value)
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%MZ}"


def moment(value: datetime) -> str:
    """A moment in UTC; midnight as a day."""
    value = value.astimezone(UTC)
    if value.time() == datetime.min.time():
        return value.strftime("%Y-%m-%d")
    precision = "milliseconds" if value.microsecond else "seconds"
    return value.isoformat(" ", timespec=precision).replace("+00:00", "Z")
