"""A delivery on its way into the store: judged, kept with lineage and flags, the rest put into quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from ..market.confirmations import CLOCK_AHEAD
from ..market.defects import Defect
from ..market.dimensions import Dimension
from ..market.lineage import Lineage, stamp
from ..market.validation.judge import HISTORY, Context, Judgement, judge
from ..ports.journal import Arrival
from ..ports.quarantine import Origin
from ..ports.store import Writer
from ..providers.protocol import Delivery, Fate, Slice
from ..vocabulary import Outcome
from .apart import judged_apart
from .tasks import Task
from .verdicts import Answer, current, leaving, suspects, windows_of


@dataclass(slots=True)
class Stored:
    """What became of one delivery.

    `delivery` is what of it was kept, and tells of each name that is in quarantine as a whole. `quarantined`
    counts rows by reason without those that somebody decided on, `flagged` kept rows by flag. `waiting` are
    stored rows by subject that would leave, and of which somebody has to take note first. `unchecked` are
    subjects for which no calendar is known, `outdated` kept rows that lost to another version.
    """

    delivery: Delivery
    changed: int = 0
    waiting: Counter[str] = field(default_factory=Counter)
    outdated: int = 0
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
    at = writer.now()
    ahead = origin.at - at > CLOCK_AHEAD
    if ahead:
        # Rows and verdicts alike: what says that it is of tomorrow would win until then.
        origin = replace(origin, at=at)
    stored = Stored(delivery)
    kept: list[Slice] = []
    empty: set[str] = set()
    broken: list[Fate] = []
    for whole in delivery.slices:
        checkpoint()
        context = _context(writer, dimension, whole, now)
        judgements, fates = judged_apart(whole, dimension.subject, partial(_judged, dimension, context))
        broken += fates
        for item, verdict in judgements:
            empty |= _write(
                writer, sequence, task, Answer(item, verdict, context, origin), stored, ahead=ahead
            )
            if verdict.kept.num_rows:
                kept.append(replace(item, facts=verdict.kept))
    stored.quarantined = writer.quarantine.by_reason(dimension, origin.run_id)
    present = {name for item in kept for name in _subjects(item.facts, task)}
    delivery = replace(delivery, failed=(*delivery.failed, *_once(broken, delivery.missing)))
    stored.delivery = _without(delivery, kept, empty - present)
    return stored


def _flagged(flags: pa.Array, defect: Defect) -> pa.Array:
    """Flags with one more on every row."""
    return pc.binary_join_element_wise(flags, str(defect), ",", null_handling="skip")


def _write(
    writer: Writer, sequence: int, task: Task, answer: Answer, stored: Stored, *, ahead: bool
) -> set[str]:
    """Write what became of one slice, and count it; the names of which all rows went into quarantine."""
    dimension, origin, verdict = task.query.dimension, answer.origin, answer.judgement
    empty: set[str] = set()
    suspected = suspects(writer.rows, dimension, answer)
    if verdict.quarantined.num_rows:
        said = current(dimension, answer, suspected)
        writer.quarantine.add(
            dimension, verdict.quarantined.filter(said), verdict.reasons.filter(said), origin
        )
        empty = _subjects(verdict.quarantined, task) - _subjects(verdict.kept, task)
    flags, rows = verdict.flags, verdict.kept.num_rows
    if ahead:
        flags = _flagged(flags, Defect.CLOCK_AHEAD)
        stored.flagged[str(Defect.CLOCK_AHEAD)] += rows
    lineage = Lineage(origin.run_id, origin.generation, origin.at, origin.provider)
    stamped = stamp(dimension, verdict.kept, lineage, flags)
    changed = writer.rows.upsert(dimension, stamped)
    stored.outdated += writer.rows.outdated(dimension, stamped) if changed < rows else 0
    stored.waiting += _take_out(writer, task, answer, suspected)
    as_of = answer.item.as_of
    arrival = Arrival(dimension.name, answer.item.source, origin.provider, as_of, rows, changed)
    writer.journal.record(sequence, arrival)
    stored.changed += changed
    stored.flagged.update({str(flag): count for flag, count in verdict.flagged_counts.items()})
    stored.unchecked |= set(verdict.unchecked)
    return empty


def _context(writer: Writer, dimension: Dimension, item: Slice, now: datetime) -> Context:
    """What a slice is judged by: the source's own word, and what is stored of its lines."""
    return Context(
        now,
        item.exchanges,
        lambda facts: writer.rows.preceding(dimension, facts, HISTORY),
        item.kinds,
        item.periods,
    )


def _judged(dimension: Dimension, context: Context, item: Slice) -> Judgement:
    return judge(dimension, item.facts, context)


def _take_out(writer: Writer, task: Task, answer: Answer, suspected: pa.Table) -> Counter[str]:
    """Take out what the answer speaks against; rows by subject that wait for somebody before they leave."""
    dimension, origin = task.query.dimension, answer.origin
    windows = windows_of(dimension, answer.item, answer.judgement.kept)
    found = leaving(writer.rows, dimension, answer, suspected, windows)
    if found.rows.num_rows:
        writer.rows.remove(dimension, found.rows, origin)
    if found.waiting.num_rows:
        writer.rows.remove(dimension, found.waiting, origin, waiting=True)
    if windows.num_rows:
        writer.rows.delivered_whole(dimension, windows, origin)
    return Counter(found.waiting[dimension.subject].to_pylist())


def _subjects(table: pa.Table, task: Task) -> set[str]:
    name = task.query.dimension.subject
    if name not in table.schema.names:
        return set()
    return {str(item) for item in pc.unique(table[name]).to_pylist() if item is not None}


def _once(fates: list[Fate], told: tuple[str, ...]) -> tuple[Fate, ...]:
    """The fates of names that are not told of already, each once."""
    return tuple({fate.name: fate for fate in fates if fate.name not in told}.values())


def _without(delivery: Delivery, kept: list[Slice], empty: set[str]) -> Delivery:
    """The delivery with what was kept, telling of each name of which nothing was."""
    whole = "every row that came is in quarantine"
    names = sorted(empty - set(delivery.missing))
    fates = tuple(Fate(name, Outcome.QUARANTINED, whole) for name in names)
    return replace(delivery, slices=tuple(kept), failed=(*delivery.failed, *fates))
