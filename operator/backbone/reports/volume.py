"""What the probe of a volume reports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field

from ..schema import CutAt, Word
from .envelope import Report


class VolumeProbeReport(Report):
    """What the volume probe's Job found."""

    about: ClassVar[str] = "volume"

    outcome: Word = Field(description="VolumeProbed, VolumeFull, VolumeReadOnly or VolumeProbeFailed.")
    bytes_checked: int = 0
    holds_rows: bool | None = Field(
        default=None,
        description="Whether the published copy on the volume has rows; None if the probe could not read "
        "the copy.",
    )
    message: Annotated[str, CutAt(512)] = ""
    at: datetime
