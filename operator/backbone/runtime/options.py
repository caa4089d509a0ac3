"""Options that commands of several files take."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import Rejected
from .forms import DimensionName

if TYPE_CHECKING:
    from ..market.dimensions import Dimension

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


Source = Annotated[str | None, typer.Option(help="Only rows of this source.")]
Start = Annotated[
    str | None, typer.Option(help="First day or moment, included; UTC unless it says otherwise.")
]
End = Annotated[
    str | None, typer.Option(help="Last day or moment, not included; UTC unless it says otherwise.")
]


def dimension_name(word: str) -> DimensionName:
    """The dimension of a word on the command line. Raises BadParameter."""
    try:
        return DimensionName.parse(word)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def dimension_of(name: DimensionName) -> Dimension:
    """The dimension that the command line calls by a name."""
    from ..market.dimensions import DIMENSIONS

    return next(item for item in DIMENSIONS if item.command_name == name)


def moment_of(given: str | None) -> datetime | None:
    """The moment of a text on the command line, in UTC. Raises Rejected."""
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
