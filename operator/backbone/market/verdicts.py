"""Windows that an answer holds whole: what is not in one, its source does not have.

Such a window is a version of every key inside: an answer that was asked for earlier and comes later stores
none of them. So windows are remembered for as long as an older answer can come, as confirmations are.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from .confirmations import pack, unpack, without_outdated
from .defects import Defect
from .dimensions import VERDICT, Dimension, line_of

_PLACE = "place"


def window_schema(dimension: Dimension) -> pa.Schema:
    """A window of a line: its first and last time, both included, its answer's revision, how many `rows`."""
    line = [dimension.facts.field(name) for name in line_of(dimension)]
    time = dimension.facts.field(dimension.time).type
    bounds = [pa.field("first", time), pa.field("last", time)]
    return pa.schema([*line, *bounds, pa.field("revision", pa.int64()), pa.field("rows", pa.int64())])


def packed_windows(windows: pa.Table) -> str:
    """Windows of one answer as a small text."""
    return pack(windows)


def without_withdrawn(dimension: Dimension, rows: pa.Table, whole: Iterable[tuple[str, bool]]) -> pa.Table:
    """Rows of one answer without those inside of greater windows, packed, that other answers held whole.

    With each comes whether its answer is a later one: where not, only a greater revision counts.
    """
    line, schema = list(line_of(dimension)), window_schema(dimension)
    for text, later in whole:
        if not rows.num_rows:
            break
        windows = unpack(text, schema).rename_columns([*line, "first", "last", "whole", "rows"])
        met = _numbered(rows, [*line, dimension.time, "revision"]).join(windows, keys=line, join_type="inner")
        time = met[dimension.time]
        inside = pc.and_(pc.greater_equal(time, met["first"]), pc.less_equal(time, met["last"]))
        counts = pc.greater_equal if later else pc.greater
        inside = pc.and_(inside, counts(met["whole"], met["revision"]))
        covered = met.filter(inside)[_PLACE].combine_chunks()
        if len(covered):
            rows = rows.filter(pc.invert(pc.is_in(_places(rows), value_set=covered)))
    return rows


def unconfirmed(dimension: Dimension, leaving: pa.Table, later: Iterable[str]) -> pa.Table:
    """Rows that are to leave, without those that answers later than the verdict, packed, have confirmed."""
    same = pc.equal(leaving["revision"], leaving[VERDICT])
    others = leaving.filter(pc.invert(same))
    return pa.concat_tables([others, without_outdated(dimension, leaving.filter(same), later)])


def decided(stored: pa.Table) -> pa.ChunkedArray:
    """Which rows somebody released: no check and no source takes them back."""
    return pc.fill_null(pc.match_substring(stored["flags"], str(Defect.RELEASED)), False)


def greater(rows: pa.Table, revision: str, observed_at: object, run_id: str) -> pa.ChunkedArray:
    """Which stored rows are greater than a verdict; `revision` is the column that has its revision."""
    moment = pa.scalar(observed_at, rows.schema.field("observed_at").type)
    pairs = [(rows["revision"], rows[revision]), (rows["observed_at"], moment), (rows["run_id"], run_id)]

    def before(rest: pa.ChunkedArray | None, pair: tuple[object, object]) -> pa.ChunkedArray:
        more = pc.greater(*pair)
        return more if rest is None else pc.or_(more, pc.and_(pc.equal(*pair), rest))

    return reduce(before, reversed(pairs), None)


def _numbered(rows: pa.Table, names: list[str]) -> pa.Table:
    return rows.select(names).append_column(_PLACE, _places(rows))


def _places(rows: pa.Table) -> pa.Array:
    return pa.array(range(rows.num_rows), pa.int64())
