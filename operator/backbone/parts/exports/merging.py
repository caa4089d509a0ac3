"""A partition of which the store no longer has every row: the last export's rows, and the store's."""

from __future__ import annotations

from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from ...market.dimensions import Dimension
from .partitions import Moment, in_type

ORDER = ("revision", "observed_at", "run_id")
"""Of two versions of a row the one with the greater values stays."""


def merged(dimension: Dimension, exported: pa.Table, stored: pa.Table, confirmed_from: Moment) -> pa.Table:
    """The rows of a partition, in the order of its key: per key the greater version.

    `exported` are rows of the last export that no verdict of the store has taken back, and `stored` those of
    the store, both in the dimension's schema. The store has every row from `confirmed_from` on, which was
    asked for after `stored` was read: an exported row from then on that the store lacks was removed.
    """
    limit = pa.scalar(in_type(dimension, confirmed_from), dimension.schema.field(dimension.time).type)
    earlier = exported.filter(pc.less(exported[dimension.time], limit))
    # The store's first: the sort is stable, and of two versions with one order the store's stays.
    every = pa.concat_tables([stored, earlier])
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
