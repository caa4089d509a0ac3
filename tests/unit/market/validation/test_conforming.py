"""What is read of columns of other types; one value that does not fit costs its own row alone."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from support.judged_rows import bars, minutes

from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS, Dimension
from backbone.market.validation.conforming import conform

DAY = ("2024-03-01T15:00+00:00", "2024-03-01T15:02+00:00")


@pytest.mark.parametrize(
    ("column", "kind", "values", "read"),
    [
        pytest.param("volume", pa.uint64(), [7, 2**64 - 1], [7, None], id="beyond 64 bits"),
        pytest.param(
            "volume", pa.decimal128(38, 2), [Decimal(7), Decimal("7.5")], [7, None], id="a fraction"
        ),
        pytest.param(
            "volume", pa.decimal128(38, 0), [Decimal(7), Decimal(10**30)], [7, None], id="a long decimal"
        ),
        pytest.param("volume", pa.float64(), [7.0, float("nan")], [7, None], id="no number"),
        pytest.param("volume", pa.float64(), [7.0, float("inf")], [7, None], id="no end"),
        pytest.param("volume", pa.string(), ["7", "9" * 25], [7, None], id="a long text"),
        pytest.param("interval_seconds", pa.int64(), [60, 2**40], [60, None], id="more than 32 bits"),
        pytest.param(
            "interval_seconds", pa.string(), ["60", str(2**40)], [60, None], id="the same as a text"
        ),
        pytest.param("interval_seconds", pa.string(), [" +60\t", "x"], [60, None], id="a text with room"),
        pytest.param("volume", pa.string(), ["\t7\n", "x"], [7, None], id="a text with room for 64 bits"),
        pytest.param("close", pa.string(), [" +7.5\n", "x"], [7.5, None], id="a price with room"),
        pytest.param("volume", pa.large_string(), ["7", "x"], [7, None], id="large texts"),
        pytest.param(
            "interval_seconds",
            pa.dictionary(pa.int8(), pa.int64()),
            [60, 2**40],
            [60, None],
            id="a dictionary",
        ),
        pytest.param("close", pa.uint64(), [7, 2**63], [7.0, None], id="more than a double holds"),
        pytest.param("volume", pa.int64(), [7, 2**53 + 1], [7, 2**53 + 1], id="what is right already"),
        pytest.param("volume", pa.timestamp("us"), [7, 8], [None, None], id="times are no numbers"),
        pytest.param("close", pa.string(), ["7.5", "n/a"], [7.5, None], id="a price that is a word"),
        pytest.param("close", pa.decimal128(20, 4), [Decimal("7.5"), Decimal(0)], [7.5, 0.0], id="prices"),
    ],
)
def test_of_a_column_what_fits_is_read(
    column: str, kind: pa.DataType, values: list[object], read: list[object]
) -> None:
    dimension: Dimension = INTRADAY_BARS if column == "interval_seconds" else DAILY_BARS
    rows = pa.Table.from_pylist((minutes(DAY) if dimension is INTRADAY_BARS else bars())[:2], dimension.facts)
    place = rows.schema.get_field_index(column)
    facts, misfits = conform(dimension, rows.set_column(place, column, pa.array(values, kind)))
    assert facts[column].to_pylist() == read
    assert misfits.tolist() == [value is None for value in read]
