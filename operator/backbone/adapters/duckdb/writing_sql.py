"""Statements of the DuckDB store that bring the view `incoming` into a dimension's table.

Identifiers come from market.dimensions and from this file.
"""

from __future__ import annotations

from ...market.dimensions import LINEAGE, Dimension
from .changes_sql import returning
from .sql import column_list, table_of

_LINEAGE = frozenset(field.name for field in LINEAGE)


def alike_keys(dimension: Dimension) -> str:
    """How many rows of the view `incoming` share the hash of their key with another; a quick first look."""
    return f"SELECT count(*) - count(DISTINCT hash({column_list(dimension.key)})) FROM incoming"  # noqa: S608


def doubled_keys(dimension: Dimension) -> str:
    """How many keys the view `incoming` holds more than once."""
    key = column_list(dimension.key)
    return f"SELECT count(*) FROM (SELECT {key} FROM incoming GROUP BY {key} HAVING count(*) > 1)"  # noqa: S608


def known_sources(dimension: Dimension) -> str:
    """Whether rows of a source of the view `incoming` are stored already."""
    incoming = "SELECT DISTINCT source FROM incoming"
    return f"SELECT EXISTS (SELECT 1 FROM {table_of(dimension)} WHERE source IN ({incoming}))"  # noqa: S608


def insert(dimension: Dimension) -> str:
    """Bring the view `incoming` into the dimension's table, where no row of its sources is."""
    return f"INSERT INTO {table_of(dimension)} BY NAME SELECT * FROM incoming"  # noqa: S608


def merge(dimension: Dimension) -> str:
    """Bring the view `incoming` into the dimension's table; source and day of each row that it wrote.

    The table has no index: the one writer joins on the key, which is faster and takes an eighth of the space.
    """
    same_key = " AND ".join(f'stored."{name}" = incoming."{name}"' for name in dimension.key)
    content = [name for name in dimension.schema.names if name not in _LINEAGE and name not in dimension.key]
    differs = " OR ".join(f'stored."{name}" IS DISTINCT FROM incoming."{name}"' for name in content)
    order = ("revision", "observed_at", "run_id")
    later = f"({column_list(order, 'incoming')}) > ({column_list(order, 'stored')})"
    return f"""
        MERGE INTO {table_of(dimension)} AS stored USING incoming ON {same_key}
        WHEN MATCHED AND ({differs}) AND {later} THEN UPDATE BY NAME
        WHEN NOT MATCHED THEN INSERT BY NAME
        {returning(dimension)}
    """
