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
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import typer

from ..adapters.duckdb.volume import Volume
from ..adapters.export import export, manifest_path
from ..client import Snapshot, questions
from ..client.snapshot import Window
from ..errors import Rejected
from ..market.dimensions import LINEAGE, Dimension
from ..ports.store import Line, Reader, Selection
from ..ports.store_errors import NothingPublished
from ..providers.sample.recordings import declared_licences
from ..stores.opening import open_reader, open_snapshot
from ..stores.places import only_place
from . import console, tables
from .forms import FileForm

if TYPE_CHECKING:
    from .forms import RowForm

LAST_BY_DEFAULT = 20
POLL_SECONDS = 1.0
NAMES_SHOWN = 20
_UNSHOWN = frozenset(field.name for field in LINEAGE) | {"revision"}
Readable = Snapshot | Reader
_SPARED = ("reference", "trades", "adjusted_close", "vintage")
"""Columns that a narrow terminal does without."""


@dataclass(frozen=True, slots=True)
class RowRequest:
    """Rows that the user asks for; `start` is included and `end` is not (UTC)."""

    dimension: Dimension
    subjects: tuple[str, ...]
    source: str | None
    start: datetime | None
    end: datetime | None
    last: int | None

    def __post_init__(self) -> None:
        """Raise Rejected for a range that can hold nothing, and for what is no name."""
        if self.subjects:
            questions.names(self.subjects)
        questions.choice("--source", self.source)
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise Rejected(
                f"--start {tables.text(self.start)} is not before --end {tables.text(self.end)}, "
                "which is not included: nothing lies between them"
            )


def read_rows(request: RowRequest, files: list[Path], given: Path | None, wait: int, form: RowForm) -> None:
    """Print rows. Raises Rejected for names that are not held, NothingPublished, StoreError."""
    place = only_place(files, given, console.notice)
    deadline = time.monotonic() + wait
    told: set[type[Exception]] = set()
    while True:
        try:
            with open_snapshot(place) as data:
                portions = _portions(data, request)
                _print(portions, form)
                for portion in portions:
                    if not any(batch.num_rows for batch in portion.batches()):
                        _tell_what_is_stored(data, request, (portion.line.subject,))
            return
        except (NothingPublished, Rejected) as error:
            if time.monotonic() >= deadline:
                raise
            if type(error) not in told:
                told.add(type(error))
                # Who waits expects somebody else's run, and may only read here.
                found = error.found if isinstance(error, NothingPublished) else error
                console.notice(f"{found}; waiting")
            time.sleep(POLL_SECONDS)


def export_rows(
    request: RowRequest, files: list[Path], given: Path | None, asked: FileForm | None, to: Path | None
) -> None:
    """Write rows to a file with a manifest. Raises Rejected, NothingPublished, StoreError."""
    place = only_place(files, given, console.notice)
    form = file_form(asked, to)
    name = f"{request.dimension.command_name}.{form}"
    volume = Volume(place.folder)
    target = volume.exports / name if to is None else to / name if to.is_dir() else to
    if volume.owns(target):
        raise Rejected(f"{target} is a file of the store itself; name another one")
    with open_reader(place) as opened:
        reader = opened.reader
        for subject in request.subjects:
            _sources_of(reader, request, subject)
        selection = Selection(
            request.dimension, request.subjects, source=request.source, start=request.start, end=request.end
        )
        manifest = export(reader, selection, form.value, target, declared_licences())
        if not manifest["rows"] and not manifest["leftOut"]:
            _tell_what_is_stored(reader, request, request.subjects)
        for subject in request.subjects:
            _tell_price_bases(reader, replace(selection, subjects=(subject,), last=1))
    # Behind a link, where there is one.
    target = target.resolve()
    typer.echo(f"{manifest['rows']:,} rows of {opened.place}, {manifest['bytes']:,} bytes in {target}")
    _tell_left_out(manifest["leftOut"])
    typer.echo(f"manifest in {manifest_path(target)}")


def _tell_left_out(left_out: list[dict[str, Any]]) -> None:
    """Say what an export may not copy, by name, those with the most rows first."""
    if not left_out:
        return
    worst = sorted(left_out, key=lambda item: -item["rows"])
    told = [
        f"{item['name']} from {item['source']}, {item['rows']:,} ({item['licence'] or 'no licence named'})"
        for item in worst[:NAMES_SHOWN]
    ]
    rest = f"; and {len(worst) - NAMES_SHOWN} more, which the manifest names" if worst[NAMES_SHOWN:] else ""
    rows = sum(item["rows"] for item in worst)
    typer.echo(f"{rows:,} rows left out, whose licence does not permit copies: {'; '.join(told)}{rest}")


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


