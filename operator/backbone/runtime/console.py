"""What the command line says: answers on stdout, everything else on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import typer
from rich import box
from rich.console import Console
from rich.table import Table

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
UNBOUNDED = 400
"""Columns of a table that goes to a file or a pipe: enough never to wrap."""


class Progress:
    """Tells steps on stderr: with the seconds since the start on a terminal, as dated log lines elsewhere."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        """Tell one step."""
        if self._terminal:
            typer.secho(f"{time.monotonic() - self._started:6.1f}s  {text}", err=True, dim=True)
        else:
            stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
            typer.echo(f"{stamp}Z {text}", err=True)


def notice(text: str) -> None:
    """Something worth knowing that stops nothing."""
    typer.secho(f"note: {text}", err=True, dim=sys.stderr.isatty())


def failed(text: str, code: int) -> int:
    """Say in one line what went wrong; the exit code."""
    typer.secho(f"error: {text}", err=True, fg="red" if sys.stderr.isatty() else None)
    return code


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout; numbers stand to the right."""
    content = [list(row) for row in rows]
    shown = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        numeric = any(isinstance(row[index], int | float) for row in content)
        shown.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in content:
        shown.add_row(*(text(cell) for cell in row))
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else UNBOUNDED, highlight=False, markup=False)
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
