"""What an export rewrites: by nothing, by the ledger of changes, by comparison."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from support.exports import AT, WANTED, year

from backbone.errors import Rejected
from backbone.market.canonical import RowsHash, hashed_schema, rows_hash
from backbone.market.dimensions import DAILY_BARS, INTRADAY_TRADES, MACRO_SERIES, SCHEMA_VERSION
from backbone.parts.exports.contents import Contents
from backbone.parts.exports.manifest import Manifest, ManifestPartition, ManifestRun
from backbone.parts.exports.partitions import Partition, PartitionBy
from backbone.parts.exports.plan import (
    LEAST_BYTES,
    ROW_BYTES,
    Basis,
    Plan,
    assembled,
    basis,
    by_changes,
    by_comparison,
    changed_meanwhile,
    expected_bytes,
    full,
)
from backbone.ports.exports import Change, Journal

A24, A25, A26 = (Partition("yahoo", period) for period in ("2024", "2025", "2026"))
B26 = Partition("fred", "2026")


def entry(partition: Partition, close: float = 1.0) -> ManifestPartition:
    contents = Contents(DAILY_BARS, {})
    for batch in year(partition.source, int(partition.period), close).to_batches():
        contents.passed(batch)
    path = f"data/{partition.path(DAILY_BARS)}/bars-1-1.parquet"
    found = contents.entry(partition, [contents.file(path, 100, "a" * 64)])
    assert found is not None
    return found


def hash_of(partition: Partition, close: float = 1.0) -> RowsHash:
    return rows_hash(year(partition.source, int(partition.period), close), hashed_schema(DAILY_BARS))


def manifest(*partitions: Partition, **changes: Any) -> Manifest:
    plan = Plan(10, (), tuple(entry(item) for item in partitions))
    made = assembled(
        WANTED,
        plan,
        (),
        (),
        None,
        number=1,
        engine="Worker",
        written_at=AT,
        confirmed_from=None,
    )
    return made.updated(**changes)


LAST = manifest(A24, A25, B26)
AFTER = Journal(newest=20)


def kept(plan: Plan) -> set[Partition]:
    return {item.partition for item in plan.kept}


@pytest.mark.parametrize(
    ("journal", "watermark"),
    [
        (Journal(20), 20),
        (Journal(20, oldest_open=20), 19),
        (Journal(20, oldest_open=12), 11),
        (Journal(0), 0),
    ],
)
def test_the_watermark_is_below_every_run_that_is_open(journal: Journal, watermark: int) -> None:
    assert journal.watermark == watermark
    assert full(WANTED, None, journal, []).watermark == watermark


@pytest.mark.parametrize(
    ("last", "wanted", "expected"),
    [
        (None, WANTED, Basis.FULL),
        (LAST, WANTED, Basis.CHANGES),
        (LAST, replace(WANTED, store="store-2"), Basis.COMPARISON),
        (manifest(A24, watermark=21), WANTED, Basis.COMPARISON),
        (manifest(A24, columns=LAST.columns[:-1]), WANTED, Basis.FULL),
        (manifest(A24, schema_version=SCHEMA_VERSION - 1), replace(WANTED, store="store-2"), Basis.FULL),
        (manifest(A24, licence_rules="0" * 64), WANTED, Basis.FULL),
        (manifest(A24, sources=("yahoo",)), WANTED, Basis.FULL),
        (manifest(A24, sources=("yahoo",)), replace(WANTED, sources=("yahoo", "fred")), Basis.FULL),
        (manifest(A24, sources=("yahoo", "fred")), replace(WANTED, sources=("fred",)), Basis.CHANGES),
        (LAST, replace(WANTED, sources=("fred",)), Basis.CHANGES),
    ],
    ids=[
        "the first export",
        "the same store",
        "another store",
        "a store that went back in time",
        "a column more than before",
        "a later schema, and another store",
        "other rules of licences",
        "all sources after one",
        "a source more",
        "a source less",
        "one source after all",
    ],
)
def test_an_export_knows_by_what_it_finds_partitions(
    last: Manifest | None, wanted: Any, expected: Basis
) -> None:
    assert basis(wanted, last, AFTER) is expected


def test_rules_of_licences_matter_where_rows_have_a_licence() -> None:
    series = replace(WANTED, dimension=MACRO_SERIES)
    for wanted, matters in ((series, True), (WANTED, False)):
        declared = replace(wanted, declared={"fred": "public domain"})
        assert (declared.licence_rules != wanted.licence_rules) is matters


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (replace(WANTED, partition_by=PartitionBy.DAY), r"exports\[bars\]\.partitionBy is Day, .* has Year"),
        (replace(WANTED, dimension=INTRADAY_TRADES), r"exports\[bars\]\.dimension is intradayTrades, .* has"),
    ],
)
def test_another_layout_needs_another_name(wanted: Any, message: str) -> None:
    with pytest.raises(Rejected, match=message):
        basis(wanted, LAST, AFTER)


def test_a_correction_of_ten_years_ago_and_one_of_today_are_two_partitions() -> None:
    last = manifest(*(Partition("yahoo", str(number)) for number in range(2010, 2027)))
    days = [date(2016, 5, 4), date(2026, 3, 9), date(2026, 3, 6)]
    plan = by_changes(WANTED, last, AFTER, [Change(11, "yahoo", day) for day in days])
    assert plan.rewritten == (Partition("yahoo", "2016"), A26)
    assert len(plan.kept) == 15
    assert plan.watermark == 20


def test_a_change_up_to_the_watermark_was_exported_before() -> None:
    changes = [Change(10, "yahoo", date(2024, 1, 2)), Change(11, "yahoo", date(2025, 1, 2))]
    plan = by_changes(WANTED, LAST, AFTER, changes)
    assert plan.rewritten == (A25,)
    assert kept(plan) == {A24, B26}


def test_a_run_that_was_open_then_is_read_again_now() -> None:
    """Run 8 was open when the last export read; what it changed has a number below runs that had ended."""
    first = full(WANTED, None, Journal(newest=10, oldest_open=8), [A24, A25])
    last = manifest(A24, A25, watermark=first.watermark)
    plan = by_changes(WANTED, last, AFTER, [Change(8, "yahoo", date(2024, 1, 2))])
    assert plan.rewritten == (A24,)


def test_the_ledger_has_days_whatever_the_length_of_a_partition() -> None:
    wanted = replace(WANTED, partition_by=PartitionBy.MONTH)
    last = manifest(partition_by=PartitionBy.MONTH)
    changes = [Change(11, "yahoo", date(2026, 3, day)) for day in range(1, 32)]
    assert by_changes(wanted, last, AFTER, changes).rewritten == (Partition("yahoo", "2026-03"),)


def test_a_partition_whose_files_are_damaged_is_written_again() -> None:
    plan = by_changes(WANTED, LAST, AFTER, [], damaged=[A24])
    assert (plan.rewritten, kept(plan)) == ((A24,), {A25, B26})


def test_a_source_that_is_not_selected_is_neither_kept_nor_rewritten() -> None:
    wanted = replace(WANTED, sources=("fred",))
    plan = by_changes(wanted, LAST, AFTER, [Change(11, "yahoo", date(2024, 1, 2))])
    assert (plan.rewritten, kept(plan)) == ((), {B26})


def test_a_full_export_rewrites_what_only_the_last_one_has() -> None:
    plan = full(WANTED, LAST, AFTER, [A25, A26])
    assert plan.rewritten == tuple(sorted([A24, A25, A26, B26]))
    assert plan.kept == ()


def test_another_store_is_compared_by_hash() -> None:
    stored = {A24: hash_of(A24), A25: hash_of(A25, 1.0000001), A26: hash_of(A26)}
    plan = by_comparison(WANTED, LAST, AFTER, stored)
    assert plan.rewritten == (B26, A25, A26), "one that went, one that differs, one that is new"
    assert kept(plan) == {A24}


def test_a_change_while_partitions_are_read_names_them_again() -> None:
    before = {Change(11, "yahoo", date(2024, 1, 2))}
    after = [*before, Change(12, "yahoo", date(2024, 1, 2)), Change(12, "fred", date(2026, 1, 2))]
    assert changed_meanwhile(before, after, PartitionBy.YEAR) == {A24, B26}
    assert changed_meanwhile(before, before, PartitionBy.YEAR) == frozenset()


def test_a_manifest_has_what_was_kept_and_what_was_written_with_their_runs() -> None:
    plan = by_changes(WANTED, LAST, AFTER, [Change(11, "yahoo", date(2025, 1, 2))])
    last = LAST.updated(runs=(ManifestRun(run_id="run-1", sequence=3, plan="bars"),))
    made = assembled(
        WANTED,
        plan,
        [entry(A25, 2.0)],
        [ManifestRun(run_id="run-9", sequence=9)],
        last,
        number=5,
        engine="Worker",
        written_at=AT,
        confirmed_from=datetime(2025, 1, 1, tzinfo=UTC),
    )
    assert [item.partition for item in made.partitions] == [B26, A24, A25]
    assert made.runs == last.runs, "a run without rows is none of the export's"
    assert (made.number, made.replaces, made.watermark) == (5, 1, 20)
    assert made.confirmed_from == "2025-01-01T00:00:00.000000Z"
    assert made.hash.rows == made.rows == 9


def test_a_run_that_no_journal_knows_is_named_all_the_same() -> None:
    assert LAST.runs == (ManifestRun(run_id="run-1"),)


def test_the_room_that_an_export_takes_is_expected_by_the_last_one() -> None:
    plan = by_changes(WANTED, LAST, AFTER, [Change(11, "yahoo", date(year, 1, 2)) for year in (2025, 2026)])
    assert plan.rewritten == (A25, A26)
    assert expected_bytes(plan, LAST, {}) == expected_bytes(plan, manifest(), {}) == LEAST_BYTES
    rows = {A25: 2_000_000, A26: 3_000_000}
    assert expected_bytes(plan, None, rows) == 5_000_000 * ROW_BYTES
    large = replace(plan, rewritten=plan.rewritten * LEAST_BYTES)
    assert expected_bytes(large, LAST, {}) == 200 * LEAST_BYTES


def test_an_empty_store_makes_an_empty_export() -> None:
    plan = full(WANTED, None, Journal(0), [])
    assert (plan.rewritten, plan.kept) == ((), ())
    assert (manifest().rows, manifest().hash) == (0, RowsHash())
