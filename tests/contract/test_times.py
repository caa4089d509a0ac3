"""Times that PostgreSQL has and Python has not are read wherever they come from."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from backbone.adapters.timescale.pool import DatabasePool
from backbone.adapters.timescale.rows import table
from backbone.adapters.timescale.session import connected
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.adapters.timescale.times import EARLIEST, LATEST


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize(
    ("kind", "earliest", "latest"),
    [
        pytest.param("date", date.min, date.max, id="date"),
        pytest.param("timestamp", datetime(1, 1, 1), datetime.max, id="timestamp"),  # noqa: DTZ001, DTZ901
        pytest.param(
            "timestamptz",
            datetime(1, 1, 1, tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
            id="timestamptz",
        ),
    ],
)
def test_a_time_that_python_has_not_is_read_on_every_connection(
    own_postgres: ConnectionSettings, kind: str, earliest: date, latest: date, *, binary: bool
) -> None:
    beyond = {
        "-infinity": earliest,
        "0044-03-15 BC": earliest,
        "4700-01-01 BC": earliest,
        "infinity": latest,
        "10000-01-01": latest,
        "290000-01-01": latest,
    }
    wanted: list[Any] = [*beyond.values(), [earliest, latest, None]]
    asked = ", ".join(f"'{text}'::{kind}" for text in beyond)
    statement = f"SELECT {asked}, ARRAY['-infinity', 'infinity', NULL]::{kind}[]"
    with connected(own_postgres) as connection:
        alone = connection.cursor(binary=binary).execute(statement.encode()).fetchone()
    with DatabasePool(own_postgres) as pool, pool.connection() as connection:
        pooled = connection.cursor(binary=binary).execute(statement.encode()).fetchone()
    assert alone == pooled == tuple(wanted)


def test_rows_with_such_times_are_read_as_arrow(own_postgres: ConnectionSettings) -> None:
    rows = {
        "('infinity'::date, '-infinity'::timestamptz, 'infinity', 'infinity'::float8)": (
            date.max,
            EARLIEST,
            "infinity",
            float("inf"),
        ),
        "('2024-02-29', '2024-02-29 10:00:00.123456+00', '', NULL)": (
            date(2024, 2, 29),
            datetime(2024, 2, 29, 10, 0, 0, 123456, tzinfo=UTC),
            "",
            None,
        ),
        "('0044-03-15 BC', '12024-01-01 00:00:00.5+00', '-', 1)": (date.min, LATEST, "-", 1.0),
        "(NULL, '0044-03-15 10:00:00+00 BC', 'BC', -1)": (None, EARLIEST, "BC", -1.0),
    }
    schema = pa.schema(
        [("day", pa.date32()), ("at", pa.timestamp("us", "UTC")), ("text", pa.string()), ("n", pa.float64())]
    )
    statement = f"SELECT * FROM (VALUES {', '.join(rows)}) AS given (day, at, text, n)"
    with connected(own_postgres) as connection:
        found = table(connection, statement, schema, {})
    assert [tuple(row.values()) for row in found.to_pylist()] == list(rows.values())
