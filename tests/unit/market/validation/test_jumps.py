"""Jumps of a price: splits that nobody adjusted, crashes, and moves that wait for confirmation."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from support.judged_rows import NOW, bars, judged, judged_minutes, minutes, told

from backbone.market.defects import Defect
from backbone.market.dimensions import (
    DAILY_BARS,
    INTRADAY_BARS,
)
from backbone.market.validation.judge import HISTORY, Context, judge


def split(rows: list[dict[str, object]], first: int, ratio: float) -> list[dict[str, object]]:
    prices = ("open", "high", "low", "close", "adjusted_close")
    return [
        row
        if number < first
        else {**row, **{name: row[name] / ratio for name in prices}, "volume": row["volume"] * ratio}  # type: ignore[operator]
        for number, row in enumerate(rows)
    ]


def test_a_twenty_to_one_split_without_notice_keeps_the_new_basis_out() -> None:
    rows = split(bars(), 50, 20)
    found = judged(rows)
    assert told(found) == {"UnadjustedSplit": 10}
    assert found.kept.to_pylist() == rows[:50]


def test_a_split_shows_on_the_first_row_of_a_delivery_by_what_is_stored() -> None:
    rows = split(bars(), 59, 20)
    found = judged(rows[59:], history=rows[:59])
    assert told(found) == {"UnadjustedSplit": 1}


def stored_before(rows: list[dict[str, object]]) -> Callable[[pa.Table], pa.Table]:
    """A store that holds these rows of one symbol: the last thirty before the first one asked for."""

    def before(facts: pa.Table) -> pa.Table:
        first = min(facts["session_date"].to_pylist())
        found = [row for row in rows if row["session_date"] < first]  # type: ignore[operator]
        return pa.Table.from_pylist(found[-HISTORY:], schema=DAILY_BARS.facts)

    return before


def crash(rows: list[dict[str, object]], first: int, factor: float = 0.74) -> list[dict[str, object]]:
    """A fall that stays, on results: with ten times the turnover, which then is as usual."""
    fallen = [dict(row) for row in rows]
    for row in fallen[first:]:
        for name in ("open", "high", "low", "close", "adjusted_close"):
            row[name] = row[name] * factor  # type: ignore[operator]
    fallen[first]["volume"] = fallen[first]["volume"] * 10  # type: ignore[operator]
    return fallen


@pytest.mark.parametrize("before", range(4))
def test_a_crash_where_the_stored_rows_begin_does_not_refuse_the_new_ones(before: int) -> None:
    rows = crash(bars(), before)
    assert told(judged(rows[HISTORY:], history=rows[:HISTORY])) == {}


@pytest.mark.parametrize("before", range(1, 12))
def test_a_crash_soon_after_a_first_delivery_begins_is_kept(before: int) -> None:
    found = judged(crash(bars(), before))
    assert found.quarantined_counts == {}
    assert found.flagged_counts.get(Defect.POSSIBLE_SPLIT, 0) <= 1


def test_a_jump_before_which_nobody_knows_the_usual_turnover_is_kept_under_a_flag() -> None:
    assert told(judged(split(bars(), 9, 20))) == {"PossibleSplit": 1}
    assert told(judged(split(bars(), 10, 20))) == {"UnadjustedSplit": 50}


def test_a_jump_that_only_stored_rows_hold_is_none() -> None:
    rows = split(bars(), 50, 2)
    assert told(judged(rows[55:], history=rows[25:55])) == {}


def test_a_jump_that_was_released_refuses_no_later_row() -> None:
    rows = split(bars(), 50, 2)
    table = pa.Table.from_pylist(rows[40:], schema=DAILY_BARS.facts)
    held = judge(DAILY_BARS, table, Context(NOW, before=stored_before(rows[:50])))
    assert told(held) == {"UnadjustedSplit": 10}
    released = judge(DAILY_BARS, table, Context(NOW, before=stored_before(rows[:59])))
    assert told(released) == {}


def test_old_rows_on_the_old_basis_are_no_jump_that_the_store_holds() -> None:
    table = pa.Table.from_pylist(split(bars(), 50, 2)[40:], schema=DAILY_BARS.facts)
    found = judge(DAILY_BARS, table, Context(NOW, before=stored_before(split(bars(), 0, 2))))
    assert Defect.UNADJUSTED_SPLIT in found.quarantined_counts


def levels(first: int, ratio: float, count: int = 60) -> list[dict[str, object]]:
    """Bars on another level from a row on; as many pieces are traded as before."""
    return [
        {**row, "volume": old["volume"]}
        for row, old in zip(split(bars(count), first, ratio), bars(count), strict=True)
    ]


@pytest.mark.parametrize("ratio", [1.9, 12, 35, 60, 100, 1000, 1 / 35, 1 / 100])
@pytest.mark.parametrize("stay", [1, 2, 3, 4, 5, 20])
def test_a_jump_that_no_split_explains_stays_out_however_many_rows_are_on_its_level(
    ratio: float, stay: int
) -> None:
    rows = levels(40, ratio)[: 40 + stay]
    found = judged(rows)
    assert found.kept.num_rows == 40, told(found)
    assert set(found.reasons.to_pylist()) <= {"UnadjustedSplit", "PriceSpike"}


@pytest.mark.parametrize("ratio", [100, 1 / 100, 1000])
@pytest.mark.parametrize("first", [2, 5, 9])
def test_a_jump_by_a_hundred_is_believed_of_no_line_however_young(ratio: float, first: int) -> None:
    assert judged(levels(first, ratio, 30)).kept.num_rows == first


@pytest.mark.parametrize("ratio", [100, 35, 1 / 100])
def test_a_right_row_ends_what_stays_out(ratio: float) -> None:
    rows = [*levels(40, ratio)[:45], *bars()[45:]]
    found = judged(rows)
    assert found.quarantined["session_date"].to_pylist() == [row["session_date"] for row in rows[40:45]]


@pytest.mark.parametrize("factors", [(0.01, 0.01), (100, 100), (0.02, 0.3), (30, 8), (5, 5, 5)])
def test_wrong_rows_at_the_end_do_not_confirm_each_other(factors: tuple[float, ...]) -> None:
    rows = bars()
    for row, factor in zip(rows[-len(factors) :], factors, strict=True):
        for name in ("open", "high", "low", "close", "adjusted_close"):
            row[name] = row[name] * factor  # type: ignore[operator]
    found = judged(rows)
    assert found.kept.num_rows == len(rows) - len(factors), told(found)


@pytest.mark.parametrize("ratio", [100, 1 / 100, 1000])
@pytest.mark.parametrize("stay", [1, 2, 3, 10, 40])
def test_minutes_on_the_level_of_another_unit_stay_out(ratio: float, stay: int) -> None:
    rows = minutes(("2024-03-28T14:00:00+00:00", "2024-03-28T15:00:00+00:00"))[: 20 + stay]
    for row in rows[20:]:
        for name in ("open", "high", "low", "close"):
            row[name] = row[name] / ratio  # type: ignore[operator]
    assert judged_minutes(rows).kept.num_rows == 20


def test_minutes_on_another_level_that_somebody_released_refuse_no_later_one() -> None:
    rows = minutes(("2024-03-28T14:00:00+00:00", "2024-03-28T15:00:00+00:00"))
    for row in rows[20:]:
        for name in ("open", "high", "low", "close"):
            row[name] = row[name] / 100  # type: ignore[operator]
    stored = pa.Table.from_pylist(rows[:30], schema=INTRADAY_BARS.facts)

    def before(facts: pa.Table) -> pa.Table:
        return stored.filter(pc.less(stored["start"], pc.min(facts["start"])))

    table = pa.Table.from_pylist(rows[15:], schema=INTRADAY_BARS.facts)
    assert judge(INTRADAY_BARS, table, Context(NOW, before=before)).kept.num_rows == 45


def test_a_history_that_was_adjusted_for_the_split_is_kept() -> None:
    assert told(judged(split(bars(), 0, 20))) == {}


def test_a_split_in_traded_prices_that_the_adjusted_ones_know_is_kept() -> None:
    plain = bars(price_basis="asTraded")
    rows = [
        {**row, "adjusted_close": before["close"]}
        for row, before in zip(split(plain, 50, 2), plain, strict=True)
    ]
    assert told(judged(rows)) == {}


def test_a_jump_in_traded_prices_without_adjusted_ones_is_kept_under_a_flag() -> None:
    rows = [{**row, "adjusted_close": None} for row in split(bars(price_basis="asTraded"), 50, 2)]
    assert told(judged(rows)) == {"PossibleSplit": 1}


def test_a_crash_with_its_turnover_is_no_error() -> None:
    rows = bars()
    for row in rows[50:]:
        for name in ("open", "high", "low", "close", "adjusted_close"):
            row[name] = row[name] * 0.5  # type: ignore[operator]
    rows[50]["volume"] = 12_000_000
    assert told(judged(rows)) == {}


def test_the_latest_price_waits_for_confirmation_under_a_flag_and_a_wild_one_in_quarantine() -> None:
    rows = bars()
    moved = {**rows[-1], **{name: rows[-1][name] * 1.3 for name in ("open", "high", "low", "close")}}  # type: ignore[operator]
    assert told(judged([*rows[:-1], moved])) == {"UnconfirmedMove": 1}
    wild = {**rows[-1], **{name: rows[-1][name] * 100 for name in ("open", "high", "low", "close")}}  # type: ignore[operator]
    assert told(judged([*rows[:-1], wild])) == {"PriceSpike": 1}
