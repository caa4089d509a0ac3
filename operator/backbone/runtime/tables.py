"""Tables on stdout, for the eye and as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import typer
from rich import box
from rich.console import Console
from rich.table import Table

UNBOUNDED = 400
"""Columns of a table that goes to a file or a pipe: enough never to wrap."""


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout; numbers stand to the right."""
    content = [list(row) for row in rows]
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        numeric = any(isinstance(row[index], int | float) for row in content)
        shown.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in content:
        shown.add_row(*(text(cell) for cell in row))
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else UNBOUNDED, highlight=False, markup=False)
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


def moment(value: datetime) -> str:
    """A moment in UTC; midnight as a day."""
    value = value.astimezone(UTC)
    if value.time() == datetime.min.time():
        return value.strftime("%Y-%m-%d")
    precision = "milliseconds" if value.microsecond else "seconds"
    return value.isoformat(" ", timespec=precision).replace("+00:00", "Z")
