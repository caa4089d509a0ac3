"""The tables of a DuckDB file: made and brought up to date, and read back in full before readers get them."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ...market.dimensions import DIMENSIONS
from ...ports.store_errors import StoreError
from ...vocabulary import Outcome
from . import changes_sql, sql, upgrade
from .session import STORAGE_VERSION, opened, translated


def read_in_full(database: Path) -> None:
    """Read every block of every table; DuckDB checks each one's checksum. Raises StoreError, StoreCorrupt."""
    with opened(database, read_only=True) as connection, translated("read the database back"):
        # Whichever tables there are: the file may be of another version.
        for schema, table in connection.execute(sql.TABLES).fetchall():
            connection.execute(_reading(schema, table)).fetchall()


def rewrite(former: Path, target: Path) -> None:
    """Write a database anew into a file of the present storage format. Raises StoreError.

    Both are read and compared before this returns.
    """
    with opened(Path(":memory:")) as connection, translated("rewrite the store in the present format"):
        connection.execute("ATTACH ? AS former (READ_ONLY)", [str(former)])
        connection.execute(f"ATTACH ? AS present (STORAGE_VERSION '{STORAGE_VERSION}')", [str(target)])
        connection.execute("COPY FROM DATABASE former TO present")
        connection.execute("CHECKPOINT present")
        contents = []
        for database in ("former", "present"):
            connection.execute(f"USE {database}")
            tables = connection.execute(sql.TABLES).fetchall()
            contents.append({name: connection.execute(_reading(*name)).fetchall() for name in sorted(tables)})
        connection.execute("USE memory")
        connection.execute("DETACH present")
    if contents[0] != contents[1]:
        raise StoreError(Outcome.STORE_FAILED, "the rewritten store holds other rows than the one before")


def define(connection: duckdb.DuckDBPyConnection) -> None:
    """Create what is missing, and bring the tables of an earlier version to the present schema."""
    with translated("create the tables"):
        for statement in sql.definitions():
            connection.execute(statement)
    with translated("bring the tables to the present schema"):
        if connection.execute(upgrade.NO_BACKBONE).fetchone() == (True,):
            for statement in upgrade.JOURNAL:
                connection.execute(statement)
        connection.execute(upgrade.PLAN_METADATA)
        for named, statements in (
            (upgrade.outdated(), upgrade.migration),
            (upgrade.unkeyed(), upgrade.rekeying),
        ):
            names = {name for (name,) in connection.execute(named).fetchall()}
            for dimension in (item for item in DIMENSIONS if item.table in names):
                for statement in statements(dimension):
                    connection.execute(statement, [dimension.name] if "?" in statement else None)
        if connection.execute(upgrade.TELLS_NO_CHANGES).fetchone() == (True,):
            for dimension in DIMENSIONS:
                connection.execute(changes_sql.taking_in(dimension))
            connection.execute(upgrade.TELLS_CHANGES)


def _reading(schema: str, table: str) -> str:
    """Read every value of a table."""
    # A sum, since whatever is added can cancel nothing out; it is a reason to read, and no digest to compare.
    return f'SELECT count(*), sum(CAST(hash(item) AS HUGEINT)) FROM "{schema}"."{table}" AS item'  # noqa: S608
