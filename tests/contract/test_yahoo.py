"""The Yahoo provider, unpatched yfinance in it, against a server that speaks Yahoo's protocol."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS
from backbone.market.symbols import Kind
from backbone.providers.pacing import Limits
from backbone.providers.protocol import Delivery, Held, ProviderFailure, Query
from backbone.providers.secrets import Secret
from backbone.vocabulary import Outcome
from kept import Kept
from yahoo_market import AFTER_CLOSE, CONNECTION, MONTH, QUICK, SYMBOLS, Market, fates, rows

ALL = pytest.mark.parametrize


def days(table: pa.Table, symbol: str = "AAPL") -> list[date]:
    return [
        day for name, day in zip(*columns(table, "symbol", "session_date"), strict=True) if name == symbol
    ]


def columns(table: pa.Table, *names: str) -> list[list[object]]:
    return [table[name].to_pylist() for name in names]


def test_daily_bars_come_with_every_fact_in_one_request_a_symbol(yahoo: Market) -> None:
    delivery = yahoo.fetch()
    table = rows(delivery)
    assert fates(delivery) == {}
    assert table.schema.equals(DAILY_BARS.facts)
    assert set(table["symbol"].to_pylist()) == set(SYMBOLS)
    assert days(table)[0] == date(2024, 2, 13)
    assert days(table)[-1] == date(2024, 3, 14)
    assert len(days(table)) == 22
    assert set(table["price_basis"].to_pylist()) == {"splitAdjusted"}
    assert set(table["revision"].to_pylist()) == {0}
    assert pc.all(pc.greater(table["close"], 0)).as_py()
    assert [yahoo.charts(symbol) for symbol in SYMBOLS] == [1, 1, 1]


def test_without_a_lookback_everything_comes(yahoo: Market) -> None:
    assert len(days(rows(yahoo.fetch("AAPL", lookback=None)))) == 2699


@ALL(
    ("symbol", "now", "last"),
    [
        pytest.param(
            "AAPL", "2024-03-10T23:30:00", date(2024, 3, 8), id="New York, on the day its clocks change"
        ),
        pytest.param(
            "VOD.L", "2024-03-31T23:30:00", date(2024, 3, 28), id="London, on the day its clocks change"
        ),
        pytest.param(
            "7203.T", "2024-03-14T23:30:00", date(2024, 3, 14), id="Tokyo, where it is tomorrow already"
        ),
        pytest.param(
            "BHP.AX", "2024-04-07T23:30:00", date(2024, 4, 5), id="Sydney, on the day its clocks change"
        ),
        pytest.param(
            "VALE3.SA", "2024-03-14T23:30:00", date(2024, 3, 14), id="São Paulo, which has no summer time"
        ),
    ],
)
def test_a_session_is_dated_by_the_clocks_of_its_exchange(
    yahoo: Market, symbol: str, now: str, last: date
) -> None:
    yahoo.clock.now = datetime.fromisoformat(now).replace(tzinfo=UTC)
    found = days(rows(yahoo.fetch(symbol)), symbol)
    assert found[-1] == last
    assert all(day.weekday() < 5 for day in found)
    assert len(found) == len(set(found))


def test_the_bar_of_a_session_that_is_under_way_does_not_come(yahoo: Market) -> None:
    yahoo.clock.now = datetime(2024, 3, 14, 15, 0, tzinfo=UTC)
    assert days(rows(yahoo.fetch("AAPL")))[-1] == date(2024, 3, 13)
    yahoo.clock.now = datetime(2024, 3, 14, 20, 1, tzinfo=UTC)
    assert days(rows(yahoo.fetch("AAPL")))[-1] == date(2024, 3, 14)


def test_what_trades_on_every_day_is_told_whatever_its_currency(yahoo: Market) -> None:
    delivery = yahoo.fetch("AAPL", "BTC-JPY", "ETH-USDT")
    (slice_,) = delivery.slices
    assert dict(slice_.exchanges) == {"BTC-JPY": "24/7", "ETH-USDT": "24/7"}
    assert {day.weekday() for day in days(slice_.facts, "BTC-JPY")} == set(range(7))


def test_a_symbol_comes_with_its_kind_its_exchange_and_the_hours_of_every_day(yahoo: Market) -> None:
    query = Query(INTRADAY_BARS, ("IBM", "CL=F", "R001"), timedelta(days=20), 60, CONNECTION)
    (slice_,) = yahoo.provider().fetch(query).slices
    assert dict(slice_.kinds) == {"CL=F": Kind.FUTURE}
    assert dict(slice_.exchanges) == {"CL=F": "XNYS", "R001": "XNYS"}
    starts = slice_.facts.filter(pc.equal(slice_.facts["symbol"], "IBM"))["start"]
    opens = pc.unique(pc.cast(starts, pa.int64()).combine_chunks()).to_numpy()
    hours = slice_.periods["IBM"]
    assert len(hours) == len({day.date() for day in starts.to_pylist()}) > 12
    assert set(hours[:, 0].tolist()) <= set(opens.tolist())
    assert {(end - start) // 60_000_000 for start, end in hours.tolist()} == {390}


def test_a_half_day_ends_early_and_a_holiday_has_no_bar(yahoo: Market) -> None:
    yahoo.clock.now = datetime(2023, 11, 24, 18, 30, tzinfo=UTC)
    found = days(rows(yahoo.fetch("AAPL")))
    assert found[-2:] == [date(2023, 11, 22), date(2023, 11, 24)]


def test_an_answer_names_the_days_that_it_tells_all_of(yahoo: Market) -> None:
    (slice_,) = yahoo.fetch("AAPL", "7203.T").slices
    assert {(item.subject, item.first, item.last, item.revision) for item in slice_.whole} == {
        ("AAPL", date(2024, 2, 13), date(2024, 3, 14), 0),
        ("7203.T", date(2024, 2, 14), date(2024, 3, 14), 0),
    }
    yahoo.board.on("lacks-end", "AAPL")
    (slice_,) = yahoo.fetch("AAPL").slices
    assert slice_.whole == (), "of an answer that lacks a part nobody knows"


@ALL(
    ("seconds", "lookback", "requests"),
    [
        pytest.param(60, timedelta(days=20), 3, id="minutes, a week at a time"),
        pytest.param(300, timedelta(days=20), 1, id="five minutes"),
        pytest.param(3600, None, 1, id="hours, as many as Yahoo keeps"),
    ],
)
def test_intraday_bars_come_in_as_many_windows_as_yahoo_demands(
    yahoo: Market, seconds: int, lookback: timedelta | None, requests: int
) -> None:
    query = Query(INTRADAY_BARS, ("IBM",), lookback, seconds, CONNECTION)
    table = rows(yahoo.provider().fetch(query))
    assert table.schema.equals(INTRADAY_BARS.facts)
    assert yahoo.charts("IBM") == requests
    starts = table["start"].to_pylist()
    assert starts == sorted(set(starts))
    last = max(item for item in starts)
    assert last == datetime(2024, 3, 14, 20, 0, tzinfo=UTC) - (
        timedelta(seconds=seconds) if seconds < 3600 else timedelta(minutes=30)
    )


def test_the_interval_that_is_under_way_does_not_come(yahoo: Market) -> None:
    yahoo.clock.now = datetime(2024, 3, 14, 15, 2, tzinfo=UTC)
    query = Query(INTRADAY_BARS, ("IBM",), timedelta(days=2), 300, CONNECTION)
    starts = rows(yahoo.provider().fetch(query))["start"].to_pylist()
    assert max(starts) == datetime(2024, 3, 14, 14, 55, tzinfo=UTC)


@dataclass(frozen=True)
class Lasting:
    """A fault of one symbol that stays, and what is said of the symbol."""

    kind: str
    outcome: str
    detail: dict[str, object]
    asked: int

    def __str__(self) -> str:
        return f"{self.kind} is {self.outcome}"


@ALL(
    "fault",
    [
        Lasting("unknown", "UnknownSymbol", {}, asked=1),
        Lasting("renamed", "UnknownSymbol", {"to": "META"}, asked=1),
        Lasting("no-data", "NoData", {}, asked=1),
        Lasting("empty", "NoData", {}, asked=1),
        Lasting("rate-limited", "RateLimited", {}, asked=4),
        Lasting("server-error", "ServerTrouble", {}, asked=4),
        Lasting("right-back", "ServerTrouble", {}, asked=4),
        Lasting("silent", "TimedOut", {"after": 1.2}, asked=4),
        Lasting("half", "PartialAnswer", {}, asked=4),
        Lasting("truncated", "PartialAnswer", {}, asked=4),
        Lasting("resets", "ProviderUnreachable", {}, asked=4),
        Lasting("html", "ChangedShape", {}, asked=1),
        Lasting("no-prices", "ChangedShape", {}, asked=1),
        Lasting("ragged", "ChangedShape", {}, asked=1),
        Lasting("lacks-end", "PartialAnswer", {}, asked=1),
    ],
    ids=str,
)
def test_a_fault_that_stays_is_named_and_the_rest_comes(yahoo: Market, fault: Lasting) -> None:
    yahoo.board.on(fault.kind, "IBM", **fault.detail)
    delivery = yahoo.fetch("AAPL", "IBM", "MSFT", deadline=1, budget=5)
    assert fates(delivery) == {"IBM": fault.outcome}
    assert {"AAPL", "MSFT"} <= set(rows(delivery)["symbol"].to_pylist())
    # Over a connection that broke, curl asks once more by itself.
    broken = fault.kind in {"half", "resets"}
    assert fault.asked <= yahoo.charts("IBM") <= fault.asked * (2 if broken else 1)


@ALL(
    "body",
    [
        "{}",
        "[]",
        "null",
        '"x"',
        '{"chart": null}',
        '{"chart": {"result": [], "error": null}}',
        '{"chart": {"result": null, "error": null}}',
        '{"finance": {"result": null, "error": {"code": "x", "description": "y"}}}',
    ],
)
def test_an_answer_of_another_shape_is_no_missing_data(yahoo: Market, body: str) -> None:
    yahoo.board.on("body", "IBM", body=body)
    assert fates(yahoo.fetch("IBM")) == {"IBM": "ChangedShape"}


@ALL(
    ("status", "says", "outcome"),
    [
        (401, "Invalid Crumb", "AccessRefused"),
        (403, "Access denied", "AccessRefused"),
        (400, "Invalid input - interval=1x", "ProviderFailed"),
    ],
)
def test_a_refusal_is_named_with_its_reason(yahoo: Market, status: int, says: str, outcome: str) -> None:
    yahoo.board.on("refused", "IBM", status=status, says=says)
    delivery = yahoo.fetch("AAPL", "IBM")
    assert fates(delivery) == {"IBM": outcome}
    assert says in delivery.failed[0].message


def test_a_page_with_a_status_is_named_by_the_status(yahoo: Market) -> None:
    yahoo.board.on("body", "IBM", body="<html>Access denied</html>", status=403)
    yahoo.board.on("body", "MSFT", body="<html>Request denied</html>", status=999)
    assert fates(yahoo.fetch("IBM", "MSFT")) == {"IBM": "AccessRefused", "MSFT": "RateLimited"}


def test_a_part_that_comes_empty_among_others_is_told(yahoo: Market) -> None:
    query = Query(INTRADAY_BARS, ("IBM",), timedelta(days=20), 60, CONNECTION)
    whole = rows(yahoo.provider().fetch(query)).num_rows
    yahoo.board.on("empty", "IBM", count=1)
    delivery = yahoo.provider().fetch(query)
    assert 0 < rows(delivery).num_rows < whole
    assert fates(delivery) == {"IBM": "PartialAnswer"}
    assert delivery.failed[0].message == "no bars in the week from 2024-02-23"


def test_a_part_in_which_a_symbol_no_longer_traded_is_not_missing(yahoo: Market) -> None:
    yahoo.board.on("delisted", "IBM", at=-9)
    query = Query(INTRADAY_BARS, ("IBM",), timedelta(days=20), 60, CONNECTION)
    assert fates(yahoo.provider().fetch(query)) == {}


@ALL("kind", ["server-error", "half", "truncated", "resets", "rate-limited", "silent"])
def test_a_fault_that_passes_is_mended_in_the_same_run(yahoo: Market, kind: str) -> None:
    yahoo.board.on(kind, "IBM", count=1, after=0.6)
    assert fates(yahoo.fetch("AAPL", "IBM", deadline=0.5)) == {}
    assert yahoo.charts("IBM") == 2


def test_a_proxy_that_resets_is_told_apart_and_mended_when_it_stops(yahoo: Market) -> None:
    yahoo.board.on("proxy-resets")
    assert fates(yahoo.fetch("AAPL")) == {"AAPL": "ProviderUnreachable"}
    yahoo.board.clear()
    assert fates(yahoo.fetch("AAPL")) == {}


def test_a_failure_is_not_answered_from_the_memory_of_yfinance(yahoo: Market) -> None:
    yahoo.board.on("unknown", "IBM", count=1)
    past = Query(INTRADAY_BARS, ("IBM",), timedelta(days=20), 60, CONNECTION)
    assert fates(yahoo.provider().fetch(past)) == {"IBM": "UnknownSymbol"}
    assert fates(yahoo.provider().fetch(past)) == {}


def test_a_rate_limit_for_an_hour_ends_the_run_in_time_and_spares_the_provider(yahoo: Market) -> None:
    yahoo.board.on("rate-limited", seconds=3600, retryAfter=3600)
    names = tuple(f"R{number:03d}" for number in range(100))
    delivery = yahoo.fetch(*names)
    assert fates(delivery) == dict.fromkeys(names, "RateLimited")
    assert len([item for item in yahoo.board.requests() if item["symbol"]]) == QUICK.refusals
    assert sum(yahoo.waited) == 0


def test_the_dimensions_of_a_run_share_its_budget(yahoo: Market) -> None:
    yahoo.board.on("rate-limited", retryAfter=7)
    provider = yahoo.provider(replace(QUICK, budget=20))
    for seconds in (60, 300, 3600):
        query = Query(INTRADAY_BARS, SYMBOLS, MONTH, seconds, CONNECTION)
        assert fates(provider.fetch(query)) == dict.fromkeys(SYMBOLS, "RateLimited")
    assert 14 <= sum(yahoo.waited) <= 20


def test_a_short_rate_limit_is_waited_out_within_the_budget(yahoo: Market) -> None:
    yahoo.board.on("rate-limited", count=2, retryAfter=7)
    delivery = yahoo.fetch("AAPL", "IBM", budget=20)
    assert fates(delivery) == {}
    assert (delivery.requests, delivery.retried) == (len(yahoo.board.requests()), 2)
    assert 14 <= sum(yahoo.waited) <= 20


UNDER_WAY = datetime(2024, 3, 14, 15, 0, 30, tzinfo=UTC)


@ALL("hours", [1, 2, 10, 24, 30])
@ALL("whose", ["ours", "theirs"])
def test_a_clock_that_is_behind_delivers_no_session_that_has_not_ended(
    yahoo: Market, whose: str, hours: int
) -> None:
    yahoo.clock.now = UNDER_WAY
    behind = UNDER_WAY - timedelta(hours=hours)
    if whose == "theirs":
        yahoo.board.on("skewed", "AAPL", by=(behind - datetime.now(UTC)).total_seconds())
    provider = yahoo.provider(clock=lambda: behind if whose == "ours" else UNDER_WAY)
    query = Query(DAILY_BARS, ("AAPL",), timedelta(days=5), connection=CONNECTION)
    assert days(rows(provider.fetch(query)))[-1] == date(2024, 3, 13)


@ALL("seconds", [0, 20, 45, 70, 119, 3600])
def test_a_clock_that_is_behind_delivers_no_interval_that_has_not_ended(yahoo: Market, seconds: int) -> None:
    yahoo.clock.now = UNDER_WAY
    ours = UNDER_WAY - timedelta(seconds=seconds)
    query = Query(INTRADAY_BARS, ("IBM",), timedelta(days=2), 60, CONNECTION)
    starts = rows(yahoo.provider(clock=lambda: ours).fetch(query))["start"].to_pylist()
    assert ours - timedelta(seconds=120) < max(starts) <= ours - timedelta(seconds=60)


def test_clocks_that_differ_are_told(yahoo: Market) -> None:
    said: list[str] = []
    yahoo.clock.now = datetime.now(UTC)
    yahoo.board.on("skewed", "AAPL", by=-3 * 86_400)
    provider = yahoo.provider()
    provider._progress = said.append
    provider.fetch(Query(DAILY_BARS, ("AAPL",), MONTH, connection=CONNECTION))
    assert any("clock" in line for line in said)


def test_a_delisted_symbol_keeps_its_history_and_then_has_no_data(yahoo: Market) -> None:
    yahoo.board.on("delisted", "IBM", at=-40)
    assert days(rows(yahoo.fetch("IBM", lookback=timedelta(days=120))), "IBM")[-1] == date(2024, 1, 17)
    assert fates(yahoo.fetch("IBM")) == {"IBM": "NoData"}


def test_what_is_wrong_with_a_row_reaches_the_validation_as_it_came(yahoo: Market) -> None:
    for kind in ("nan", "zero", "twice", "future", "no-volume"):
        yahoo.board.clear()
        yahoo.board.on(kind, "IBM")
        table = rows(yahoo.fetch("IBM"))
        closes = table["close"].to_pylist()
        found = days(table, "IBM")
        if kind == "nan":
            assert closes.count(None) == 1, "what is null in JSON is null in Arrow"
        elif kind == "zero":
            assert closes.count(0.0) == 1
        elif kind == "twice":
            (day,) = {item for item in found if found.count(item) == 2}
            one, other = (close for close, item in zip(closes, found, strict=True) if item == day)
            assert other == pytest.approx(one * 1.01)
        elif kind == "future":
            assert found[-1] > AFTER_CLOSE.date()
        else:
            assert set(table["volume"].to_pylist()) == {0}


def test_a_password_of_the_proxy_appears_in_no_message(yahoo: Market) -> None:
    (yahoo.secret.folder / "proxy-url").write_text(f"http://{'user:hunter2'}@127.0.0.1:9")
    delivery = yahoo.fetch("AAPL")
    assert fates(delivery) == {"AAPL": "ProviderUnreachable"}
    assert "hunter2" not in repr(delivery)


@ALL("present", [False, True], ids=["no folder", "an empty folder, as in a pod"])
def test_a_secret_that_is_not_there_is_refused_and_nobody_is_asked(
    yahoo: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, present: bool
) -> None:
    folder = yahoo.secret.folder
    monkeypatch.setenv("HTTPS_PROXY", (folder / "proxy-url").read_text().strip())
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.crt"))
    yahoo.secret = Secret("yahoo", tmp_path / "other")
    if present:
        yahoo.secret.folder.mkdir()
    with pytest.raises(ProviderFailure, match="the Secret yahoo is not there") as failure:
        yahoo.fetch("AAPL")
    assert failure.value.outcome is Outcome.ACCESS_REFUSED
    assert yahoo.board.requests() == []


def test_a_proxy_url_that_does_not_read_is_refused_without_its_content(yahoo: Market) -> None:
    (yahoo.secret.folder / "proxy-url").write_bytes(b"user:hunter2\xff@127.0.0.1:9")
    with pytest.raises(ProviderFailure, match="proxy-url of the Secret yahoo does not read") as failure:
        yahoo.fetch("AAPL")
    assert failure.value.outcome is Outcome.ACCESS_REFUSED
    assert failure.value.__cause__ is None and "hunter2" not in repr(failure.value)


def test_the_environment_leads_to_the_server_just_as_well(
    yahoo: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = yahoo.secret.folder
    monkeypatch.setenv("HTTPS_PROXY", (folder / "proxy-url").read_text().strip())
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.crt"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder / "ca.crt"))
    assert fates(yahoo.provider().fetch(Query(DAILY_BARS, ("AAPL",), MONTH))) == {}


def test_limits_bound_a_single_question(yahoo: Market) -> None:
    yahoo.board.on("silent", "AAPL", after=3)
    started = datetime.now(UTC)
    assert fates(yahoo.fetch("AAPL", deadline=0.2, attempts=1)) == {"AAPL": "TimedOut"}
    assert datetime.now(UTC) - started < timedelta(seconds=2)
    assert replace(Limits(), deadline=1).deadline == 1


def bars(yahoo: Market, held: Held | None, lookback: timedelta | None = MONTH) -> Delivery:
    return yahoo.provider().fetch(Query(DAILY_BARS, SYMBOLS, lookback, connection=CONNECTION, held=held))


@ALL(
    ("kind", "column"),
    [
        pytest.param("readjusted", "close", id="a split divides every price before it"),
        pytest.param("paid", "adjusted_close", id="a dividend lowers the adjusted prices before it"),
    ],
)
def test_a_history_that_was_readjusted_comes_again_as_a_whole_under_the_next_revision(
    yahoo: Market, kind: str, column: str
) -> None:
    stored = rows(bars(yahoo, None, timedelta(days=200)))
    yahoo.clock.now += timedelta(days=1)
    yahoo.board.on(kind, "IBM", at=-2)
    table = rows(bars(yahoo, Kept(stored), timedelta(days=5)))
    ibm = table.filter(pc.equal(table["symbol"], "IBM"))
    before = stored.filter(pc.equal(stored["symbol"], "IBM"))
    assert set(before["session_date"].to_pylist()) < set(ibm["session_date"].to_pylist())
    assert set(ibm["revision"].to_pylist()) == {1}
    assert ibm[column][0].as_py() < before[column][0].as_py()
    others = table.filter(pc.not_equal(table["symbol"], "IBM"))
    assert set(others["revision"].to_pylist()) == {0}
    assert yahoo.charts("IBM") == 3
    assert yahoo.charts("AAPL") == 2


def test_a_run_after_a_long_pause_reaches_back_to_what_is_stored(yahoo: Market) -> None:
    stored = rows(bars(yahoo, None))
    yahoo.clock.now += timedelta(days=90)
    table = rows(bars(yahoo, Kept(stored), timedelta(days=5)))
    assert min(days(table)) < max(days(stored)) < max(days(table))


def test_what_the_last_run_missed_is_asked_for_first(yahoo: Market) -> None:
    stored = rows(bars(yahoo, None))
    bars(yahoo, Kept(stored, frozenset({"MSFT"})))
    asked = [item["symbol"] for item in yahoo.board.requests() if item["symbol"]]
    assert asked[3:] == ["MSFT", "AAPL", "IBM"]
