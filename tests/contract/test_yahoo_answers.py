"""What Yahoo is asked for, and what becomes of numbers in its answers that are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS
from backbone.market.validation.judge import Context, judge
from backbone.providers.protocol import Delivery, Held, Query
from kept import Kept
from yahoo import chart
from yahoo_market import CONNECTION, QUICK, SYMBOLS, Market, fates, rows

ALL = pytest.mark.parametrize
PATIENT = replace(QUICK, deadline=30)
"""Nothing here is about time."""


def days(table: pa.Table, symbol: str = "AAPL") -> list[date]:
    mine = table.filter(pc.equal(table["symbol"], symbol))
    found: list[date] = mine["session_date"].to_pylist()
    return found


def bars(yahoo: Market, held: Held | None, lookback: timedelta | None) -> Delivery:
    return yahoo.provider(PATIENT).fetch(
        Query(DAILY_BARS, SYMBOLS, lookback, connection=CONNECTION, held=held)
    )


TAIL = timedelta(days=40)


def test_what_is_held_is_asked_for_from_its_last_rows_alone(yahoo: Market) -> None:
    for lookback in (None, timedelta(days=900)):
        stored = rows(bars(yahoo, None, lookback))
        before = len(yahoo.board.requests())
        yahoo.clock.now += timedelta(days=1)
        bars(yahoo, Kept(stored), lookback)
        asked = [item for item in yahoo.board.requests()[before:] if item["symbol"]]
        assert [item["symbol"] for item in asked] == [*SYMBOLS]
        assert all(int(item["period1"]) > (yahoo.clock.now - TAIL).timestamp() for item in asked)


@ALL("why", ["a gap is known", "it came in part", "the lookback has grown"])
def test_the_whole_lookback_is_asked_for_again_where_something_lacks(yahoo: Market, why: str) -> None:
    stored = rows(bars(yahoo, None, timedelta(days=200)))
    whole = timedelta(days=300 if why == "the lookback has grown" else 200)
    held = Kept(stored, partial=frozenset({"IBM"} if why == "it came in part" else ()))
    if why == "a gap is known":
        held = Kept(stored, gap=(yahoo.clock.now - timedelta(days=100), "IBM"))
    yahoo.clock.now += timedelta(days=1)
    table = rows(bars(yahoo, held, whole))
    assert min(days(table, "IBM")) <= (yahoo.clock.now - whole + timedelta(days=5)).date()
    if why != "the lookback has grown":
        assert [yahoo.charts(symbol) for symbol in SYMBOLS] == [2, 2, 2]


@ALL("weeks", [1, 2, 3, 4])
def test_no_window_of_minutes_begins_in_the_future(yahoo: Market, weeks: int) -> None:
    query = Query(INTRADAY_BARS, ("IBM",), timedelta(weeks=weeks), 60, CONNECTION)
    assert fates(yahoo.provider(PATIENT).fetch(query)) == {}
    assert yahoo.charts("IBM") == weeks


def test_everything_is_asked_for_once(yahoo: Market) -> None:
    names = tuple(f"N{number}" for number in range(40))
    yahoo.fetch(*names, lookback=None, deadline=30)
    assert {yahoo.charts(name) for name in names} == {1}


def test_symbols_are_asked_for_as_they_are_spelled(yahoo: Market) -> None:
    names = ("M&M.T", "A/B.L", "BTC/USDT", "^GSPC", "ES=F", "J&KBANK")
    delivery = yahoo.fetch(*names, deadline=30)
    assert fates(delivery) == {}
    assert set(rows(delivery)["symbol"].to_pylist()) == set(names)


def chart_of(yahoo: Market, change: Callable[[dict[str, Any]], None], symbol: str = "IBM") -> Delivery:
    """What comes where the right answer about a symbol is changed on its way."""
    right = chart.answer

    def changed(*given: Any) -> tuple[int, dict[str, Any]]:
        status, body = right(*given)
        if given[0].symbol == symbol:
            change(body["chart"]["result"][0])
        return status, body

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chart, "answer", changed)
        return yahoo.fetch("AAPL", symbol, deadline=30)


NONSENSE = (2**63, 10**20, 1.3e29, float("inf"), True, "12", [1], {}, -(10**400))


@ALL("column", ["volume", "close", "open"])
def test_a_number_that_is_none_costs_its_row(yahoo: Market, column: str) -> None:
    whole = rows(yahoo.fetch("IBM", deadline=30)).num_rows
    for value in NONSENSE:
        if column != "volume" and isinstance(value, int | float) and abs(value) in {2**63, 10**20, 1.3e29}:
            continue

        def change(result: dict[str, Any], value: object = value) -> None:
            result["indicators"]["quote"][0][column][5] = value

        delivery = chart_of(yahoo, change)
        assert fates(delivery) == {}
        table = rows(delivery)
        mine = judge(DAILY_BARS, table.filter(pc.equal(table["symbol"], "IBM")), Context(yahoo.clock.now))
        assert (mine.kept.num_rows, mine.quarantined.num_rows) == (whole - 1, 1)


@ALL("value", [None, True, "1700000000", 10**18, -(10**18), 2**70, 1e300, [1]], ids=repr)
@ALL("place", ["timestamp", "end of the session"])
def test_a_time_that_is_none_costs_its_symbol(yahoo: Market, place: str, value: object) -> None:
    def change(result: dict[str, Any]) -> None:
        if place == "timestamp":
            result["timestamp"][3] = value
        else:
            result["meta"]["currentTradingPeriod"]["regular"]["end"] = value

    delivery = chart_of(yahoo, change)
    assert fates(delivery) == {"IBM": "ChangedShape"}
    assert set(rows(delivery)["symbol"].to_pylist()) == {"AAPL"}


@ALL("value", [None, True, "x", 10**18, -(10**30), float("nan"), [1]], ids=repr)
def test_what_else_is_no_number_is_not_told(yahoo: Market, value: object) -> None:
    def change(result: dict[str, Any]) -> None:
        result["meta"] |= {"firstTradeDate": value, "regularMarketTime": value, "instrumentType": value}

    assert fates(chart_of(yahoo, change)) == {}


@ALL(("last", "whole"), [(1.01, True), (None, False), ("x", False)], ids=["whole", "null", "no number"])
def test_the_last_day_twice_costs_nothing(yahoo: Market, last: object, whole: bool) -> None:
    seen: list[float] = []

    def change(result: dict[str, Any]) -> None:
        quote = result["indicators"]["quote"][0]
        seen.append(quote["close"][-1])
        result["timestamp"].append(result["timestamp"][-1] + 3600)
        for columns in (quote, result["indicators"]["adjclose"][0]):
            for column in columns.values():
                column.append(column[-1] * 1.01 if whole and column is not quote["volume"] else column[-1])
        quote["close"][-1] = quote["close"][-1] if whole else last

    table = rows(chart_of(yahoo, change))
    found = days(table, "IBM")
    assert len(found) == len(set(found)) == len(days(table))
    close = table.filter(pc.equal(table["symbol"], "IBM"))["close"][-1].as_py()
    assert close == pytest.approx(seen[0] * (1.01 if whole else 1))


@ALL(("lacking", "fate"), [(1, {}), (2, {"IBM": "PartialAnswer"}), (3, {"IBM": "PartialAnswer"})])
@ALL(
    "now",
    ["2024-03-14T22:00:00", "2024-03-14T15:00:00", "2024-02-21T22:00:00", "2024-01-16T22:00:00"],
    ids=["after the close", "under way", "after a holiday", "on the day after one"],
)
def test_two_sessions_that_lack_at_the_end_are_a_partial_answer(
    yahoo: Market, now: str, lacking: int, fate: dict[str, str]
) -> None:
    yahoo.clock.now = datetime.fromisoformat(now).replace(tzinfo=UTC)
    lost = lacking + ("15:00" in now)

    def change(result: dict[str, Any]) -> None:
        del result["timestamp"][-lost:]
        for columns in (result["indicators"]["quote"][0], result["indicators"]["adjclose"][0]):
            for column in columns.values():
                del column[-lost:]

    assert fates(chart_of(yahoo, change)) == fate
