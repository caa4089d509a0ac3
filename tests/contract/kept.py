"""Rows that a provider is told are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import pyarrow as pa
import pyarrow.compute as pc

from backbone.ports.rows import SubjectSpan
from backbone.vocabulary import Outcome


@dataclass(frozen=True)
class Kept:
    """A protocol.Held on a table of daily bars or events."""

    table: pa.Table
    left: frozenset[str] = frozenset()
    partial: frozenset[str] = frozenset()
    gap: tuple[datetime, str] | None = None
    """When a gap of a name is known, and which."""

    def missed(self, outcome: Outcome | None = None) -> frozenset[str]:
        return self.left | self.partial if outcome is None else self.partial

    def spans(self, _: str) -> Mapping[str, SubjectSpan]:
        if "symbol" not in self.table.schema.names:
            return {}
        found = self.table.group_by("symbol").aggregate(
            [("session_date", "min"), ("session_date", "max"), ("revision", "max")]
        )
        return {
            row["symbol"]: SubjectSpan(
                midnight(row["session_date_min"]),
                midnight(row["session_date_max"]),
                row["revision_max"],
                self.gap[0] if self.gap is not None and self.gap[1] == row["symbol"] else None,
            )
            for row in found.to_pylist()
        }

    def latest(self, _: str, count: int) -> pa.Table:
        if "symbol" not in self.table.schema.names:
            return self.table
        parts = [
            self.table.filter(pc.equal(self.table["symbol"], name))
            for name in self.table["symbol"].unique().to_pylist()
        ]
        last = [part.slice(max(0, part.num_rows - count)) for part in parts]
        return pa.concat_tables(last)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
