"""Lineage: the columns that lead from a stored row to the run that stored it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from .dimensions import MOMENT, SCHEMA_VERSION, Dimension


@dataclass(frozen=True, slots=True)
class Lineage:
    """What one run stamps on the rows of one provider. `observed_at` is UTC."""

    run_id: str
    plan_generation: int
    observed_at: datetime
    provider: str


def stamp(dimension: Dimension, facts: pa.Table, lineage: Lineage, flags: pa.Array | None = None) -> pa.Table:
    """Facts as a provider delivered them, with lineage and flags, in the dimension's schema.

    Raises pyarrow.ArrowInvalid or ValueError where the facts do not fit the schema.
    """
    count = facts.num_rows
    columns = [
        *facts.select(dimension.facts.names).cast(dimension.facts).columns,
        pa.repeat(pa.scalar(lineage.run_id), count),
        pa.repeat(pa.scalar(lineage.plan_generation, pa.int64()), count),
        pa.repeat(pa.scalar(SCHEMA_VERSION, pa.int32()), count),
        pa.repeat(pa.scalar(lineage.observed_at, MOMENT), count),
        pa.repeat(pa.scalar(lineage.provider), count),
        pa.nulls(count, pa.string()) if flags is None else flags,
    ]
    return pa.table(columns, schema=dimension.schema)


def completed(dimension: Dimension, stored: pa.RecordBatch) -> pa.RecordBatch:
    """Rows that an earlier version published, in the present schema: nulls in what is new, and no provider.

    Their run's record in the journal names the provider; the next run writes it to the rows.
    """
    # By from_arrays alone: record_batch() imports pandas, cast() the compute functions; no read needs them.
    columns = [_column(stored, field) for field in dimension.schema]
    return pa.RecordBatch.from_arrays(columns, schema=dimension.schema)


def _column(stored: pa.RecordBatch, field: pa.Field) -> pa.Array:
    if field.name in stored.schema.names:
        return stored.column(field.name)
    if field.nullable:
        return pa.nulls(stored.num_rows, field.type)
    return pa.repeat(pa.scalar("unknown"), stored.num_rows)
