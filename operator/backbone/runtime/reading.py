"""Reading and exporting rows of what was published."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv
import typer

from ..adapters.duckdb_export import export, manifest_path
from ..adapters.duckdb_reader import DuckDBReader, published
from ..adapters.volume import Volume
from ..errors import Rejected
from ..market.dimensions import LINEAGE, Dimension
from ..ports.store import NothingPublished, Selection
from . import console, tables
from .forms import FileForm
from .location import only_data_dir

if TYPE_CHECKING:
    from .forms import RowForm

LAST_BY_DEFAULT = 20
POLL_SECONDS = 1.0
NAMES_SHOWN = 20
_UNSHOWN = frozenset(field.name for field in LINEAGE) | {"revision"}
_SPARED = ("reference", "trades", "adjusted_close", "vintage")
"""Columns that a narrow terminal does without."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Rows that the user asks for; `start` is included and `end` is not (UTC)."""

    dimension: Dimension
    subjects: tuple[str, ...]
    source: str | None
    start: datetime | None
    end: datetime | None
    last: int | None

    def __post_init__(self) -> None:
        """Raise Rejected for a range that can hold nothing."""
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise Rejected(
                f"--start {tables.text(self.start)} is not before --end {tables.text(self.end)}, "
                "which is not included: nothing lies between them"
            )


def read_rows(wish: Wish, given: Path | None, wait: int, form: RowForm) -> None:
    """Print rows. Raises Rejected for names that are not held, NothingPublished, StoreError."""
    folder = only_data_dir(given)
    deadline = time.monotonic() + wait
    told: set[type[Exception]] = set()
    while True:
        try:
            with published(folder) as reader:
                selections = _selections(reader, wish)
                _print(reader, selections, form)
                for selection in selections:
                    if not any(batch.num_rows for batch in reader.batches(replace(selection, last=1))):
                        _tell_held(reader, wish, selection)
            return
        except (NothingPublished, Rejected) as error:
            if time.monotonic() >= deadline:
                raise
            if type(error) not in told:
                told.add(type(error))
                console.notice(f"{error}; waiting")
            time.sleep(POLL_SECONDS)


def export_rows(wish: Wish, given: Path | None, asked: FileForm | None, to: Path | None) -> None:
    """Write rows to a file with a manifest. Raises Rejected, NothingPublished, StoreError."""
    folder = only_data_dir(given)
    form = file_form(asked, to)
    name = f"{wish.dimension.command_name}.{form}"
    target = Volume(folder).exports / name if to is None else to / name if to.is_dir() else to
    with published(folder) as reader:
        for subject in wish.subjects:
            _sources_of(reader, wish, subject)
        selection = Selection(
            wish.dimension, wish.subjects, source=wish.source, start=wish.start, end=wish.end
        )
        manifest = export(reader, selection, form.value, target)
        if not manifest["rows"]:
            _tell_held(reader, wish, selection)
        for subject in wish.subjects:
            _tell_price_bases(reader, replace(selection, subjects=(subject,), last=1))
    typer.echo(f"{manifest['rows']:,} rows, {manifest['bytes']:,} bytes in {target}")
    typer.echo(f"manifest in {manifest_path(target)}")


def file_form(asked: FileForm | None, to: Path | None) -> FileForm:
    """The form of an export: what is asked for, or what the file's ending says. Raises Rejected."""
    ending = "" if to is None or to.is_dir() else to.suffix.lower().removeprefix(".")
    if ending in set(FileForm):
        if asked not in {None, ending}:
            raise Rejected(f"--format {asked} and the ending of {to} contradict each other; change one")
        return FileForm(ending)
    if ending and asked is None:
        raise Rejected(f"the ending of {to} says no format; add --format csv or --format parquet")
    return asked or FileForm.PARQUET


def _selections(reader: DuckDBReader, wish: Wish) -> list[Selection]:
    last = wish.last
    if last is None and wish.start is None and wish.end is None:
        last = LAST_BY_DEFAULT
    return [
        Selection(
            wish.dimension,
            (subject,),
            source=_source_of(reader, wish, subject),
            start=wish.start,
            end=wish.end,
            last=last,
        )
        for subject in wish.subjects
    ]


