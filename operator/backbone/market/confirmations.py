"""Answers that found rows as they are stored, remembered so that an older answer does not win over them.

Of two versions of a row the one with the greater (revision, observed_at, run_id) stays, whoever writes last.
A row that comes again unchanged is not written, and keeps the lineage of the run that brought it first. That
a later answer confirmed it has to be known all the same, since an older one may still be on its way. So the
keys of such an answer are kept beside the rows, packed, for as long as an older one can come.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from .dimensions import Dimension

CLOCKS_APART = timedelta(hours=1)
"""How far the clocks of two workers may be apart."""
CLOCK_AHEAD = timedelta(minutes=5)
"""How far a worker's clock may be ahead of the store's; a row dated later would win over all that come."""
_STAMP = ["observed_at", "run_id"]


@dataclass(frozen=True, slots=True)
class Moment:
    """When an answer was asked for (UTC) and by which run: of two of one revision the greater counts."""

    observed_at: datetime
    run_id: str


def answers(rows: pa.Table) -> Iterator[tuple[Moment, pa.Table]]:
    """Rows of a dimension's schema by the answer that they came in; as a rule all are of one."""
    if not rows.num_rows:
        return
    first = Moment(*(rows[name][0].as_py() for name in _STAMP))
    alike = _of(rows, first)
    if pc.all(alike).as_py():
        yield first, rows
        return
    for stamp in rows.select(_STAMP).group_by(_STAMP).aggregate([]).to_pylist():
        moment = Moment(**stamp)
        yield moment, rows.filter(_of(rows, moment))


def packed(dimension: Dimension, rows: pa.Table) -> str:
    """Which versions an answer confirms: the keys and revisions of its rows, as a small text."""
    return pack(rows.select(_version(dimension)))


def pack(table: pa.Table) -> str:
    """A table as a small text, its own texts as dictionaries."""
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            table = table.set_column(place, field.name, table[field.name].dictionary_encode())
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        # A provider's rows may come in pieces as small as a symbol, each of which would be packed by itself.
        writer.write_table(table.combine_chunks())
    return b64encode(sink.getvalue()).decode()


def unpack(text: str, schema: pa.Schema) -> pa.Table:
    """What `pack` made a text of, in its schema."""
    with pa.ipc.open_stream(b64decode(text)) as reader:
        return reader.read_all().cast(schema)


def without_outdated(dimension: Dimension, rows: pa.Table, later: Iterable[str]) -> pa.Table:
    """Rows of one answer without those of which later answers, packed, have confirmed what is stored."""
    names = _version(dimension)
    schema = pa.schema([rows.schema.field(name) for name in names])
    for confirmed in later:
        versions = unpack(confirmed, schema)
        rows = rows.join(versions, keys=names, join_type="left anti").cast(rows.schema)
    return rows


def _of(rows: pa.Table, moment: Moment) -> pa.ChunkedArray:
    """Which rows are of an answer."""
    at = pa.scalar(moment.observed_at, rows.schema.field("observed_at").type)
    return pc.and_(pc.equal(rows["observed_at"], at), pc.equal(rows["run_id"], moment.run_id))


def _version(dimension: Dimension) -> list[str]:
    """Columns that tell versions apart but for their moment: where the revision differs, it alone decides."""
    return [*dimension.key, "revision"]
