"""Arrow tables into the market's tables: what is new by COPY, the rest by COPY and one upsert per slice.

A pair of source and symbol of which nothing is stored can meet no row, since there is one writer: its rows
are copied to where they belong. Rows of other pairs are copied into a table of the transaction, without the
columns that have one value in all of them, and from there one statement writes what is new or differs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection

from ...market.confirmations import answers, packed, without_outdated
from ...market.dimensions import Dimension
from ...ports.store_errors import StoreError
from ...vocabulary import Outcome
from . import changes, quarantine, sql
from .changes_sql import bound_to
from .copy import copy_in
from .session import Row
from .verdicts import standing

SLICE_ROWS = 131_072
"""Rows that are staged at a time: some 25 MiB on the wire, and seconds for one statement."""
EARLIEST, LATEST = -62_135_596_800, 253_402_300_800
"""Seconds of the years 1 and 10000, between which every reader of ours can tell a time."""
_DAY = 86_400

_JOINING = ("SET LOCAL enable_nestloop = off", "SET LOCAL work_mem = '64MB'")
"""A slice is compared with what is stored of it in one pass, also where nobody has counted the table yet."""
_JOINED = ("SET LOCAL enable_nestloop = on", "RESET work_mem")


@dataclass(frozen=True, slots=True)
class _Halves:
    """Rows of pairs that are new to the table, and the others."""

    new: pa.Table
    known: pa.Table


def upsert(
    connection: Connection[Row], dimension: Dimension, rows: pa.Table, sequence: int | None
) -> Counter[str]:
    """Store rows, as changes of a run; how many were new or differed, per subject.

    Raises StoreError and psycopg.Error.
    """
    _refuse_misfits(dimension, rows)
    changed: Counter[str] = Counter()
    with connection.transaction():
        for statement in sql.UNPACKING:
            connection.execute(statement.encode())
        for moment, answer in answers(rows):
            values = [dimension.name, moment.observed_at, moment.run_id]
            later = connection.execute(sql.CONFIRMED_LATER, values).fetchall()
            current = without_outdated(dimension, answer, (versions for (versions,) in later))
            current = standing(connection, dimension, moment, current)
            quarantine.supersede(connection, dimension, current)
            written = _written(connection, dimension, current, sequence)
            if written.total() < current.num_rows:
                connection.execute(sql.CONFIRM, [*values, packed(dimension, current)])
            changed.update(written)
    return changed


def _written(
    connection: Connection[Row], dimension: Dimension, rows: pa.Table, sequence: int | None
) -> Counter[str]:
    """Store rows of one answer, slice by slice; as `upsert`."""
    changed: Counter[str] = Counter()
    known = _known(connection, dimension, rows)
    same = _same(dimension, rows) if known.num_rows else {}
    staged = tuple(name for name in dimension.schema.names if name not in same)
    if known.num_rows:
        connection.execute(sql.staging(dimension, staged).encode())
    for start in range(0, rows.num_rows, SLICE_ROWS):
        halves = _split(dimension, rows.slice(start, SLICE_ROWS), known)
        _copied(connection, ("market", dimension.table), halves.new)
        changes.note(connection, dimension, halves.new, sequence)
        changed.update(_per_subject(dimension, halves.new))
        if halves.known.num_rows:
            given = {**same, **bound_to(dimension, sequence)}
            changed.update(_merged(connection, dimension, halves.known.select(staged), given))
    if known.num_rows:
        connection.execute("DROP TABLE pg_temp.staging")
    return changed


def _per_subject(dimension: Dimension, rows: pa.Table) -> dict[str, int]:
    """How many rows there are of each subject."""
    found = rows.group_by(dimension.subject).aggregate([([], "count_all")])
    return dict(zip(found[dimension.subject].to_pylist(), found["count_all"].to_pylist(), strict=True))


def _merged(
    connection: Connection[Row], dimension: Dimension, rows: pa.Table, given: dict[str, Any]
) -> dict[str, int]:
    """Bring rows by way of `staging`; `given` has the columns that are not there. As `upsert` of these."""
    _copied(connection, ("pg_temp", "staging"), rows)
    times = pc.min_max(rows[dimension.time]).as_py()
    entities = pc.unique(rows[dimension.entity]).to_pylist()
    given = {**given, "entities": entities, "first": times["min"], "last": times["max"]}
    for statement in _JOINING:
        connection.execute(statement.encode())
    statement = sql.upsert(dimension, tuple(rows.schema.names))
    changed: dict[str, int] = dict(connection.execute(statement.encode(), given).fetchall())
    for statement in (*_JOINED, "TRUNCATE pg_temp.staging"):
        connection.execute(statement.encode())
    return changed


def _same(dimension: Dimension, rows: pa.Table) -> dict[str, Any]:
    """Columns that have one value in all rows, with it: most of the lineage, as a rule, is not worth copying.

    What tells rows of one source apart is none, nor is a number whose two zeros are equal.
    """
    found: dict[str, Any] = {}
    for name in dimension.schema.names:
        column = rows[name]
        if name in dimension.key[1:] or pa.types.is_floating(column.type):
            continue
        if column.null_count == len(column):
            found[name] = None
        elif not column.null_count and pc.all(pc.equal(column, column[0])).as_py():
            found[name] = column[0].as_py()
    return found


def _copied(connection: Connection[Row], table: tuple[str, ...], rows: pa.Table) -> None:
    if rows.num_rows:
        copy_in(connection, table, rows.schema, rows.to_batches())


def _known(connection: Connection[Row], dimension: Dimension, rows: pa.Table) -> pa.Table:
    """Pairs of source and entity of the rows that have rows in the table."""
    pair = ["source", dimension.entity]
    pairs = rows.select(pair).group_by(pair).aggregate([])
    # A table that nobody has looked at yet may be planned as if it were empty: then every pair reads it all.
    connection.execute("SET LOCAL enable_seqscan = off")
    found = connection.execute(
        sql.known(dimension).encode(), [pairs[name].to_pylist() for name in pair]
    ).fetchall()
    connection.execute("SET LOCAL enable_seqscan = on")
    columns = [[row[place] for row in found] for place in range(len(pair))]
    return pa.table([pa.array(column, pa.string()) for column in columns], names=pair)


def _split(dimension: Dimension, rows: pa.Table, known: pa.Table) -> _Halves:
    """A slice's rows by whether their pair is known; neither half is a copy where the other is empty."""
    if not known.num_rows:
        return _Halves(rows, rows.slice(0, 0))
    mask = pc.is_in(_pairs(dimension, rows), value_set=_pairs(dimension, known).combine_chunks())
    if pc.all(mask).as_py():
        return _Halves(rows.slice(0, 0), rows)
    return _Halves(rows.filter(pc.invert(mask)), rows.filter(mask))


