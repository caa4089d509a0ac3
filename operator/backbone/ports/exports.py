"""What an export asks of the store that serves, and what it learns of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

    from ..market.dimensions import Dimension

Bound = date | datetime
"""A value of a dimension's time column, in the column's own type: a day, or a moment (UTC)."""
Unit = Literal["year", "month", "day"]


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of runs, as one statement saw it: the sequences of its newest and its oldest open run."""

    newest: int
    oldest_open: int | None = None

    @property
    def watermark(self) -> int:
        """The sequence up to which each run has ended: runs overlap, and one of them may still store rows."""
        return self.newest if self.oldest_open is None else self.oldest_open - 1


@dataclass(frozen=True, slots=True)
class Change:
    """A run changed rows of a source on a day (UTC)."""

    sequence: int
    source: str
    day: date


@dataclass(frozen=True, slots=True)
class Provenance:
    """A run that brought rows, as the store's journal has it."""

    run_id: str
    sequence: int
    plan: str
    plan_generation: int
    provider: str


class ExportSource(Protocol):
    """A store as exports read it. Every call raises StoreError.

    Each call sees what is committed when it is made. What retention drops meanwhile, `confirmed_from` tells
    to whom asks for it afterwards.
    """

    @property
    def identity(self) -> str:
        """Which store it is: another one has another journal."""
        ...

    def journal(self) -> Journal:
        """The newest run, and the oldest one that has not ended."""
        ...

    def changes(self, dimension: Dimension, after: int) -> frozenset[Change] | None:
        """What runs after a sequence changed; None where one of them is of a version that does not tell it.

        A run that only stamped a row later changed nothing. Of several runs that changed one day, the last
        one is enough.
        """
        ...

    def partitions(self, dimension: Dimension, unit: Unit) -> dict[tuple[str, date], int]:
        """The number of rows by source and first day of the year, month or day (UTC)."""
        ...

    def partition(
        self, dimension: Dimension, source: str, start: Bound, end: Bound | None
    ) -> Iterator[pa.RecordBatch]:
        """Rows of a source from `start` and before `end`, in the dimension's schema and the order of its key.

        One statement, so one snapshot; memory is bounded by a batch.
        """
        ...

    def removed(self, dimension: Dimension, source: str, start: Bound, end: Bound | None) -> pa.Table:
        """Removals in the same range that the store remembers: key, revision, observed_at and run_id.

        Each is a version of its key, by which the store has judged its own rows already.
        """
        ...

    def confirmed_from(self, dimension: Dimension) -> Bound | None:
        """From when on the store has every row; None where nothing was dropped."""
        ...

    def runs(self, dimension: Dimension) -> tuple[Provenance, ...]:
        """The runs that brought rows to a dimension."""
        ...
