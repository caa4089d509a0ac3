"""Reading and exporting rows of what was published."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import typer

from ..adapters.duckdb.reader import published
from ..adapters.duckdb.volume import Volume
from ..adapters.export import export, manifest_path
from ..client import Client, Snapshot
from ..client.snapshot import Window
from ..errors import Rejected
from ..market.dimensions import LINEAGE, Dimension
from ..ports.store import Line, Reader, Selection
from ..ports.store_errors import NothingPublished
from ..providers.sample.recordings import declared_licences
from . import console, tables
from .forms import FileForm
from .institutional import cache_of, settings_of
from .places import Place, only_place

if TYPE_CHECKING:
    from .forms import RowForm

LAST_BY_DEFAULT = 20
POLL_SECONDS = 1.0
NAMES_SHOWN = 20
_UNSHOWN = frozenset(field.name for field in LINEAGE) | {"revision"}
Held = Snapshot | Reader
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


def read_rows(wish: Wish, files: list[Path], given: Path | None, wait: int, form: RowForm) -> None:
    """Print rows. Raises Rejected for names that are not held, NothingPublished, StoreError."""
    place = only_place(files, given)
    deadline = time.monotonic() + wait
    told: set[type[Exception]] = set()
    while True:
        try:
            with _snapshot(place) as data:
                portions = _portions(data, wish)
                _print(portions, form)
                for portion in portions:
                    if not any(batch.num_rows for batch in portion.batches()):
                        _tell_held(data, wish, (portion.line.subject,))
            return
        except (NothingPublished, Rejected) as error:
            if time.monotonic() >= deadline:
                raise
            if type(error) not in told:
                told.add(type(error))
                console.notice(f"{error}; waiting")
            time.sleep(POLL_SECONDS)


@contextmanager
def _snapshot(place: Place) -> Iterator[Snapshot]:
    """What is read of a backbone; on the institutional tier through its cache."""
    if place.tier == "Bootstrap" or place.backbone is None:
        with Client(place.folder) as volume, volume.snapshot() as data:
            yield data
        return
    from ..client.database import DatabaseClient  # noqa: PLC0415 - the bootstrap tier needs no client

    settings = settings_of(place.backbone)
    with ExitStack() as closing:
        cache = cache_of(place.backbone)
        if cache is not None:
            closing.callback(cache.close)
        client = closing.enter_context(DatabaseClient(settings, cache=cache))
        yield closing.enter_context(client.snapshot())


@contextmanager
def _reader(place: Place) -> Iterator[Reader]:
    """Whatever size its answers have: nothing of them goes through a cache."""
    if place.tier == "Bootstrap":
        with published(place.folder) as reader:
            yield reader
        return
    from ..adapters.timescale.reader import committed  # noqa: PLC0415 - the bootstrap tier needs no client

    with place.pool() as pool, committed(pool) as rows:
        yield rows


def export_rows(
    wish: Wish, files: list[Path], given: Path | None, asked: FileForm | None, to: Path | None
) -> None:
    """Write rows to a file with a manifest. Raises Rejected, NothingPublished, StoreError."""
    place = only_place(files, given)
    form = file_form(asked, to)
    name = f"{wish.dimension.command_name}.{form}"
    target = Volume(place.folder).exports / name if to is None else to / name if to.is_dir() else to
    with _reader(place) as reader:
        for subject in wish.subjects:
            _sources_of(reader, wish, subject)
        selection = Selection(
            wish.dimension, wish.subjects, source=wish.source, start=wish.start, end=wish.end
        )
        manifest = export(reader, selection, form.value, target, declared_licences())
        if not manifest["rows"] and not manifest["leftOut"]:
            _tell_held(reader, wish, wish.subjects)
        for subject in wish.subjects:
            _tell_price_bases(reader, replace(selection, subjects=(subject,), last=1))
    # Behind a link, where there is one.
    target = target.resolve()
    typer.echo(f"{manifest['rows']:,} rows of {place.told}, {manifest['bytes']:,} bytes in {target}")
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
    wish: Wish
    line: Line

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, oldest first."""
        wish, line = self.wish, self.line
        last = wish.last
        if last is None and wish.start is None and wish.end is None:
            last = LAST_BY_DEFAULT
        window = Window(
            source=line.source,
            interval_seconds=line.interval_seconds,
            start=wish.start,
            end=wish.end,
            last=last,
        )
        if last is not None:
            # Few rows: a cache that others share may have them.
            return iter(self.data.rows(wish.dimension, (line.subject,), **window).to_batches())
        return self.data.batches(wish.dimension, (line.subject,), **window)

    def rows(self) -> Iterator[dict[str, object]]:
        """The rows, one by one."""
        for batch in self.batches():
            yield from batch.to_pylist()