@dataclass(frozen=True, slots=True)
class Portion:
    """The rows of one line that lie in the range."""

    data: Snapshot
    request: RowRequest
    line: Line

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, oldest first."""
        request, line = self.request, self.line
        last = request.last
        if last is None and request.start is None and request.end is None:
            last = LAST_BY_DEFAULT
        window = Window(
            source=line.source,
            interval_seconds=line.interval_seconds,
            start=request.start,
            end=request.end,
            last=last,
        )
        if last is not None:
            # Few rows: a cache that others share may have them.
            return iter(self.data.rows(request.dimension, (line.subject,), **window).to_batches())
        return self.data.batches(request.dimension, (line.subject,), **window)

    def rows(self) -> Iterator[dict[str, object]]:
        """The rows, one by one."""
        for batch in self.batches():
            yield from batch.to_pylist()


def _portions(data: Snapshot, request: RowRequest) -> list[Portion]:
    """The lines of each subject from the source that answers for it: bars of two lengths are two lines."""
    chosen = [(subject, _source_of(data, request, subject)) for subject in request.subjects]
    return [
        Portion(data, request, line)
        for subject, source in chosen
        for line in data.lines(request.dimension, (subject,))
        if line.source == source
    ]


def _sources_of(data: Readable, request: RowRequest, subject: str) -> list[str]:
    """Sources that hold a subject, the one with the latest row first; or the one that is asked for."""
    held = list(dict.fromkeys(line.source for line in data.lines(request.dimension, (subject,))))
    if not held:
        stored = _names_stored(data, request.dimension, subject)
        raise Rejected(f"no {request.dimension.command_name} of {subject!r}{stored}")
    if request.source is not None:
        if request.source not in held:
            raise Rejected(f"{request.source!r} holds no {subject}; it comes from {', '.join(held)}")
        return [request.source]
    return held


def _source_of(data: Snapshot, request: RowRequest, subject: str) -> str:
    held = _sources_of(data, request, subject)
    if len(held) > 1:
        rest = ", ".join(held[1:])
        console.notice(f"{subject}: {held[0]} has the latest row; also held by {rest} (--source)")
    return held[0]


def _tell_what_is_stored(data: Readable, request: RowRequest, subjects: tuple[str, ...]) -> None:
    """Say what is held where a range has no rows."""
    spans: dict[str, tuple[datetime, datetime]] = {}
    for line in data.lines(request.dimension, subjects):
        if request.source in {None, line.source}:
            first, last = spans.get(line.source, (line.first_at, line.last_at))
            spans[line.source] = min(first, line.first_at), max(last, line.last_at)
    told = [f"{tables.day(first)} to {tables.day(last)} ({name})" for name, (first, last) in spans.items()]
    who = f"{', '.join(subjects)}: " if len(request.subjects) > 1 else ""
    console.notice(f"{who}no rows in that range; held: {', '.join(told) or 'nothing'}")


def _tell_price_bases(reader: Reader, latest: Selection) -> None:
    """Say that a file mixes price bases: no two sources are ever joined, so the reader has to choose."""
    rows = (row for batch in reader.batches(latest) for row in batch.to_pylist())
    bases = {str(row["source"]): str(row.get("price_basis")) for row in rows}
    if len(set(bases.values())) > 1:
        told = ", ".join(f"{source} ({basis})" for source, basis in bases.items())
        console.notice(f"{latest.subjects[0]}: {len(bases)} sources: {told}; choose one with --source")


def _names_stored(data: Readable, dimension: Dimension, subject: str) -> str:
    names = data.subjects(dimension)
    close = get_close_matches(subject.upper(), [name.upper() for name in names], n=1)
    if close:
        meant = next(name for name in names if name.upper() == close[0])
        return f"; did you mean {meant}?"
    rest = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"; held: {', '.join(names[:NAMES_SHOWN])}{rest}" if names else "; nothing is held yet"


def _print(portions: list[Portion], form: RowForm) -> None:
    if form == "csv":
        _print_csv(portions)
    elif form == "json":
        rows = (row for portion in portions for row in portion.rows())
        typer.echo("[" + ",\n ".join(json.dumps(row, default=json_value) for row in rows) + "]")
    else:
        for portion in portions:
            _print_table(portion)


def _print_csv(portions: list[Portion]) -> None:
    schema = portions[0].request.dimension.schema
    with pa.csv.CSVWriter(sys.stdout.buffer, schema) as writer:
        for portion in portions:
            for batch in portion.batches():
                writer.write_batch(batch)


def _print_table(portion: Portion) -> None:
    """What is the same in every row goes into the title, so that a table fits a terminal."""
    dimension, line = portion.request.dimension, portion.line
    rows = list(portion.rows())
    if not rows:
        return
    told = [line.subject, dimension.command_name, f"from {line.source}"]
    told += sorted({str(row["price_basis"]) for row in rows if "price_basis" in row})
    told += [] if line.interval_seconds is None else [f"{line.interval_seconds} s"]
    unshown = {*_UNSHOWN, "source", "price_basis", "interval_seconds", dimension.subject}
    columns = [name for name in dimension.schema.names if name not in unshown]
    tables.table(", ".join(told), columns, ([row[name] for name in columns] for row in rows), spare=_SPARED)


def json_value(value: object) -> str:
    """A time of a row as JSON has it. Raises TypeError."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
