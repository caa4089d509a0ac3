"""A partition of which the store no longer has every row: the last export's rows, and the store's."""

from __future__ import annotations

from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from ...market.dimensions import Dimension
from .partitions import Moment, in_type

ORDER = ("revision", "observed_at", "run_id")
"""Of two versions of a row the one with the greater values stays."""


def merged(
    dimension: Dimension, exported: pa.Table, stored: pa.Table, removed: pa.Table, confirmed_from: Moment
) -> pa.Table:
    """The rows of a partition, in the order of its key: per key the greater version.

    `exported` are rows of the last export and `stored` those of the store, in the dimension's schema.
    `removed` has the columns of the key and of ORDER: removals that the store remembers, each a version of
    its key, by which it has judged its own rows already. The store has every row from `confirmed_from` on,
    asked for after `stored` was read: an exported row from then on that the store lacks was removed.
    """
    limit = pa.scalar(in_type(dimension, confirmed_from), dimension.schema.field(dimension.time).type)
    earlier = exported.filter(pc.less(exported[dimension.time], limit))
    return _greatest(dimension, stored, _without_removed(dimension, earlier, removed))


def _without_removed(dimension: Dimension, rows: pa.Table, removed: pa.Table) -> pa.Table:
    columns = [*dimension.key, *ORDER]
    places = pa.array(range(rows.num_rows), pa.int64())
    numbered = rows.select(columns).append_column("place", places)
    removals = removed.select(columns).append_column("place", pa.nulls(removed.num_rows, pa.int64()))
    return rows.take(_greatest(dimension, removals, numbered)["place"].drop_null())


def _greatest(dimension: Dimension, first: pa.Table, second: pa.Table) -> pa.Table:
    """Per key the row with the greatest version; of two with one version that of the first table."""
    every = pa.concat_tables([first, second])  # the sort is stable
    order = [*((name, "ascending") for name in dimension.key), *((name, "descending") for name in ORDER)]
    ordered = every.take(pc.sort_indices(every, sort_keys=order))
    return ordered.filter(_first_of_key(dimension, ordered))


def _first_of_key(dimension: Dimension, ordered: pa.Table) -> pa.ChunkedArray:
    """Which rows differ in their key from the row before."""
    if not ordered.num_rows:
        return pa.chunked_array([], pa.bool_())
    columns = [ordered[name].combine_chunks() for name in dimension.key]
    changes = [pc.not_equal(column.slice(1), column.slice(0, len(column) - 1)) for column in columns]
    return pa.chunked_array([[True], reduce(pc.or_, changes)], pa.bool_())
