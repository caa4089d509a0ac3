"""What a manifest says of a partition is what went into its file."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from support.exports import AT, bars

from backbone.market.canonical import hashed_schema, rows_hash
from backbone.market.dimensions import DAILY_BARS, INTRADAY_TRADES, MACRO_SERIES
from backbone.market.lineage import Lineage, stamp
from backbone.parts.exports.contents import Contents, written_value
from backbone.parts.exports.manifest import LeftOutRows
from backbone.parts.exports.partitions import Partition

OF_2026 = Partition("yahoo", "2026")


def passed(contents: Contents, table: pa.Table, size: int) -> int:
    return sum(contents.passed(batch).num_rows for batch in table.to_batches(max_chunksize=size))


@pytest.mark.parametrize("size", [1, 2, 10])
def test_the_entry_of_a_file_is_about_all_its_batches(size: int) -> None:
    table = pa.concat_tables(
        [
            bars([("yahoo", "B", date(2026, 3, 9), 1.0)], run="run-2"),
            bars([("yahoo", "A", date(2026, 3, 6), 2.0), ("yahoo", "C", date(2026, 1, 2), 3.0)], run="run-1"),
        ]
    )
    contents = Contents(DAILY_BARS, {})
    assert passed(contents, table, size) == 3
    file = contents.file("data/x.parquet", 5, "a" * 64)
    assert (file.rows, file.bytes, file.hash) == (3, 5, str(rows_hash(table, hashed_schema(DAILY_BARS))))
    assert file.least == {"source": "yahoo", "symbol": "A", "session_date": "2026-01-02"}
    assert file.greatest == {"source": "yahoo", "symbol": "C", "session_date": "2026-03-09"}
    entry = contents.entry(OF_2026, [file])
    assert entry is not None
    assert (entry.runs, entry.price_bases, entry.licences) == (("run-1", "run-2"), ("Raw",), ())
    assert entry.partition == OF_2026


def series(*rows: tuple[str, str | None]) -> pa.Table:
    facts = [
        {
            "source": "fred",
            "series": name,
            "period": date(2026, 1, 1),
            "frequency": "Monthly",
            "vintage": date(2026, 2, 1),
            "value": 1.0,
            "licence": licence,
            "revision": 1,
        }
        for name, licence in rows
    ]
    table = pa.Table.from_pylist(facts, schema=MACRO_SERIES.facts)
    return stamp(MACRO_SERIES, table, Lineage("run-1", 1, AT, "fred"))


RESTRICTED = "Copyrighted: Pre-Approval Required"


def test_restricted_rows_are_left_out_and_counted_by_name() -> None:
    contents = Contents(MACRO_SERIES, {})
    rows = series(
        ("GDP", "Public Domain: Citation Requested"),
        ("SP500", RESTRICTED),
        ("SP500", RESTRICTED),
        ("X", None),
    )
    assert passed(contents, rows, 10) == 1
    entry = contents.entry(Partition("fred", "2026"), [])
    assert entry is not None
    assert entry.licences == ("Public Domain: Citation Requested",)
    assert entry.left_out == (
        LeftOutRows(source="fred", name="SP500", licence=RESTRICTED, rows=2),
        LeftOutRows(source="fred", name="X", rows=1),
    )


def test_a_partition_of_which_everything_is_left_out_is_still_counted() -> None:
    contents = Contents(MACRO_SERIES, {})
    passed(contents, series(("SP500", RESTRICTED)), 10)
    entry = contents.entry(Partition("fred", "2026"), [])
    assert entry is not None
    assert (entry.files, entry.hash.rows, entry.left_out[0].rows) == ((), 0, 1)


def test_what_a_source_declares_holds_for_rows_without_a_licence() -> None:
    contents = Contents(MACRO_SERIES, {"fred": "public domain"})
    assert passed(contents, series(("GDP", None)), 10) == 1


def test_a_partition_without_rows_has_no_entry() -> None:
    contents = Contents(DAILY_BARS, {})
    assert passed(contents, bars([]), 10) == 0
    assert contents.entry(OF_2026, []) is None


def test_moments_of_a_key_have_microseconds_and_a_zone() -> None:
    assert "ts" in INTRADAY_TRADES.key
    assert written_value(datetime(2026, 3, 9, 14, 30, tzinfo=UTC)) == "2026-03-09T14:30:00.000000Z"
    assert [written_value(value) for value in (date(2026, 3, 9), 7, "A")] == ["2026-03-09", 7, "A"]
