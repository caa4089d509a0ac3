"""Statements of a writer of DuckDB, and the transaction around them. Every call raises StoreError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb

from .session import translated


class Statements:
    """On one connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def execute(self, statement: str, *values: object) -> None:
        """Run a statement that gives no rows."""
        with translated("write the store"):
            self._connection.execute(statement, list(values))

    def number(self, statement: str, **named: object) -> int:
        """The first value of the first row; 0 where there is no row."""
        with translated("query the store"):
            row = self._connection.execute(statement, named or None).fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed together, or not at all."""
        self.execute("BEGIN TRANSACTION")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):
                self._connection.execute("ROLLBACK")
            raise
