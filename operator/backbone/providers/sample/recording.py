"""What is known of a recorded data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ...market.dimensions import Dimension
from .files import DataFile

if TYPE_CHECKING:
    import pyarrow as pa

    Read = Callable[[Path, "Recording", int | None], pa.Table]


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded data set.

    `as_of` is the moment that the recording speaks of (UTC): its last row, unless its origin says more. It is
    also the vintage of its macro values, since a recording keeps one version of each.
    """

    source: str
    dimension: Dimension
    file: DataFile
    names: tuple[str, ...]
    as_of: datetime
    read: Read
    price_basis: str | None = None
    frequency: str | None = None
    zone: str | None = None
    licence: str | None = None
    """What its package says of the rights in its series, in the words of market.licences."""
    exchange: str | None = None
    """ISO 10383 code of the calendar by which its names trade, where their spelling does not tell."""