def _pairs(dimension: Dimension, rows: pa.Table) -> pa.ChunkedArray:
    # No text of PostgreSQL holds the character of number 0.
    return pc.binary_join_element_wise(rows["source"], rows[dimension.entity], "\0")


def _refuse_misfits(dimension: Dimension, rows: pa.Table) -> None:
    if not rows.schema.equals(dimension.schema):
        others = ", ".join(
            f"{ours.name} is {rows.schema.field(ours.name).type} and not {ours.type}"
            for ours in dimension.schema
            if ours.name in rows.schema.names and rows.schema.field(ours.name).type != ours.type
        )
        raise _refused(dimension, f"rows are not of the dimension's schema{others and ': '}{others}")
    for field in dimension.schema:
        if (beyond := _beyond(rows[field.name])) is not None:
            raise _refused(dimension, f"{field.name} {beyond} is not in the years 1 to 9999")
    if doubled := _doubled_keys(dimension, rows):
        raise _refused(dimension, f"{doubled} keys come more than once in one batch")


def _beyond(column: pa.ChunkedArray) -> str | None:
    """A time of the column that no year of four digits has, in the column's own unit; None for none."""
    if pa.types.is_date(column.type):
        bounds, unit = pc.min_max(column.cast(pa.int32())).as_py(), 1 / _DAY
    elif pa.types.is_timestamp(column.type):
        bounds, unit = pc.min_max(column.cast(pa.int64())).as_py(), 1_000_000
    else:
        return None
    least, most = bounds["min"], bounds["max"]
    if least is not None and least < EARLIEST * unit:
        return f"{least} ({column.type})"
    return f"{most} ({column.type})" if most is not None and most >= LATEST * unit else None


def _doubled_keys(dimension: Dimension, rows: pa.Table) -> int:
    """How many keys come more than once; of rows that ascend by their key, as most do, it needs no count."""
    if _ascending(rows, dimension.key):
        return 0
    counts = rows.select(list(dimension.key)).group_by(list(dimension.key)).aggregate([([], "count_all")])
    return int(pc.sum(pc.greater(counts["count_all"], 1)).as_py() or 0)


def _ascending(rows: pa.Table, key: tuple[str, ...]) -> bool:
    """Whether each row's key is greater than the one before it."""
    less: pa.ChunkedArray | None = None
    for name in reversed(key):
        one, next_one = rows[name].slice(0, rows.num_rows - 1), rows[name].slice(1)
        below = pc.less(one, next_one)
        less = below if less is None else pc.or_(below, pc.and_(pc.equal(one, next_one), less))
    return less is not None and pc.all(less, skip_nulls=False).as_py() is not False


def _refused(dimension: Dimension, why: str) -> StoreError:
    return StoreError(Outcome.STORE_FAILED, f"{dimension.name}: {why}")
