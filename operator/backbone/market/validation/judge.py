"""One delivery judged: which rows are kept, which under a flag, and which go into quarantine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from ...market.defects import Defect
from ..dimensions import DAILY_BARS, INTRADAY_BARS, INTRADAY_TRADES, MACRO_SERIES, Dimension
from ..symbols import Kind
from .absence import name_closed_days, says_something, without_bad_derived
from .bases import check_bases
from .conforming import conform, keyed
from .keys import check_keys
from .lines import Lines, lines_of
from .moves import check_moves, check_values
from .periods import check_periods
from .repeats import check_repeats
from .rows import check_dates, check_numbers
from .sessions import Periods, check_sessions
from .sheet import Sheet

BARS = (DAILY_BARS, INTRADAY_BARS)
TRADED = (*BARS, INTRADAY_TRADES)

HISTORY = 30
"""Stored rows per line, before its first delivered one, that a judgement takes into account."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a delivery is judged by.

    `now` is the run's moment (UTC). `exchanges` names the calendar of symbols where the source knows it, by
    ISO 10383 code. `before` gives, for facts with whole keys, the last HISTORY stored rows of each line
    before its first one there, in the facts' columns. `kinds` and `periods` are the source's own word on what
    kind of instrument a symbol is, and when it trades.
    """

    now: datetime
    exchanges: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[pa.Table], pa.Table] | None = None
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    periods: Periods = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of each row. One that says nothing is none, and appears nowhere.

    `kept` are facts in the dimension's schema, `flags` theirs row by row, null for none. `quarantined` are
    the other rows as they were delivered, with `reasons`, and `condemned` the same rows as facts, with nulls
    for what does not read. `listed` are the keys of all rows, also of those that say nothing. Counts are rows
    by defect. `unchecked` names the subjects for which no calendar is known.
    """

    kept: pa.Table
    flags: pa.Array
    quarantined: pa.Table
    reasons: pa.Array
    quarantined_counts: dict[Defect, int]
    flagged_counts: dict[Defect, int]
    unchecked: tuple[str, ...]
    condemned: pa.Table
    listed: pa.Table


def judge(dimension: Dimension, delivered: pa.Table, context: Context) -> Judgement:
    """Check a delivery. Vectorised: a pass over columns per check, no loop over rows.

    `delivered` is what a provider brought: the dimension's facts; values may be null or of other types.
    """
    facts, misfits = conform(dimension, delivered)
    listed = facts.select(list(dimension.key))
    there = says_something(dimension, delivered)
    if not there.all():
        delivered, facts = (table.filter(pa.array(there)) for table in (delivered, facts))
        misfits = misfits[there]
    sheet = Sheet(facts.num_rows)
    facts = without_bad_derived(dimension, delivered, facts, sheet)
    sheet.quarantine(misfits, Defect.SCHEMA_MISMATCH)
    unchecked = _check(dimension, facts, context, sheet) if facts.num_rows else ()
    sound = pa.array(sheet.sound)
    bad = pc.invert(sound)
    reasons, flags = sheet.reasons(), sheet.flags()
    everything = bool(sheet.sound.all())
    return Judgement(
        kept=(facts if everything else facts.filter(sound)).cast(dimension.facts),
        flags=flags if everything else flags.filter(sound),
        quarantined=delivered.filter(bad),
        reasons=reasons.filter(bad),
        quarantined_counts=sheet.quarantined(),
        flagged_counts=sheet.flagged(),
        unchecked=unchecked,
        condemned=facts.filter(bad),
        listed=listed,
    )


def _check(dimension: Dimension, facts: pa.Table, context: Context, sheet: Sheet) -> tuple[str, ...]:
    """Structural checks of single rows, then of keys, then rows among their neighbours."""
    unchecked: tuple[str, ...] = ()
    # A row that goes into quarantine came all the same: it is no gap.
    whole = keyed(dimension, facts)
    known = facts if bool(whole.all()) else facts.filter(pa.array(whole))
    history = context.before(known) if context.before is not None and known.num_rows else None
    came = lines_of(dimension, facts, whole, history)
    check_numbers(dimension, facts, context.kinds, sheet)
    check_dates(dimension, facts, context.now, sheet)
    if not came.distinct:
        check_keys(dimension, facts, sheet)
    if dimension in TRADED:
        unchecked = check_sessions(
            dimension,
            came,
            context.now,
            sheet,
            exchanges=context.exchanges,
            periods=context.periods,
        )
        name_closed_days(dimension, facts, context.exchanges, sheet)
    elif dimension is MACRO_SERIES:
        check_periods(came, sheet)
    lines = _still_sound(dimension, facts, history, sheet, came)
    if dimension in BARS:
        check_repeats(lines, sheet)
        lines = _still_sound(dimension, facts, history, sheet, lines)
    if dimension in TRADED:
        check_bases(dimension, lines, sheet, context.before, context.kinds)
        lines = _still_sound(dimension, facts, history, sheet, lines)
        check_moves(dimension, lines, sheet, context.kinds)
    elif dimension is MACRO_SERIES:
        check_values(lines, sheet)
    return unchecked


def _still_sound(
    dimension: Dimension, facts: pa.Table, history: pa.Table | None, sheet: Sheet, lines: Lines
) -> Lines:
    """The lines without the rows that went into quarantine meanwhile."""
    sound = sheet.sound
    if bool(sound.all()) or bool(sound[lines.place[lines.delivered]].all()):
        return lines
    return lines_of(dimension, facts, sheet.sound, history)
