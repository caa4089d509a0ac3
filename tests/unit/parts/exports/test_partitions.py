"""Partitions: which one a day is in, their bounds, and their folders."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backbone.market.dimensions import DAILY_BARS, INTRADAY_TRADES
from backbone.parts.exports.partitions import (
    LONGEST_NAME,
    Moment,
    Partition,
    PartitionBy,
    in_type,
    spelled,
    unspelled,
)

YEAR, MONTH, DAY = PartitionBy
few = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize(
    ("by", "period", "first", "end"),
    [
        (YEAR, "2024", date(2024, 1, 1), date(2025, 1, 1)),
        (MONTH, "2024-02", date(2024, 2, 1), date(2024, 3, 1)),
        (DAY, "2024-02-29", date(2024, 2, 29), date(2024, 3, 1)),
    ],
)
def test_a_day_is_in_one_partition(by: PartitionBy, period: str, first: date, end: date) -> None:
    found = Partition.of("yahoo", date(2024, 2, 29), by)
    assert (found.source, found.period, found.first, found.end) == ("yahoo", period, first, end)


@few
@given(st.dates(), st.sampled_from(PartitionBy))
@example(date.min, YEAR)
@example(date.max, YEAR)
@example(date(2023, 12, 31), MONTH)
def test_partitions_follow_one_another_without_gap(day: date, by: PartitionBy) -> None:
    found = Partition.of("yahoo", day, by)
    assert found.first <= day
    if found.end is None:
        assert found.first.year == date.max.year
    else:
        assert day < found.end
        assert Partition.of("yahoo", found.end, by).first == found.end
        assert Partition.of("yahoo", found.end - timedelta(1), by) == found


def test_the_last_year_has_no_end() -> None:
    for by in PartitionBy:
        assert Partition.of("yahoo", date.max, by).bounds(DAILY_BARS)[1] is None


def test_bounds_have_the_type_of_the_time_column() -> None:
    march = Partition("yahoo", "2026-03")
    assert march.bounds(DAILY_BARS) == (date(2026, 3, 1), date(2026, 4, 1))
    assert not isinstance(march.bounds(DAILY_BARS)[0], datetime)
    assert march.bounds(INTRADAY_TRADES) == (
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 4, 1, tzinfo=UTC),
    )


def test_a_moment_in_the_middle_of_a_day_is_the_day_after_it_where_the_column_has_days() -> None:
    noon = datetime(2026, 3, 9, 12, tzinfo=UTC)
    assert in_type(DAILY_BARS, noon) == date(2026, 3, 10)
    assert in_type(DAILY_BARS, datetime(2026, 3, 9, tzinfo=UTC)) == date(2026, 3, 9)
    assert in_type(INTRADAY_TRADES, noon) == noon
    eastern = datetime(2026, 3, 8, 20, tzinfo=timezone(timedelta(hours=-4)))
    assert in_type(DAILY_BARS, eastern) == date(2026, 3, 9)


@pytest.mark.parametrize(
    ("moment", "before"),
    [
        (None, False),
        (date(2026, 1, 1), False),
        (date(2026, 1, 2), True),
        (datetime(2026, 1, 1, tzinfo=UTC), False),
        (datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC), True),
    ],
)
def test_a_partition_begins_before_what_a_store_keeps_whole(moment: Moment | None, before: bool) -> None:
    assert Partition("yahoo", "2026").begins_before(INTRADAY_TRADES, moment) is before


@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ("yahoo", "yahoo"),
        ("sample-2013.v_1", "sample-2013.v_1"),
        ("a/b=c d", "a!2Fb!3Dc!20d"),
        ("..", "!2E."),
        ("_hidden", "!5Fhidden"),
        ("50%!", "50!25!21"),
        ("Zürich", "Z!C3!BCrich"),
    ],
)
def test_a_source_has_a_folder_that_can_be_read(source: str, folder: str) -> None:
    assert Partition(source, "2026").path(DAILY_BARS) == f"dailyBars/{folder}/2026"


@few
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300))
@example("𝄞" * 64)
@example("x" * LONGEST_NAME + ".." + "y" * LONGEST_NAME + "_")
@example("." * 300)
@example("a\0b\nc\\d")
def test_a_folder_is_safe_and_says_which_text_it_was(text: str) -> None:
    found = spelled(text)
    assert unspelled(found) == text
    for name in found.split("/"):
        assert 0 < len(name) <= LONGEST_NAME + 1
        assert name[0] not in "._"
        assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_!")


@few
@given(st.text("ab./=_! é", min_size=1, max_size=6), st.text("ab./=_! é", min_size=1, max_size=6))
def test_two_texts_have_two_folders(one: str, other: str) -> None:
    assert (spelled(one) == spelled(other)) is (one == other)


def test_no_text_has_no_folder() -> None:
    with pytest.raises(ValueError, match="empty text"):
        spelled("")
