"""Which rows that came lost to a version that is stored: the statements for it."""

from __future__ import annotations

from ...market.dimensions import LINEAGE, Dimension
from . import sql

_LINEAGE = frozenset(field.name for field in LINEAGE)


def compared(dimension: Dimension) -> tuple[str, ...]:
    """Key and content of a row, without where it comes from."""
    return tuple(name for name in dimension.schema.names if name not in _LINEAGE)


def may_lose(dimension: Dimension) -> str:
    """Whether rows of an answer can have lost to what is stored, or was confirmed, later than they came."""
    return f"""
        SELECT EXISTS (
            SELECT FROM {sql.table_of(dimension)}
            WHERE "{dimension.entity}" = ANY(%(entities)s)
              AND "{dimension.time}" BETWEEN %(first)s AND %(last)s
              AND run_id <> %(run)s AND (observed_at >= %(at)s OR revision > %(revision)s)
        ) OR EXISTS (
            SELECT FROM telemetry.confirmations WHERE dimension = %(dimension)s
            AND (observed_at, run_id) > (%(at)s::timestamptz, %(run)s)
        )
    """  # noqa: S608


def lost(dimension: Dimension) -> str:
    """How many rows of `staging` are stored with another content."""
    same = " AND ".join(f'stored."{name}" = staging."{name}"' for name in dimension.key)
    content = [name for name in compared(dimension) if name not in dimension.key]
    differs = " OR ".join(f'stored."{name}" IS DISTINCT FROM staging."{name}"' for name in content)
    return f"""
        SELECT count(*) FROM staging JOIN {sql.table_of(dimension)} AS stored ON {same}
        WHERE stored."{dimension.entity}" = ANY(%(entities)s)
          AND stored."{dimension.time}" BETWEEN %(first)s AND %(last)s AND ({differs})
    """  # noqa: S608
