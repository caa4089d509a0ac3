"""What the store holds of a task's names, as a provider asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from ..ports.store import SubjectSpan, Writer
from .tasks import Task


@dataclass(frozen=True, slots=True)
class HeldByStore:
    """A protocol.Held on the run's writer. Every call raises StoreError."""

    writer: Writer
    plan: str
    task: Task

    def missed(self) -> frozenset[str]:
        """Names that the plan's last run did not get in full."""
        return self.writer.missed(self.plan, self.task.query.dimension)

    def spans(self, source: str) -> Mapping[str, SubjectSpan]:
        """Of each name that has rows of this source."""
        found = self.writer.spans(self.task.query.dimension, source)
        return {name: found[name] for name in self.task.query.names if name in found}

    def latest(self, source: str, count: int) -> pa.Table:
        """The last `count` rows of each name, with the dimension's facts columns."""
        query = self.task.query
        return self.writer.latest(query.dimension, source, query.names, count)
