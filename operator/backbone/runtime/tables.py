"""Tables on stdout, for the eye and as Markdown."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import typer

from .console import notice

SHORT = 17
"""Characters of a cell that is never cut: days, moments and most names are no longer."""
FOLDED = 24
"""Characters that a column of sentences keeps at least; only such a column is ever folded, between words."""
UNBOUNDED = 400
"""Columns of a table that goes to a file or a pipe: enough for every row."""


@dataclass(slots=True)
class _Column:
    """Cells of one column, as they are shown; `width` is what the column gets."""

    name: str
    cells: list[str]
    numeric: bool
    words: bool
    width: int = 0

    @classmethod
    def of(cls, name: str, values: list[object]) -> _Column:
        cells = [text(value) for value in values]
        words = any(
            isinstance(value, str) and " " in value.strip() and len(value) > FOLDED for value in values
        )
        return cls(name, cells, any(isinstance(value, int | float) for value in values), words)

    @property
    def full(self) -> int:
        return max(len(self.name), *map(len, self.cells), 0)

    @property
    def least(self) -> int:
        return max(len(self.name), FOLDED) if self.words else self.full

    def lines(self, row: int) -> list[str]:
        """A cell, cut or folded to the width."""
        cell = self.cells[row]
        if self.words:
            return textwrap.wrap(cell, self.width, break_on_hyphens=False) or [""]
        return [cell if len(cell) <= self.width else f"{cell[: self.width - 1]}…"]

    def placed(self, cell: str) -> str:
        """A cell at its side: numbers stand to the right."""
        return cell.rjust(self.width) if self.numeric else cell.ljust(self.width)


def terminal_width(elsewhere: int = UNBOUNDED) -> int:
    """Columns of the terminal or of $COLUMNS; `elsewhere` where there is neither."""
    return shutil.get_terminal_size((elsewhere, 24)).columns


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    spare: Sequence[str] = (),
    width: int | None = None,
) -> None:
    """A table on stdout, as wide as the terminal at most.

    Where that is too narrow, columns without content and then those of `spare` are left out, the first one
    first; then long names are cut. No name and no date is ever folded.
    """
    content = [list(row) for row in rows]
    width = terminal_width() if width is None else width
    shown = [_Column.of(name, [row[index] for row in content]) for index, name in enumerate(columns)]
    shown, left_out = _fitting(shown, spare, width)
    gap = 2 if _total(shown, 2) <= width else 1
    typer.echo(f"{title}\n")
    _echo(shown, [column.name for column in shown], gap)
    typer.echo(f" {'─' * (_total(shown, gap) - 1)}")
    for row in range(len(content)):
        cells = [column.lines(row) for column in shown]
        for line in range(max(map(len, cells))):
            _echo(shown, [cell[line] if line < len(cell) else "" for cell in cells], gap)
    typer.echo("")
    if left_out:
        notice(f"too narrow for {', '.join(left_out)}; a wider terminal, or COLUMNS=200, shows all")


def _fitting(columns: list[_Column], spare: Sequence[str], width: int) -> tuple[list[_Column], list[str]]:
    """The columns that have room, with their widths, and the names of those with content that have none."""
    empty = [item.name for item in columns if not any(item.cells)]
    left_out = []
    for item in columns:
        item.width = item.least
    for name in (*empty, *spare):
        if _total(columns, 1) <= width:
            break
        if name in {item.name for item in columns}:
            columns = [item for item in columns if item.name != name]
            left_out += [name] if name not in empty else []
    for item in sorted(columns, key=lambda item: -item.width):
        excess = _total(columns, 1) - width
        if excess > 0 and not item.words and not item.numeric:
            item.width = min(item.width, max(SHORT, len(item.name), item.width - excess))
    for item in columns:
        if item.words:
            item.width = max(item.least, min(item.full, item.width + width - _total(columns, 2)))
    return columns, left_out


def _total(columns: list[_Column], gap: int) -> int:
    return 1 + sum(item.width for item in columns) + gap * (len(columns) - 1)


def _echo(columns: list[_Column], cells: list[str], gap: int) -> None:
    placed = (column.placed(cell) for column, cell in zip(columns, cells, strict=True))
    typer.echo(f" {(' ' * gap).join(placed)}".rstrip())


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
