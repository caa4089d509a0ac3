"""Whether Yahoo has re-adjusted a symbol's history since it was stored."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ...market.dimensions import Dimension

TOLERANCE = 1e-5
"""Relative. Yahoo computes adjusted prices anew for each answer, in single precision."""
SETTLING = 2
"""The last stored rows are not compared: Yahoo corrects a bar for a day or two after its session."""
LEAST = 3
COMPARED = 20
"""How many stored rows of a symbol are looked at."""


def readjusted(dimension: Dimension, stored: pa.Table, facts: pa.Table) -> bool:
    """Whether most rows that both have differ in price.

    `stored` are the last rows of one symbol, by time, `facts` what came now; both have the facts columns.
    """
    before = stored.slice(0, max(0, stored.num_rows - SETTLING))
    old = {key: row for row, key in enumerate(before[dimension.time].to_pylist())}
    new = {key: row for row, key in enumerate(facts[dimension.time].to_pylist()) if key in old}
    if len(new) < LEAST:
        return False
    prices = [name for name in ("close", "adjusted_close") if name in facts.schema.names]
    return any(_differ(before, [old[key] for key in new], facts, list(new.values()), name) for name in prices)


def _differ(before: pa.Table, old: list[int], facts: pa.Table, new: list[int], name: str) -> bool:
    was = np.asarray(before[name].to_numpy(), np.float64)[old]
    now = np.asarray(facts[name].to_numpy(), np.float64)[new]
    known = np.isfinite(was) & np.isfinite(now) & (was != 0)
    differing = np.abs(now[known] / was[known] - 1) > TOLERANCE
    return bool(known.any() and 2 * differing.sum() > known.sum())
