"""Which rows that came lost to a version that is stored: the statements for it."""

from __future__ import annotations

from ...market.dimensions import LINEAGE, Dimension
from . import sql

_LINEAGE = frozenset(field.name for field in LINEAGE)


def lost(dimension: Dimension) -> str:
    """How many rows of the view `incoming` are stored with another content."""
    same = " AND ".join(f'stored."{name}" = incoming."{name}"' for name in dimension.key)
    content = [name for name in dimension.schema.names if name not in _LINEAGE and name not in dimension.key]
    differs = " OR ".join(f'stored."{name}" IS DISTINCT FROM incoming."{name}"' for name in content)
    return f"""
        SELECT count(*) FROM incoming JOIN {sql.table_of(dimension)} AS stored ON {same} WHERE {differs}
    """  # noqa: S608


def may_lose(dimension: Dimension) -> str:
    """Whether rows of an answer can have lost to what is stored, or was confirmed, later than they came."""
    return f"""
        SELECT EXISTS (
            FROM {sql.table_of(dimension)}
            WHERE run_id <> $run AND (observed_at >= $at OR revision > $revision)
        ) OR EXISTS (
            FROM telemetry.confirmations
            WHERE dimension = $dimension AND (observed_at, run_id) > ($at, $run)
        )
    """  # noqa: S608
