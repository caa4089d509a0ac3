"""Yahoo's economic calendar through yfinance, and what of its own yfinance would write."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from backbone.market.dimensions import MACRO_EVENTS
from backbone.providers.protocol import Delivery, Held, Query
from kept import Kept
from yahoo_market import AFTER_CLOSE, CONNECTION, Market, fates, rows

ALL = pytest.mark.parametrize


def columns(table: pa.Table, *names: str) -> list[list[object]]:
    return [table[name].to_pylist() for name in names]


def calendar(yahoo: Market, *countries: str, held: Held | None = None) -> Delivery:
    query = Query(MACRO_EVENTS, countries, timedelta(days=10), connection=CONNECTION, held=held)
    return yahoo.provider().fetch(query)


def test_the_calendar_comes_whole_over_its_pages_and_a_zero_is_a_zero(yahoo: Market) -> None:
    delivery = calendar(yahoo, "US", "JP", "DE")
    table = rows(delivery)
    assert table.schema.equals(MACRO_EVENTS.facts)
    start, end = date(2024, 3, 4), date(2024, 3, 28)
    assert table.num_rows == 25 * 30
    assert (pc.min(table["period"]).as_py(), pc.max(table["period"]).as_py()) == (start, end)
    assert len(yahoo.board.requests(path="/v1/finance/visualization")) == 8
    assert table["actual"].to_pylist().count(0.0) >= 25 * 6
    assert table["actual"].null_count == 0
    assert table["revised"].null_count == table.num_rows
    assert set(table["vintage"].to_pylist()) == {AFTER_CLOSE.date()}
    keys = list(zip(*columns(table, *MACRO_EVENTS.key), strict=True))
    assert len(keys) == len(set(keys))


def test_a_country_without_events_is_told_apart(yahoo: Market) -> None:
    delivery = calendar(yahoo, "US", "XX")
    assert fates(delivery) == {"XX": "NoData"}
    assert set(rows(delivery)["calendar"].to_pylist()) == {"US"}


def test_an_event_that_was_asked_for_before_comes_again_only_if_it_says_something_new(yahoo: Market) -> None:
    first = rows(calendar(yahoo, "JP"))
    yahoo.clock.now += timedelta(days=1)
    again = rows(calendar(yahoo, "JP", held=Kept(first)))
    assert set(again["period"].to_pylist()) == {date(2024, 3, 29)}


@ALL(
    ("kind", "outcome"),
    [("rate-limited", "RateLimited"), ("html", "ChangedShape"), ("truncated", "PartialAnswer")],
    ids=str,
)
def test_a_calendar_that_does_not_come_is_named(yahoo: Market, kind: str, outcome: str) -> None:
    yahoo.board.on(kind, "calendar")
    delivery = calendar(yahoo, "US", "JP")
    assert fates(delivery) == {"US": outcome, "JP": outcome}
    assert delivery.requests == len(yahoo.board.requests())


def test_a_calendar_that_is_refused_is_named_with_the_reason(yahoo: Market) -> None:
    refusal = '{"finance": {"result": null, "error": {"code": "401", "description": "Invalid Crumb"}}}'
    yahoo.board.on("body", "calendar", status=401, body=refusal)
    delivery = calendar(yahoo, "US")
    assert fates(delivery) == {"US": "AccessRefused"}
    assert "Invalid Crumb" in delivery.failed[0].message


def test_yfinance_writes_nothing_beside_what_we_say(
    yahoo: Market, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    faults = {
        "unknown": "UnknownSymbol",
        "empty": "NoData",
        "no-prices": "ChangedShape",
        "html": "ChangedShape",
    }
    for kind in faults:
        yahoo.board.on(kind, kind.upper())
    assert fates(yahoo.fetch(*map(str.upper, faults), attempts=1, deadline=20)) == {
        kind.upper(): outcome for kind, outcome in faults.items()
    }
    yahoo.board.on("html", "calendar")
    calendar(yahoo, "US")
    assert (caplog.records, *capfd.readouterr()) == ([], "", "")


@ALL("place, value", [(0, 7), (0, "\ud800"), (3, {"a": 1}), (3, "\ud800")], ids=repr)
def test_an_event_whose_text_is_none_is_a_changed_shape(
    yahoo: Market, place: int, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ["CPI MM, SA", "US", "2024-03-14T08:30:00.000Z", "Feb", 0.1, 0.2, 0.1, None]
    told[place] = value
    monkeypatch.setattr("yahoo.events.between", lambda *_: [told])
    assert fates(calendar(yahoo, "US")) == {"US": "ChangedShape"}


def test_two_releases_of_one_name_and_day_are_two_events(
    yahoo: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ["Housing Starts", "US", "2024-03-14T08:30:00.000Z", "Jan", 0.1, 0.2, 0.1, None]
    told = [row, [*row[:3], "Feb", 0.3, *row[5:]], [*row[:3], None, 0.4, *row[5:]]]
    monkeypatch.setattr("yahoo.events.between", lambda *_: told)
    first = rows(calendar(yahoo, "US"))
    assert sorted(first["reference"].to_pylist()) == ["", "Feb", "Jan"]
    assert rows(calendar(yahoo, "US", held=Kept(first))).num_rows == 0
    told[1] = [*row[:3], "Feb", 0.5, *row[5:]]
    assert rows(calendar(yahoo, "US", held=Kept(first)))["reference"].to_pylist() == ["Feb"]
