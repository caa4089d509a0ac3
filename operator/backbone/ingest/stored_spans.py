"""What the store holds of a task's names, as a provider asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TypeVar

import pyarrow as pa

from ..ports.rows import SubjectSpan
from ..ports.store import Writer
from ..vocabulary import Outcome
from .tasks import Task

Found = TypeVar("Found")


class HeldByStore:
    """A protocol.Held. Every call raises StoreError, and holds the store's lock while it looks.

    `read_at` is when the provider was free to ask: at first, and after each look that it took (UTC).
    """

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[Writer]],
        clock: Callable[[], datetime],
        plan: str,
        task: Task,
    ) -> None:
        self._opened = opened
        self._clock = clock
        self._plan = plan
        self._task = task
        self._spans: dict[str, Mapping[str, SubjectSpan]] = {}
        self.read_at = clock()

    def missed(self, outcome: Outcome | None = None) -> frozenset[str]:
        """Names that the plan's last run did not get in full, or did not come to; or those of one outcome."""
        dimension = self._task.query.dimension
        return self._look(lambda writer: writer.journal.missed(self._plan, dimension, outcome))

    def spans(self, source: str) -> Mapping[str, SubjectSpan]:
        """Of each name that has rows of this source, and of the query's interval."""
        if source not in self._spans:
            query = self._task.query
            found = self._look(
                lambda writer: writer.rows.spans(query.dimension, source, query.interval_seconds)
            )
            self._spans[source] = {name: found[name] for name in query.names if name in found}
        return self._spans[source]

    def latest(self, source: str, count: int) -> pa.Table:
        """The last `count` rows of each line of a name, with the dimension's facts columns."""
        query = self._task.query
        return self._look(lambda writer: writer.rows.latest(query.dimension, source, query.names, count))

    def _look(self, read: Callable[[Writer], Found]) -> Found:
        with self._opened() as writer:
            found = read(writer)
        # A run that waited for the lock asks after the one that held it, and its answer counts.
        self.read_at = self._clock()
        return found
