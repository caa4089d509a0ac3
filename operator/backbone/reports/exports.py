"""What an export reports: the manifest that it committed, or why it committed none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, ClassVar, Self

from pydantic import Field

from ..schema import CutAt, Model, Word
from ..vocabulary import Outcome
from .envelope import Report

MOST_LEFT_OUT = 20

OF_EXPORTS = (
    Outcome.QUERY_FAILED,
    Outcome.TARGET_FULL,
    Outcome.TARGET_MISSING,
    Outcome.TARGET_TAKEN,
    Outcome.TARGET_FAILED,
    Outcome.SUPERSEDED,
)
"""Outcomes that only exports have; the others are those of runs."""


class LeftOutReport(Model):
    """Rows of one series that were left out, because its licence does not permit copies."""

    source: Word = Field(description="Source of the series.")
    name: Word = Field(description="Name of the series.")
    rows: int = Field(ge=0, description="Number of rows.")


class ExportResult(Model):
    """The dataset of an export: what its current manifest lists."""

    manifest: int | None = Field(
        default=None, ge=1, description="Number of the manifest that the last whole export committed."
    )
    rows: int | None = Field(default=None, ge=0, description="Number of rows in the dataset.")
    files: int | None = Field(default=None, ge=0, description="Number of data files in the dataset.")
    bytes: int | None = Field(default=None, ge=0, description="Size of the data files.")
    partitions: int | None = Field(default=None, ge=0, description="Number of partitions in the dataset.")
    rewritten: int | None = Field(
        default=None, ge=0, description="Number of partitions that the last whole export wrote."
    )
    complete_up_to: int | None = Field(
        default=None,
        ge=0,
        description="Number of a run in the backbone's journal. The dataset has the rows of this run and of "
        "every earlier one.",
    )
    confirmed_from: Word | None = Field(
        default=None,
        description="Day or time (UTC) from which the store had every row. Earlier rows may be in the "
        "export alone. If absent, the store had every row.",
    )
    left_out_rows: int = Field(
        default=0,
        ge=0,
        description="Number of rows that were left out, because their licence does not permit copies.",
    )
    left_out: Annotated[tuple[LeftOutReport, ...], CutAt(MOST_LEFT_OUT)] = Field(
        default=(),
        description="The series with the most rows that were left out; at most 20. See leftOutRows for all.",
    )


class ExportReport(Report, ExportResult):
    """One export of a plan, whole or failed. A failed one left the dataset as it was.

    `outcome` is Succeeded, one of OF_EXPORTS, or another Outcome of runs. The fields of ExportResult are
    absent where no manifest was committed. `attempt` is that of the Job, counted from 1. Times are UTC.
    """

    about: ClassVar[str] = "export"

    name: Word
    dimension: Annotated[str, Field(max_length=32)]
    outcome: Outcome
    message: Annotated[str, CutAt(640)] = ""
    attempt: int = Field(default=1, ge=1)
    started_at: datetime
    ended_at: datetime

    def levels(self) -> Iterator[Self]:
        """The message is cut first, then the series with the fewest rows; counts stay."""
        yield self
        for text, names in ((320, MOST_LEFT_OUT), (160, 10), (80, 5), (40, 1), (0, 0)):
            yield self.model_copy(update={"message": self.message[:text], "left_out": self.left_out[:names]})
