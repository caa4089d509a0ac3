"""`emp-runtime export`: what its commands are called and take.

`emp-runtime export DIMENSION` is the command without a name: it writes rows to one file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .console import interruptible
from .forms import DimensionName, ExportForm, ExportRunForm, FileForm
from .options import DataDir, End, OptionalFiles, Source, Start, dimension_name, dimension_of, moment_of

FILE = "file"
TARGET_VARIABLE = "EMP_EXPORTS_DIR"
"""Where the claim of the target is mounted."""


class _Named(TyperGroup):
    """Takes a word that is not the name of a command for the first argument of `file`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - its type is private
        given = [FILE, *args] if args and args[0] not in {*self.commands, "--help"} else args
        return super().parse_args(ctx, given)


app = typer.Typer(
    cls=_Named,
    no_args_is_help=True,
    help="Write rows to one file, or export tables.",
)

Folder = Annotated[Path, typer.Argument(help="Folder of the export: <target>/<name of the export>.")]
Number = Annotated[
    int | None, typer.Option("--manifest", min=1, help="Number of the manifest; the current one if left out.")
]


@app.command(FILE)
def write_file(
    dimension: Annotated[
        DimensionName,
        typer.Argument(
            parser=dimension_name, metavar="DIMENSION", help="Which kind of data; dailyBars will do too."
        ),
    ],
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
    """Write rows to one file, with a manifest; `file` may be left out.

    The manifest tells rows, digest, sources and runs, and what a licence kept from being copied.
    """
    from .reading import RowRequest, export_rows

    request = RowRequest(
        dimension_of(dimension), tuple(symbol or ()), source, moment_of(start), moment_of(end), None
    )
    export_rows(request, filename or [], data_dir, form, to)


@app.command()
def run(
    filename: Annotated[
        list[Path],
        typer.Option(
            "-f",
            "--filename",
            "--plan",
            help="File or folder with an IngestPlan and its DataBackbone; may be repeated.",
        ),
    ],
    name: Annotated[str, typer.Option(help="Name of the export in spec.exports of the plan.")],
    to: Annotated[
        Path,
        typer.Option(
            envvar=TARGET_VARIABLE,
            help="Folder of the target, which exists; exports of one plan can share it.",
        ),
    ],
    data_dir: DataDir = None,
    output: Annotated[
        ExportRunForm,
        typer.Option("-o", "--output", help="A sentence, or the document telemetry.ingest.spark_exports."),
    ] = ExportRunForm.TEXT,
) -> None:
    """Export a dimension as a table.

    Rewrites the partitions that changed since the last export, and commits a manifest of the whole table.
    Exits with 3 and a report of what failed; the last whole export then is untouched.
    """
    from .export_job import run_export

    run_export(filename, name, to, data_dir, output)


@app.command()
def verify(folder: Folder, manifest: Number = None) -> None:
    """Check that an export is as its manifest says.

    Compares the rows, the SHA-256 and the canonical hash of every file. Exits with 1 if anything differs.
    """
    with interruptible("nothing was changed"):
        from .exports import verify_export

        verify_export(folder, manifest)


@app.command()
def read(
    folder: Folder,
    manifest: Number = None,
    output: Annotated[
        ExportForm, typer.Option("-o", "--output", help="Counts of the partitions, or the rows.")
    ] = ExportForm.COUNTS,
) -> None:
    """Print what an export has: counts of its partitions, or its rows."""
    from .exports import read_export

    read_export(folder, manifest, output)
