"""What a plan's status says of its exports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from ..reports.exports import ExportResult
from ..schema import CutAt, Model
from ..tokens import Kept

JobName = Annotated[str, Field(max_length=63)]


class ActiveExport(Model):
    """An export that has not ended."""

    job: JobName = Field(description="Name of its Job.")
    start: datetime | None = Field(default=None, description="When the Job started (UTC).")
    trouble: str | None = Field(
        default=None,
        max_length=64,
        description="Reason why the Job does not progress, such as Unschedulable.",
    )
    message: Annotated[str, CutAt(512)] = Field(default="", description="What keeps the Job.")


class ExportStatus(ExportResult):
    """One export. The fields about its dataset are those of the last whole export."""

    name: str = Field(max_length=63, description="Name of the export.")
    active: ActiveExport | None = Field(
        default=None, description="The current export; absent if none is under way."
    )
    job: JobName | None = Field(default=None, description="Job of the last attempt that ended.")
    outcome: str | None = Field(
        default=None, max_length=64, description="How the last attempt ended; absent before the first."
    )
    message: Annotated[str, CutAt(640)] = Field(
        default="", description="Error message of the last attempt, if it failed."
    )
    start: datetime | None = Field(default=None, description="When the last attempt started (UTC).")
    end: datetime | None = Field(default=None, description="When the last attempt ended (UTC).")
    duration_seconds: int | None = Field(
        default=None, ge=0, description="Duration of the last attempt, in seconds."
    )
    attempts: int | None = Field(
        default=None, ge=1, description="Number of pods that the Job of the last attempt started."
    )
    last_success: datetime | None = Field(default=None, description="When the last whole export ended (UTC).")
    next: datetime | None = Field(
        default=None,
        description="When the schedule starts the next export (UTC); absent while it is suspended.",
    )


class ExportNowStatus(Model):
    """An export that the annotation requested. The operator starts none twice that is recorded here."""

    token: Kept = Field(description="Value of the annotation.")
    job: JobName | None = Field(default=None, description="Name of the Job; absent where none was started.")
    message: Annotated[str, CutAt(512)] = Field(default="", description="Why no Job was started.")
