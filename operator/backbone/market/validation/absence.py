"""What a source does not say is not said wrongly: bars without a price, and bars without an adjusted one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...market.defects import Defect
from ..dimensions import DAILY_BARS, INTRADAY_BARS, Dimension
from .conforming import DERIVED, keyed
from .lines import Mask, floats, joined, lines_of
from .sessions import exchanges_of, known_calendar
from .sheet import Sheet

BAR = ("open", "high", "low", "close")


def says_something(dimension: Dimension, delivered: pa.Table) -> Mask:
    """Which rows say anything: a bar of which every price is null or NaN is none.

    Sources list holidays so, and minutes in which nobody traded. Where a column of prices did not come at
    all, the delivery has another shape, and all of its rows count.
    """
    count = delivered.num_rows
    if dimension not in {DAILY_BARS, INTRADAY_BARS} or not set(BAR) <= set(delivered.schema.names):
        return np.ones(count, bool)
    silent = np.ones(count, bool)
    for name in BAR:
        if not silent.any():
            break
        column = joined(delivered[name])
        if column.null_count == 0 and not pa.types.is_floating(column.type):
            return np.ones(count, bool)
        silent &= np.asarray(pc.is_null(column, nan_is_null=True).to_numpy(zero_copy_only=False), bool)
    return ~silent


def without_bad_derived(dimension: Dimension, delivered: pa.Table, facts: pa.Table, sheet: Sheet) -> pa.Table:
    """Facts with null for an adjusted price that is none; it costs itself alone, and the row has a flag.

    A price that is adjusted for payouts is below zero where these were greater than it. That it is missing is
    worth a flag on a line that has some.
    """
    for name in (name for name in DERIVED if name in dimension.facts.names):
        column = joined(facts[name])
        values = floats(facts[name])
        with np.errstate(invalid="ignore"):
            bad = ~np.isfinite(values) | ((values <= 0) & (floats(facts["close"]) > 0))
        if not bad.any():
            continue
        came = joined(delivered[name]) if name in delivered.schema.names else pa.nulls(facts.num_rows)
        told = np.asarray(pc.is_valid(came).to_numpy(zero_copy_only=False), bool)
        sheet.flag(bad & (told | _on_lines_with_some(dimension, facts, ~bad)), Defect.NO_ADJUSTED_CLOSE)
        place = facts.schema.get_field_index(name)
        sound = pc.if_else(pa.array(bad), pa.scalar(None, column.type), column)
        facts = facts.set_column(place, facts.schema.field(name), sound)
    return facts


def name_closed_days(
    dimension: Dimension, facts: pa.Table, exchanges: Mapping[str, str], sheet: Sheet
) -> None:
    """Name rows that are not whole OffSession where their exchange is closed: none will take their place."""
    odd = sheet.refused_for(Defect.SCHEMA_MISMATCH, Defect.NOT_FINITE) & keyed(dimension, facts)
    if not odd.any():
        return
    lines = lines_of(dimension, facts, odd, None)
    closed = np.zeros(len(lines.line), bool)
    names = exchanges_of(lines, exchanges)
    for name in {item for item in names if item is not None}:
        kind = known_calendar(name)
        if kind is None:
            continue
        mine = np.array([item == name for item in names], bool)[lines.line]
        if dimension.dated:
            closed |= mine & kind.knows_days(lines.time) & ~kind.has_sessions(lines.time)
        else:
            closed |= mine & kind.knows_moments(lines.time) & ~kind.trades_at(lines.time)
    sheet.instead(lines.places(closed), Defect.OFF_SESSION)


def _on_lines_with_some(dimension: Dimension, facts: pa.Table, present: Mask) -> Mask:
    """Rows of lines of which another row has the value."""
    if not present.any():
        return present
    line = pc.binary_join_element_wise(
        pc.fill_null(facts["source"], ""), pc.fill_null(facts[dimension.subject], ""), "\0"
    )
    some = pc.unique(line.filter(pa.array(present)))
    return np.asarray(joined(pc.is_in(line, value_set=some)).to_numpy(zero_copy_only=False), bool)