def _portions(data: Snapshot, wish: Wish) -> list[Portion]:
    """The lines of each subject from the source that answers for it: bars of two lengths are two lines."""
    chosen = [(subject, _source_of(data, wish, subject)) for subject in wish.subjects]
    return [
        Portion(data, wish, line)
        for subject, source in chosen
        for line in data.lines(wish.dimension, (subject,))
        if line.source == source
    ]


def _sources_of(data: Held, wish: Wish, subject: str) -> list[str]:
    """Sources that hold a subject, the one with the latest row first; or the one that is asked for."""
    held = list(dict.fromkeys(line.source for line in data.lines(wish.dimension, (subject,))))
    if not held:
        raise Rejected(
            f"no {wish.dimension.command_name} of {subject!r}{_held(data, wish.dimension, subject)}"
        )
    if wish.source is not None:
        if wish.source not in held:
            raise Rejected(f"{wish.source!r} holds no {subject}; it comes from {', '.join(held)}")
        return [wish.source]
    return held


def _source_of(data: Snapshot, wish: Wish, subject: str) -> str:
    held = _sources_of(data, wish, subject)
    if len(held) > 1:
        rest = ", ".join(held[1:])
        console.notice(f"{subject}: {held[0]} has the latest row; also held by {rest} (--source)")
    return held[0]


def _tell_held(data: Held, wish: Wish, subjects: tuple[str, ...]) -> None:
    """Say what is held where a range has no rows."""
    spans: dict[str, tuple[datetime, datetime]] = {}
    for line in data.lines(wish.dimension, subjects):
        if wish.source in {None, line.source}:
            first, last = spans.get(line.source, (line.first_at, line.last_at))
            spans[line.source] = min(first, line.first_at), max(last, line.last_at)
    told = [f"{tables.day(first)} to {tables.day(last)} ({name})" for name, (first, last) in spans.items()]
    who = f"{', '.join(subjects)}: " if len(wish.subjects) > 1 else ""
    console.notice(f"{who}no rows in that range; held: {', '.join(told) or 'nothing'}")


def _tell_price_bases(reader: Reader, latest: Selection) -> None:
    """Say that a file mixes price bases: no two sources are ever joined, so the reader has to choose."""
    rows = (row for batch in reader.batches(latest) for row in batch.to_pylist())
    bases = {str(row["source"]): str(row.get("price_basis")) for row in rows}
    if len(set(bases.values())) > 1:
        told = ", ".join(f"{source} ({basis})" for source, basis in bases.items())
        console.notice(f"{latest.subjects[0]}: {len(bases)} sources: {told}; choose one with --source")


def _held(data: Held, dimension: Dimension, subject: str) -> str:
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
        typer.echo("[" + ",\n ".join(json.dumps(row, default=_plain) for row in rows) + "]")
    else:
        for portion in portions:
            _print_table(portion)


def _print_csv(portions: list[Portion]) -> None:
    schema = portions[0].wish.dimension.schema
    with pa.csv.CSVWriter(sys.stdout.buffer, schema) as writer:
        for portion in portions:
            for batch in portion.batches():
                writer.write_batch(batch)


def _print_table(portion: Portion) -> None:
    """What is the same in every row goes into the title, so that a table fits a terminal."""
    dimension, line = portion.wish.dimension, portion.line
    rows = list(portion.rows())
    if not rows:
        return
    told = [line.subject, dimension.command_name, f"from {line.source}"]
    told += sorted({str(row["price_basis"]) for row in rows if "price_basis" in row})
    told += [] if line.interval_seconds is None else [f"{line.interval_seconds} s"]
    unshown = {*_UNSHOWN, "source", "price_basis", "interval_seconds", dimension.subject}
    columns = [name for name in dimension.schema.names if name not in unshown]
    tables.table(", ".join(told), columns, ([row[name] for name in columns] for row in rows), spare=_SPARED)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
