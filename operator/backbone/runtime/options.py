"""Options that commands of several files take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .forms import DimensionName

Files = Annotated[
    list[Path],
    typer.Option(
        "-f", "--filename", help="File or folder with a DataBackbone and IngestPlans; may be repeated."
    ),
]
OptionalFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "-f",
        "--filename",
        help="File or folder with DataBackbones, needed for one in a database; may be repeated.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the backbone's data; EMP_DATA_DIR, else ./backbone-data/<backbone> if left out."
    ),
]


def dimension_name(word: str) -> DimensionName:
    """The dimension of a word on the command line. Raises BadParameter."""
    try:
        return DimensionName.parse(word)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
