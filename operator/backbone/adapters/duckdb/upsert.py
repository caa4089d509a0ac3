"""Arrow tables into the market's tables, by one statement for each answer. Every call raises StoreError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb
import pyarrow as pa

from ...market.confirmations import Moment, answers, packed, without_outdated
from ...market.dimensions import Dimension
from ...ports.store_errors import StoreError
from ...vocabulary import Outcome
from . import quarantine, sql
from .session import translated


def upsert(connection: duckdb.DuckDBPyConnection, dimension: Dimension, rows: pa.Table) -> int:
    """Store rows; how many were new or differed."""
    if not rows.schema.equals(dimension.schema):
        raise StoreError(Outcome.STORE_FAILED, f"{dimension.name}: rows are not of the dimension's schema")
    with registered(connection, rows), translated(f"store {dimension.name}"):
        # Keys of different hashes differ; only where two agree are the keys themselves counted.
        alike = _number(connection, sql.alike_keys(dimension))
        doubled = _number(connection, sql.doubled_keys(dimension)) if alike else 0
        if doubled:
            raise StoreError(
                Outcome.STORE_FAILED, f"{dimension.name}: {doubled} keys come more than once in one batch"
            )
        quarantine.supersede(connection, dimension)
    return sum(_kept(connection, dimension, moment, answer) for moment, answer in answers(rows))


def _kept(connection: duckdb.DuckDBPyConnection, dimension: Dimension, moment: Moment, rows: pa.Table) -> int:
    """Store the rows of one answer that no later one has overtaken; how many were new or differed."""
    with translated(f"store {dimension.name}"):
        values = [dimension.name, moment.observed_at, moment.run_id]
        later = connection.execute(sql.CONFIRMED_LATER, values).fetchall()
        rows = without_outdated(dimension, rows, (versions for (versions,) in later))
        with registered(connection, rows):
            # A source's first delivery meets nothing, and an INSERT takes two thirds of a MERGE's time.
            known = _number(connection, sql.known_sources(dimension))
            changed = _number(connection, sql.merge(dimension) if known else sql.insert(dimension))
        if changed < rows.num_rows:
            connection.execute(sql.CONFIRM, [*values, packed(dimension, rows)])
        return changed


@contextmanager
def registered(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> Iterator[None]:
    """The rows as the view `incoming`."""
    connection.register("incoming", rows)
    try:
        yield
    finally:
        # In an aborted transaction this fails too, and would hide why.
        with suppress(duckdb.Error):
            connection.unregister("incoming")


def _number(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
    return int(row[0]) if row else 0
