"""What a delivery says against rows that are stored: what its checks condemn, and what its source took back.

A check that refuses a delivered row speaks against the stored one of its key only where that one is refused
as well, in the same place: a source that slips tonight takes nothing back. What a window that came whole does
not hold any more, the source withdrew; a row that it lists without a price it has not told yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ..market.defects import Defect
from ..market.dimensions import VERDICT, Dimension, line_of
from ..market.validation.judge import Context, Judgement, judge
from ..market.verdicts import decided, greater, window_schema
from ..ports.quarantine import Origin
from ..ports.rows import Rows
from ..providers.protocol import Slice

AT_ONCE = 5
SHARE_AT_ONCE = 0.05
"""Of a line's stored rows so many may leave in one run, and so many in any case, before somebody looks."""
_PLACE = "place"


@dataclass(frozen=True, slots=True)
class Answer:
    """One slice as it was judged; `context` is what it was judged by."""

    item: Slice
    judgement: Judgement
    context: Context
    origin: Origin


@dataclass(frozen=True, slots=True)
class Leaving:
    """Stored rows that an answer speaks against, as Rows.remove takes them.

    Of the lines of `waiting` so much would leave that somebody has to acknowledge it first.
    """

    rows: pa.Table
    waiting: pa.Table


def suspects(rows: Rows, dimension: Dimension, answer: Answer) -> pa.Table:
    """Stored rows of keys that the checks refused, with the revision that speaks against each."""
    key = _key(dimension)
    refused = _said(dimension, answer.judgement.condemned)
    if refused.num_rows:
        kept, entity = answer.judgement.kept.select(key), dimension.entity
        # A join looks at every row of both: those of other series would cost more than all checks.
        kept = kept.filter(pc.is_in(kept[entity], value_set=pc.unique(refused[entity])))
        refused = refused.join(kept, keys=key, join_type="left anti")
    if not refused.num_rows:
        return _with_verdicts(dimension.schema.empty_table())
    stored = rows.within(dimension, _around(dimension, refused))
    return stored.join(refused.select([*key, VERDICT]), keys=key, join_type="inner")


def current(dimension: Dimension, answer: Answer, stored: pa.Table) -> pa.Array:
    """Which refused rows no stored row is greater than: a later answer has the last word on the others."""
    later = stored.filter(greater(stored, VERDICT, answer.origin.at, answer.origin.run_id))
    refused = answer.judgement.condemned
    if not later.num_rows:
        return pa.array([True] * refused.num_rows, pa.bool_())
    key, places = _key(dimension), pa.array(range(refused.num_rows), pa.int64())
    numbered = refused.select(key).append_column(_PLACE, places)
    overtaken = numbered.join(later.select(key), keys=key, join_type="left semi")
    return pc.invert(pc.is_in(places, value_set=overtaken[_PLACE].combine_chunks()))


def leaving(rows: Rows, dimension: Dimension, answer: Answer, stored: pa.Table, windows: pa.Table) -> Leaving:
    """What has to leave, after the answer's rows were stored.

    `stored` are its suspects, `windows` those that it holds whole.
    """
    withdrawn = _withdrawn(rows, dimension, answer, windows)
    found = pa.concat_tables([_condemned(dimension, answer, stored), withdrawn])
    waits = pa.array([False] * found.num_rows, pa.bool_())
    if found.num_rows > AT_ONCE:
        waits = _too_many(rows, dimension, found)
    return Leaving(found.filter(pc.invert(waits)), found.filter(waits))


def windows_of(dimension: Dimension, item: Slice, kept: pa.Table) -> pa.Table:
    """The windows that a slice holds whole, and how many of its kept rows are in each."""
    schema, line = window_schema(dimension), list(line_of(dimension))
    every = [
        {
            "source": item.source,
            dimension.subject: window.subject,
            "interval_seconds": window.interval_seconds,
            "first": window.first,
            "last": window.last,
            "revision": window.revision,
            "rows": 0,
        }
        for window in item.whole
    ]
    windows = pa.Table.from_pylist(every, schema=schema)
    if not windows.num_rows:
        return windows
    kept = kept.select([*line, dimension.time])
    met = windows.drop_columns(["rows"]).join(kept, keys=line, join_type="inner")
    inside = met.filter(_between(met, dimension.time))
    counts = inside.group_by([*line, "first"]).aggregate([([], "count_all")])
    counted = windows.drop_columns(["rows"]).join(counts, keys=[*line, "first"], join_type="left outer")
    rows = pc.fill_null(counted["count_all"], 0)
    return counted.drop_columns(["count_all"]).append_column("rows", rows).select(schema.names).cast(schema)


