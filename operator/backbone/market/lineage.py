"""Lineage: the columns that lead from a stored row to the run that stored it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from .dimensions import MOMENT, SCHEMA_VERSION, Dimension


@dataclass(frozen=True, slots=True)
class Lineage:
    """What one run stamps on its rows. `observed_at` is UTC."""

    run_id: str
    plan_generation: int
    observed_at: datetime


def stamp(dimension: Dimension, facts: pa.Table, lineage: Lineage) -> pa.Table:
    """Facts as a provider delivered them, with lineage, in the dimension's schema.

    Raises pyarrow.ArrowInvalid or ValueError where the facts do not fit the schema.
    """
    count = facts.num_rows
    columns = [
        *facts.select(dimension.facts.names).cast(dimension.facts).columns,
        pa.repeat(pa.scalar(lineage.run_id), count),
        pa.repeat(pa.scalar(lineage.plan_generation, pa.int64()), count),
        pa.repeat(pa.scalar(SCHEMA_VERSION, pa.int32()), count),
        pa.repeat(pa.scalar(lineage.observed_at, MOMENT), count),
    ]
    return pa.table(columns, schema=dimension.schema)
