"""What a run reports: its dimensions, and what its journal has on the runs before it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, ConfigDict, Field

from ..schema import CutAt, Model, PlainText, Word, always
from ..vocabulary import Outcome
from .envelope import Report

OTHER_REASONS = "Other"
"""What stands for the reasons that had no room; the others are names of a Defect."""
MOST_REASONS = 20


class PastRun(Model):
    """A finished run of the same backbone, of any plan."""

    sequence: int
    plan: Word
    outcome: Outcome
    end: datetime


class SourceReport(Model):
    """One source of a dimension."""

    model_config = ConfigDict(json_schema_extra=always("rows"))

    name: Word = Field(description="Name of the source. It is part of the key of each row.")
    rows: int = Field(default=0, ge=0, description="Number of rows that the source delivered.")
    as_of: datetime = Field(
        description="Time up to which the source has data: the time of the run, or the end of a recording. "
        "lookbackDays counts back from it (UTC)."
    )
    price_basis: Word | None = Field(
        default=None, description="How the source adjusts prices; absent for a dimension without prices."
    )


class RowCount(Model):
    """Rows in which a check found something."""

    reason: Word = Field(
        description="Reason for the quarantine or the flag; the page of reasons explains it."
    )
    rows: int = Field(ge=0, description="Number of rows.")


def shortened(counts: tuple[RowCount, ...], limit: int = MOST_REASONS) -> tuple[RowCount, ...]:
    """At most so many counts: the last one stands for all that have no room, under the name Other."""
    if len(counts) <= limit:
        return counts
    rest = sum(item.rows for item in counts[limit - 1 :])
    return (*counts[: limit - 1], RowCount(reason=OTHER_REASONS, rows=rest))


RowCounts = Annotated[
    tuple[RowCount, ...],
    AfterValidator(shortened),
    Field(json_schema_extra={"maxItems": MOST_REASONS}),
]


class DimensionResult(Model):
    """One dimension of a run."""

    model_config = ConfigDict(json_schema_extra=always("rows", "changed", "symbols"))

    name: str = Field(max_length=32, description="Name of the dimension, as in the spec.")
    outcome: Word = Field(description="How the dimension ended.")
    rows: int = Field(
        default=0, ge=0, description="Number of rows that the provider delivered and the store now has."
    )
    changed: int = Field(
        default=0, ge=0, description="Number of these rows that were new or differed from the stored row."
    )
    outdated: int = Field(
        default=0,
        ge=0,
        description="Number of these rows that were not stored because a later version with other values "
        "is stored.",
    )
    symbols: int = Field(
        default=0, ge=0, description="Number of symbols, series or calendars that were delivered."
    )
    missing: Annotated[tuple[Word, ...], CutAt(20)] = Field(
        default=(), description="The first twenty names that were requested and not delivered."
    )
    missing_count: int = Field(
        default=0, ge=0, description="Number of names that were requested and not delivered."
    )
    first_at: datetime | None = Field(default=None, description="Time of the earliest row delivered (UTC).")
    last_at: datetime | None = Field(default=None, description="Time of the latest row delivered (UTC).")
    sources: Annotated[tuple[SourceReport, ...], CutAt(20)] = Field(
        default=(),
        description="Sources of the rows. Rows of two sources are never joined into one series.",
    )
    quarantined: RowCounts = Field(
        default=(), description="Delivered rows that are in quarantine, by reason."
    )
    flagged: RowCounts = Field(default=(), description="Rows that were stored with a flag, by flag.")
    unchecked: int = Field(
        default=0,
        ge=0,
        description="Number of symbols without a known exchange calendar. Gaps in their rows are not "
        "detected.",
    )
    requests: int = Field(default=0, ge=0, description="Number of requests that were sent to the provider.")
    retried: int = Field(
        default=0, ge=0, description="Number of requests that were retried, such as after a refusal."
    )
    message: Annotated[str, CutAt(512)] = Field(
        default="", description="Error message, if there was an error."
    )


class DimensionReport(DimensionResult):
    """A dimension's result in a report: its outcome is one that this version knows, its message is whole."""

    outcome: Outcome
    message: PlainText = ""


class StoreRecoveryReport(Model):
    """A corrupt working file was found, set aside and replaced."""

    set_aside: Annotated[str, CutAt(253)] = Field(
        description="New path of the corrupt file, relative to the volume."
    )
    continued_from: Annotated[str, CutAt(253)] = Field(
        description="The published copy from which the run continued, or 'empty'."
    )
    at: datetime = Field(description="When the store was replaced (UTC).")


_LEVELS = ((20, 512, MOST_REASONS), (20, 160, 8), (5, 80, 4), (1, 40, 3), (0, 0, 2))
"""Names per list, characters of a message, and counts by reason, from level to level."""


class RunReport(Report):
    """One run, whole or failed."""

    about: ClassVar[str] = "run"

    format: int = Field(default=1, description="Version of this message's layout.")
    run_id: Annotated[str, CutAt(253)]
    sequence: int | None = Field(default=None, ge=1)
    plan: Word
    generation: int = Field(default=0, ge=0)
    outcome: Outcome
    start: datetime
    end: datetime
    rows: int = Field(default=0, ge=0)
    dimensions: Annotated[tuple[DimensionReport, ...], CutAt(5)] = ()
    recent: Annotated[tuple[PastRun, ...], CutAt(5)] = ()
    earlier: Annotated[tuple[int, ...], CutAt(20)] | None = Field(
        default=None,
        description="Numbers of the plan's own runs before those in `recent`, the latest first. None if the "
        "version of the worker does not report them.",
    )
    store_recovery: StoreRecoveryReport | None = None
    again: int = Field(
        default=0, description="Number of times that the run started again because the store was unreachable."
    )
    message: PlainText = ""

    def levels(self) -> Iterator[Self]:
        """Names and texts go first; counts of rows stay, and add up."""
        for names, text, reasons in (
            (20, 512, MOST_REASONS),
            (20, 160, 8),
            (5, 80, 4),
            (1, 40, 3),
            (0, 0, 2),
        ):
            yield self.model_copy(
                update={
                    "message": self.message[: text * 2],
                    "dimensions": tuple(
                        item.model_copy(
                            update={
                                "missing": item.missing[:names],
                                "sources": item.sources[:names],
                                "quarantined": shortened(item.quarantined, reasons),
                                "flagged": shortened(item.flagged, reasons),
                                "message": item.message[:text],
                            }
                        )
                        for item in self.dimensions
                    ),
                }
            )