def _condemned(dimension: Dimension, answer: Answer, stored: pa.Table) -> pa.Table:
    """Suspects that are refused themselves, beside the rows of their lines that were kept."""
    origin = answer.origin
    open_to = pc.invert(pc.or_(decided(stored), greater(stored, VERDICT, origin.at, origin.run_id)))
    stored = stored.filter(open_to)
    if not stored.num_rows:
        return _with_reason(dimension, stored, Defect.CONDEMNED)
    kept = answer.judgement.kept
    beside = kept.filter(pc.is_in(kept[dimension.subject], value_set=pc.unique(stored[dimension.subject])))
    facts = pa.concat_tables([stored.select(dimension.facts.names).cast(dimension.facts), beside])
    again = judge(dimension, facts, answer.context).condemned.select(_key(dimension))
    found = stored.join(again, keys=_key(dimension), join_type="left semi")
    return _with_reason(dimension, _ordered(stored, found), Defect.CONDEMNED)


def _withdrawn(rows: Rows, dimension: Dimension, answer: Answer, windows: pa.Table) -> pa.Table:
    """Stored rows inside of whole windows that the answer does not list."""
    origin, key = answer.origin, _key(dimension)
    empty = _with_reason(dimension, _with_verdicts(dimension.schema.empty_table()), Defect.WITHDRAWN)
    if not windows.num_rows:
        return empty
    stored = rows.within(dimension, windows)
    if not stored.num_rows:
        return empty
    listed = answer.judgement.listed.select(key).group_by(key).aggregate([])
    absent = _ordered(stored, stored.join(listed, keys=key, join_type="left anti"))
    line = list(line_of(dimension))
    spoken = windows.drop_columns(["rows"]).rename_columns([*line, "first", "last", VERDICT])
    met = absent.join(spoken, keys=line, join_type="inner")
    met = met.filter(_between(met, dimension.time)).select([*dimension.schema.names, VERDICT])
    spared = pc.or_(decided(met), greater(met, VERDICT, origin.at, origin.run_id))
    return _with_reason(dimension, met.filter(pc.invert(spared)), Defect.WITHDRAWN)


def _too_many(rows: Rows, dimension: Dimension, found: pa.Table) -> pa.Array:
    """Which rows are of lines of which more would leave than may at once."""
    line = list(line_of(dimension))
    counts = found.group_by(line).aggregate([([], "count_all")])
    lengths = rows.lengths(dimension, counts.select(line))
    held = {
        tuple(row[name] for name in line)
        for row in counts.to_pylist()
        if row["count_all"] > max(AT_ONCE, SHARE_AT_ONCE * lengths.get(tuple(row[name] for name in line), 0))
    }
    lines = zip(*(found[name].to_pylist() for name in line), strict=True)
    return pa.array([each in held for each in lines], pa.bool_())


def _around(dimension: Dimension, refused: pa.Table) -> pa.Table:
    """A window per line from its first refused row to its last; more than no rows is too many."""
    line, time = list(line_of(dimension)), dimension.time
    bounds = refused.group_by(line).aggregate([(time, "min"), (time, "max")])
    count = bounds.num_rows
    columns = [*(bounds[name] for name in line), bounds[f"{time}_min"], bounds[f"{time}_max"]]
    columns += [pa.nulls(count, pa.int64()), pa.array([0] * count, pa.int64())]
    return pa.table(columns, names=window_schema(dimension).names)


def _said(dimension: Dimension, refused: pa.Table) -> pa.Table:
    """Keys of refused rows with the greatest revision under which each came."""
    key = _key(dimension)
    whole = pc.is_valid(refused["revision"])
    for name in (*key, dimension.subject):
        whole = pc.and_(whole, pc.is_valid(refused[name]))
    names = [*key, *(name for name in line_of(dimension) if name not in key)]
    greatest = refused.filter(whole).group_by(names).aggregate([("revision", "max")])
    return greatest.select([*names, "revision_max"]).rename_columns([*names, VERDICT])


def _key(dimension: Dimension) -> list[str]:
    return list(dimension.key)


def _between(met: pa.Table, time: str) -> pa.ChunkedArray:
    return pc.and_(pc.greater_equal(met[time], met["first"]), pc.less_equal(met[time], met["last"]))


def _ordered(like: pa.Table, found: pa.Table) -> pa.Table:
    return found.select(like.schema.names).cast(like.schema)


def _with_verdicts(rows: pa.Table) -> pa.Table:
    return rows.append_column(VERDICT, pa.nulls(rows.num_rows, pa.int64()))


def _with_reason(dimension: Dimension, rows: pa.Table, reason: Defect) -> pa.Table:
    more = [pa.field(VERDICT, pa.int64()), pa.field("reason", pa.string())]
    reasons = pa.repeat(pa.scalar(str(reason)), rows.num_rows)
    return rows.append_column("reason", reasons).cast(pa.schema([*dimension.schema, *more]))
