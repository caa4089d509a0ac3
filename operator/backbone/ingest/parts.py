"""A dimension that arrives in parts: which names are left, and what the parts come to together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from ..providers.protocol import Delivery, Fate, Slice
from ..reports.run import DimensionReport
from ..vocabulary import Outcome
from .reporting import failed_report
from .tasks import Task
from .validating import Stored


@dataclass(slots=True)
class Parts:
    """What was stored of one task so far, part by part."""

    task: Task
    stored: list[Stored] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)

    def names(self, part: Delivery) -> tuple[str, ...]:
        """The names that a part settles: those that it names, or all that are left."""
        return part.names or tuple(name for name in self.task.query.names if name not in self.settled)

    def add(self, part: Delivery, stored: Stored) -> None:
        """Count a part as stored."""
        self.settled.update(self.names(part))
        self.stored.append(stored)

    def failed(self, part: Delivery, outcome: Outcome, message: str) -> Stored:
        """A part of which nothing was stored: each of its names has the outcome."""
        fates = tuple(Fate(name, outcome, message) for name in self.names(part))
        return Stored(Delivery((), failed=fates, requests=part.requests, retried=part.retried))

    def lost(self, outcome: Outcome, message: str, part: Delivery | None = None) -> Stored | DimensionReport:
        """What is told where nothing can be stored of the names that are left."""
        if not self.stored:
            return failed_report(self.task, outcome, message, part)
        return self.whole(self.failed(part or Delivery(()), outcome, message))

    def whole(self, last: Stored) -> Stored:
        """All parts as if they had come at once."""
        parts = [*self.stored, last]
        return last if len(parts) == 1 else _together(parts)


def _together(parts: Sequence[Stored]) -> Stored:
    deliveries = [part.delivery for part in parts]
    whole = Delivery(
        slices=_by_source([item for one in deliveries for item in one.slices]),
        unknown=tuple(name for one in deliveries for name in one.unknown),
        without_data=tuple(name for one in deliveries for name in one.without_data),
        hint=next((one.hint for one in deliveries if one.hint), ""),
        failed=tuple(fate for one in deliveries for fate in one.failed),
        requests=sum(one.requests for one in deliveries),
        retried=sum(one.retried for one in deliveries),
    )
    return Stored(
        delivery=whole,
        changed=sum(part.changed for part in parts),
        # What a part tells counts what the run has put there so far.
        quarantined=next((part.quarantined for part in reversed(parts) if part.quarantined), {}),
        flagged=sum((part.flagged for part in parts), Counter()),
        waiting=sum((part.waiting for part in parts), Counter()),
        outdated=sum(part.outdated for part in parts),
        unchecked={name for part in parts for name in part.unchecked},
    )


def _by_source(slices: Sequence[Slice]) -> tuple[Slice, ...]:
    found: dict[str, Slice] = {}
    for item in slices:
        former = found.get(item.source)
        if former is not None:
            tables = [former.facts, item.facts]
            item = replace(item, facts=pa.concat_tables(tables))  # noqa: PLW2901 - the two are one slice
        found[item.source] = item
    return tuple(found.values())
