"""Rows come back as they were, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backbone.adapters.arrow_values import CorruptValue, packed, unpacked
from backbone.market.dimensions import DIMENSIONS, Dimension

VALUES = {
    pa.string(): "it's \u2018quoted\u2019",
    pa.float64(): float("nan"),
    pa.int64(): -(1 << 62),
    pa.int32(): 7,
    pa.date32(): date(1815, 6, 18),
    pa.timestamp("us", "UTC"): datetime(2262, 4, 11, 23, 47, 16, 854775, tzinfo=UTC),
}


def filled(dimension: Dimension, count: int) -> pa.Table:
    columns = [pa.array([VALUES[field.type]] * count, field.type) for field in dimension.schema]
    return pa.Table.from_arrays(columns, schema=dimension.schema)


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda dimension: dimension.name)
@pytest.mark.parametrize("count", [0, 1, 300])
def test_every_dimension_comes_back_with_its_schema(dimension: Dimension, count: int) -> None:
    rows = filled(dimension, count)
    back = unpacked(packed(rows))
    assert back.schema.equals(rows.schema, check_metadata=True)
    # Not a number is equal to nothing: compare what is written.
    assert str(back.to_pylist()) == str(rows.to_pylist())


def test_chunks_become_one() -> None:
    rows = pa.concat_tables([filled(DIMENSIONS[0], 3)] * 5)
    assert unpacked(packed(rows)).column(0).num_chunks == 1


WITHOUT_PANDAS = """
import sys
import pyarrow as pa
from backbone.adapters.arrow_values import packed, unpacked
close = pa.Array.from_buffers(pa.float64(), 2, [None, pa.py_buffer(bytes(16))])
rows = pa.Table.from_arrays([close], names=["close"])
assert unpacked(packed(rows)).equals(rows)
sys.exit("pandas" in sys.modules)
"""


def test_neither_way_loads_pandas() -> None:
    path = os.pathsep.join(filter(None, sys.path))
    subprocess.run([sys.executable, "-c", WITHOUT_PANDAS], env={"PYTHONPATH": path}, check=True)


ROWS = packed(filled(DIMENSIONS[0], 40))


@settings(max_examples=300)
@given(st.integers(0, len(ROWS) - 1), st.integers(1, 255))
def test_one_wrong_byte_anywhere_is_found(place: int, change: int) -> None:
    harmed = bytearray(ROWS)
    harmed[place] ^= change
    with pytest.raises(CorruptValue):
        unpacked(bytes(harmed))


@given(st.integers(0, len(ROWS) - 1))
def test_a_value_that_was_cut_is_found(length: int) -> None:
    with pytest.raises(CorruptValue):
        unpacked(ROWS[:length])


@given(st.binary(max_size=200))
def test_bytes_of_somebody_else_are_found(value: bytes) -> None:
    with pytest.raises(CorruptValue):
        unpacked(value)
