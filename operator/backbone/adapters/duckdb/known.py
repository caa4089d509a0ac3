"""What the DuckDB store knows of the names that a run is about to ask for. Every call raises StoreError."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import duckdb
import pyarrow as pa

from ...market.dimensions import Dimension, moment_of
from ...ports.store import SubjectSpan
from ...vocabulary import Outcome
from . import sql
from .session import translated

DOING = "look up what is stored"


def missed(connection: duckdb.DuckDBPyConnection, plan: str, dimension: Dimension) -> frozenset[str]:
    """Names that the plan's last run did not get in full."""
    with translated(DOING):
        found = connection.execute(sql.MISSED, [plan, dimension.name, Outcome.SUCCEEDED]).fetchall()
    return frozenset(str(name) for (name,) in found)


def spans(
    connection: duckdb.DuckDBPyConnection, dimension: Dimension, source: str, interval: int | None
) -> dict[str, SubjectSpan]:
    """From when to when the store holds each subject of a source."""
    given = [source] if interval is None else [source, interval]
    statement = sql.subject_spans(dimension, interval=interval is not None)
    with translated(DOING):
        found = connection.execute(statement, given).fetchall()
    return {
        name: SubjectSpan(_moment(first), _moment(last), revision) for name, first, last, revision in found
    }


def latest(
    connection: duckdb.DuckDBPyConnection,
    dimension: Dimension,
    source: str,
    names: Sequence[str],
    count: int,
) -> pa.Table:
    """The last rows of each name, in its facts columns."""
    with translated(DOING):
        found = connection.sql(sql.latest(dimension), params=[source, list(names), count])
        return found.to_arrow_table().cast(dimension.facts)


def _moment(value: date | datetime) -> datetime:
    found = moment_of(value)
    assert found is not None  # noqa: S101 - time columns hold no nulls
    return found.astimezone(UTC)
