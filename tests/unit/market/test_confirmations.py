"""Which versions an answer confirms, packed and looked up again, for every dimension's key."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from backbone.market.confirmations import Moment, answers, packed, without_outdated
from backbone.market.dimensions import DIMENSIONS, Dimension
from backbone.market.lineage import Lineage, stamp

AT = datetime(2024, 3, 1, 10, 0, tzinfo=UTC)
LINEAGE = Lineage("run-1", 1, AT, "Test")
VALUES: dict[pa.DataType, tuple[object, ...]] = {
    pa.string(): ("A", "", "O'Neil | 株式", "a", "B\0"),
    pa.int32(): (-(2**31), 0, 2**31 - 1),
    pa.int64(): (-(2**63), 0, 2**63 - 1),
    pa.date32(): (date(1, 1, 1), date(1970, 1, 1), date(9999, 12, 31)),
    pa.timestamp("us", "UTC"): (datetime(1, 1, 1, tzinfo=UTC), datetime(2024, 3, 1, 0, 0, 0, 1, tzinfo=UTC)),
    pa.float64(): (1.0,),
}


def versions(dimension: Dimension, lineage: Lineage = LINEAGE) -> pa.Table:
    """Rows that differ from the first in one column of the key, or in the revision, each."""
    first = {field.name: VALUES[field.type][0] for field in dimension.facts}
    rows = [first]
    for name in (*dimension.key, "revision"):
        rows += [{**first, name: value} for value in VALUES[dimension.facts.field(name).type][1:]]
    each = [pa.Table.from_pylist([row], schema=dimension.facts) for row in rows]
    return stamp(dimension, pa.concat_tables(each), lineage)


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda item: item.name)
def test_of_an_older_answer_each_version_that_was_confirmed_goes_and_no_other(dimension: Dimension) -> None:
    rows = versions(dimension)
    for place in range(rows.num_rows):
        left = without_outdated(dimension, rows, [packed(dimension, rows.slice(place, 1))])
        assert left.schema.equals(dimension.schema)
        others = pa.concat_tables([rows.slice(0, place), rows.slice(place + 1)])
        assert sorted(map(str, left.to_pylist())) == sorted(map(str, others.to_pylist()))
    assert without_outdated(dimension, rows, [packed(dimension, rows)]).num_rows == 0
    assert without_outdated(dimension, rows, []) is rows


def test_rows_that_come_in_small_pieces_take_no_more_room_than_in_one() -> None:
    dimension = DIMENSIONS[0]
    pieces = pa.concat_tables([versions(dimension)] * 500)
    whole = packed(dimension, pieces.combine_chunks())
    assert len(packed(dimension, pieces)) == len(whole) < pieces.num_rows * 2


def test_rows_are_told_apart_by_the_answer_that_they_came_in() -> None:
    dimension = DIMENSIONS[0]
    one, other = versions(dimension), versions(dimension, Lineage("run-2", 1, AT, "Test"))
    assert [(moment, rows is one) for moment, rows in answers(one)] == [(Moment(AT, "run-1"), True)]
    assert {moment: rows.to_pylist() for moment, rows in answers(pa.concat_tables([one, other]))} == {
        Moment(AT, "run-1"): one.to_pylist(),
        Moment(AT, "run-2"): other.to_pylist(),
    }
    assert list(answers(one.slice(0, 0))) == []