def _sources_of(reader: DuckDBReader, wish: Wish, subject: str) -> list[str]:
    """Sources that hold a subject, the one with the latest row first; or the one that is asked for."""
    held = [source for source, _ in reader.sources(wish.dimension, subject)]
    if not held:
        raise Rejected(
            f"no {wish.dimension.command_name} of {subject!r}{_held(reader, wish.dimension, subject)}"
        )
    if wish.source is not None:
        if wish.source not in held:
            raise Rejected(f"{wish.source!r} holds no {subject}; it comes from {', '.join(held)}")
        return [wish.source]
    return held


def _source_of(reader: DuckDBReader, wish: Wish, subject: str) -> str:
    held = _sources_of(reader, wish, subject)
    if len(held) > 1:
        rest = ", ".join(held[1:])
        console.notice(f"{subject}: {held[0]} has the latest row; also held by {rest} (--source)")
    return held[0]


def _tell_held(reader: DuckDBReader, wish: Wish, selection: Selection) -> None:
    """Say what is held where a range has no rows."""
    subjects = selection.subjects
    held = reader.spans(selection.dimension, subjects, wish.source)
    spans = ", ".join(f"{tables.day(first)} to {tables.day(last)} ({source})" for source, first, last in held)
    who = f"{', '.join(subjects)}: " if len(wish.subjects) > 1 else ""
    console.notice(f"{who}no rows in that range; held: {spans or 'nothing'}")


def _tell_price_bases(reader: DuckDBReader, latest: Selection) -> None:
    """Say that a file mixes price bases: no two sources are ever joined, so the reader has to choose."""
    bases = {str(row["source"]): str(row.get("price_basis")) for row in _rows(reader, latest)}
    if len(set(bases.values())) > 1:
        told = ", ".join(f"{source} ({basis})" for source, basis in bases.items())
        console.notice(f"{latest.subjects[0]}: {len(bases)} sources: {told}; choose one with --source")


def _held(reader: DuckDBReader, dimension: Dimension, subject: str) -> str:
    names = reader.subjects(dimension)
    close = get_close_matches(subject.upper(), [name.upper() for name in names], n=1)
    if close:
        meant = next(name for name in names if name.upper() == close[0])
        return f"; did you mean {meant}?"
    rest = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"; held: {', '.join(names[:NAMES_SHOWN])}{rest}" if names else "; nothing is held yet"


def _print(reader: DuckDBReader, selections: list[Selection], form: RowForm) -> None:
    if form == "csv":
        _print_csv(reader, selections)
    elif form == "json":
        rows = (row for selection in selections for row in _rows(reader, selection))
        typer.echo("[" + ",\n ".join(json.dumps(row, default=_plain) for row in rows) + "]")
    else:
        for selection in selections:
            _print_table(reader, selection)


def _print_csv(reader: DuckDBReader, selections: list[Selection]) -> None:
    schema = selections[0].dimension.schema
    with pa.csv.CSVWriter(sys.stdout.buffer, schema) as writer:
        for selection in selections:
            for batch in reader.batches(selection):
                writer.write_batch(batch)


def _print_table(reader: DuckDBReader, selection: Selection) -> None:
    """What is the same in every row goes into the title, so that a table fits a terminal."""
    dimension = selection.dimension
    rows = list(_rows(reader, selection))
    if not rows:
        return
    told = [selection.subjects[0], dimension.command_name, f"from {selection.source}"]
    told += sorted({str(row["price_basis"]) for row in rows if "price_basis" in row})
    unshown = {*_UNSHOWN, "source", "price_basis", dimension.subject}
    lengths = {row["interval_seconds"] for row in rows if "interval_seconds" in row}
    if len(lengths) == 1:
        told.append(f"{lengths.pop()} s")
        unshown.add("interval_seconds")
    columns = [name for name in dimension.schema.names if name not in unshown]
    tables.table(", ".join(told), columns, ([row[name] for name in columns] for row in rows), spare=_SPARED)


def _rows(reader: DuckDBReader, selection: Selection) -> Iterator[dict[str, object]]:
    for batch in reader.batches(selection):
        yield from batch.to_pylist()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
