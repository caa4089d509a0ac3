"""A delivery on its way into the store: judged, kept with lineage and flags, the rest put into quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from ..market.lineage import Lineage, stamp
from ..market.validation.judge import HISTORY, Context, Judgement, judge
from ..ports.quarantine import Origin
from ..ports.store import Arrival, Writer
from ..providers.protocol import Delivery, Fate, Slice
from ..vocabulary import Outcome
from .tasks import Task


@dataclass(slots=True)
class Stored:
    """What became of one delivery.

    `delivery` is what of it was kept, and tells of each name that is in quarantine as a whole. `quarantined`
    counts rows by reason without those that were released before, `flagged` kept rows by flag. `unchecked`
    are subjects for which no calendar is known.
    """

    delivery: Delivery
    changed: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    flagged: Counter[str] = field(default_factory=Counter)
    unchecked: set[str] = field(default_factory=set)


def store(
    writer: Writer,
    sequence: int,
    task: Task,
    delivery: Delivery,
    *,
    origin: Origin,
    now: datetime,
    checkpoint: Callable[[], None],
) -> Stored:
    """Judge a delivery as of `now` (UTC) and write all of it, within the caller's transaction.

    Raises StoreError, and what `checkpoint` raises between two slices.
    """
    dimension = task.query.dimension
    lineage = Lineage(origin.run_id, origin.generation, origin.at, origin.provider)
    stored = Stored(delivery)
    kept: list[Slice] = []
    empty: set[str] = set()
    for item in delivery.slices:
        checkpoint()
        verdict = judged(writer, task, item, now)
        if verdict.quarantined.num_rows:
            writer.quarantine(dimension, verdict.quarantined, verdict.reasons, origin)
            empty |= _subjects(verdict.quarantined, task) - _subjects(verdict.kept, task)
        changed = writer.upsert(dimension, stamp(dimension, verdict.kept, lineage, verdict.flags))
        rows = verdict.kept.num_rows
        writer.record(
            sequence, Arrival(dimension.name, item.source, origin.provider, item.as_of, rows, changed)
        )
        stored.changed += changed
        stored.flagged.update({str(flag): count for flag, count in verdict.flagged_counts.items()})
        stored.unchecked |= set(verdict.unchecked)
        if rows:
            kept.append(replace(item, facts=verdict.kept))
    stored.quarantined = writer.held(dimension, origin.run_id)
    present = {name for item in kept for name in _subjects(item.facts, task)}
    stored.delivery = _without(delivery, kept, empty - present)
    return stored


def judged(writer: Writer, task: Task, item: Slice, now: datetime) -> Judgement:
    """One slice against the checks and what is stored of its lines."""
    dimension = task.query.dimension
    return judge(
        dimension,
        item.facts,
        Context(now, item.exchanges, lambda facts: writer.before(dimension, facts, HISTORY)),
    )


def _subjects(table: pa.Table, task: Task) -> set[str]:
    name = task.query.dimension.subject
    if name not in table.schema.names:
        return set()
    return {str(item) for item in pc.unique(table[name]).to_pylist() if item is not None}


def _without(delivery: Delivery, kept: list[Slice], empty: set[str]) -> Delivery:
    """The delivery with what was kept, telling of each name of which nothing was."""
    whole = "every row that came is in quarantine"
    names = sorted(empty - set(delivery.missing))
    fates = tuple(Fate(name, Outcome.QUARANTINED, whole) for name in names)
    return replace(delivery, slices=tuple(kept), failed=(*delivery.failed, *fates))
