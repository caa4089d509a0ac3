"""The rows of a store as its writer uses them: stored, compared with a delivery, removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

    from ..market.dimensions import Dimension
    from .quarantine import Origin


@dataclass(frozen=True, slots=True)
class SubjectSpan:
    """Times of the first and the last row of one subject of a source (UTC), and its greatest revision.

    `gap_at` is the time of the last row under the flag GapBefore, if there is one.
    """

    first_at: datetime
    last_at: datetime
    revision: int
    gap_at: datetime | None = None


class Rows(Protocol):
    """The role of a store's writer that has the market's rows. Every call raises StoreError.

    A removal is a version of the row's key, with the revision, the time and the run of the verdict: from then
    on the store takes only a row of the key with a greater version. Rows that a person released stay.
    """

    def upsert(self, dimension: Dimension, rows: pa.Table) -> int:
        """Store rows of the dimension's schema; how many were new or differed.

        Of all versions of a row the one with the greatest (revision, observed_at, run_id) stays, in whatever
        order they come. One that brings what is stored already changes nothing, lineage included.
        """
        ...

    def outdated(self, dimension: Dimension, rows: pa.Table) -> int:
        """How many rows of one answer lost to another version, asked after `upsert` of them."""
        ...

    def preceding(self, dimension: Dimension, facts: pa.Table, count: int) -> pa.Table:
        """The last `count` stored rows of each line of `facts` before its first row there, as facts."""
        ...

    def spans(
        self, dimension: Dimension, source: str, interval_seconds: int | None
    ) -> dict[str, SubjectSpan]:
        """From when to when the store holds each subject of a source, or only its bars of one length."""
        ...

    def latest(self, dimension: Dimension, source: str, names: Sequence[str], count: int) -> pa.Table:
        """The last `count` rows of each line of a name, in the dimension's facts columns, each by time."""
        ...

    def within(self, dimension: Dimension, windows: pa.Table) -> pa.Table:
        """Stored rows inside windows that hold more than they should, in the dimension's schema.

        `windows` are as market.verdicts.window_schema has them; `rows` is how many a window should hold.
        """
        ...

    def lengths(self, dimension: Dimension, lines: pa.Table) -> dict[tuple[object, ...], int]:
        """How many rows are stored of lines, by their values of market.verdicts.line_of; 0 is left out."""
        ...

    def remove(self, dimension: Dimension, rows: pa.Table, origin: Origin, *, waiting: bool = False) -> int:
        """Put stored rows into quarantine with the lineage under which they were stored; how many left.

        `rows` are such rows, with two columns more: `reason`, and `verdict`, the revision that speaks against
        each. With `waiting` they stay stored, and their entries wait for somebody to acknowledge them.
        """
        ...

    def delivered_whole(self, dimension: Dimension, windows: pa.Table, origin: Origin) -> None:
        """Remember windows that an answer held whole, for an older answer that comes later."""
        ...
