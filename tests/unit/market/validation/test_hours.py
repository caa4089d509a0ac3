"""Rows against the hours of exchanges: breaks, auctions, what a source says, and calendars that err."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from support.judged_rows import bars, judged, minutes, told

from backbone.market.calendars import calendar
from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS, INTRADAY_TRADES
from backbone.market.validation.judge import Context, Judgement, judge

NOW = datetime(2026, 11, 28, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def judged_intraday(rows: list[dict[str, object]], **context: object) -> Judgement:
    table = pa.Table.from_pylist(rows, schema=INTRADAY_BARS.facts)
    return judge(INTRADAY_BARS, table, Context(NOW, **context))  # type: ignore[arg-type]


def stretches(exchange: str, first: str, last: str) -> list[tuple[str, str]]:
    """From when to when an exchange trades on some days."""
    found = calendar(exchange)
    edges = [EPOCH.date().toordinal() + day for day in found.sessions.tolist()]
    wanted = [
        date.fromisoformat(first).toordinal() <= day <= date.fromisoformat(last).toordinal() for day in edges
    ]
    chosen = np.isin(found.session_of(found.starts), np.flatnonzero(wanted))
    pairs = zip(found.starts[chosen].tolist(), found.ends[chosen].tolist(), strict=True)
    return [tuple(_text(moment) for moment in pair) for pair in pairs]  # type: ignore[misc]


def _text(moment: int) -> str:
    return (EPOCH + timedelta(microseconds=moment)).isoformat()


def local(zone: str, *spans: tuple[str, str]) -> list[tuple[str, str]]:
    """Spans on the clocks of a zone."""
    return [
        tuple(
            datetime.fromisoformat(item).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).isoformat()
            for item in span
        )
        for span in spans
    ]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("symbol", "exchange", "first", "last"),
    [
        pytest.param("9988.HK", "XHKG", "2026-03-02", "2026-03-06", id="Hong Kong"),
        pytest.param("0005.HK", "XHKG", "2024-12-23", "2024-12-27", id="Hong Kong with a half day"),
        pytest.param("6758.T", "XTKS", "2024-10-31", "2024-11-08", id="Tokyo as it went on to 15:30"),
        pytest.param("000001.SZ", "XSHG", "2026-09-28", "2026-10-12", id="Shenzhen over the golden week"),
        pytest.param("D05.SI", "XSES", "2026-02-16", "2026-02-20", id="Singapore over the new year"),
        pytest.param("TLKM.JK", "XIDX", "2026-06-01", "2026-06-05", id="Jakarta"),
        pytest.param("TSLA", "XNYS", "2026-11-23", "2026-11-27", id="New York over Thanksgiving"),
        pytest.param("VOD.L", "XLON", "2026-10-23", "2026-10-27", id="London over a change of the clocks"),
        pytest.param("INFY.NS", "XBOM", "2026-08-24", "2026-08-28", id="Mumbai"),
    ],
)
@pytest.mark.parametrize("width", [1, 5, 15, 60])
def test_complete_days_raise_no_alarm(symbol: str, exchange: str, first: str, last: str, width: int) -> None:
    rows = minutes(*stretches(exchange, first, last), symbol=symbol, width=width)
    assert len(rows) > 3 * 240 // width
    assert told(judged_intraday(rows)) == {}


def test_rows_in_the_break_are_off_session_and_a_missing_half_is_a_gap() -> None:
    tokyo = "Asia/Tokyo"
    day = local(tokyo, ("2026-06-10T09:00", "2026-06-10T11:30"), ("2026-06-10T12:30", "2026-06-10T15:30"))
    morning, afternoon = day
    noon = local(tokyo, ("2026-06-10T11:45", "2026-06-10T12:30"))
    following = local(tokyo, ("2026-06-11T09:00", "2026-06-11T11:30"))
    assert told(judged_intraday(minutes(morning, *noon, afternoon, symbol="7203.T"))) == {"OffSession": 45}
    assert told(judged_intraday(minutes(morning, *following, symbol="7203.T"))) == {"GapBefore": 1}
    late = local(tokyo, ("2026-06-10T13:05", "2026-06-10T15:30"))
    assert told(judged_intraday(minutes(morning, *late, symbol="7203.T"))) == {"GapBefore": 1}
    soon = local(tokyo, ("2026-06-10T12:50", "2026-06-10T15:30"))
    assert told(judged_intraday(minutes(morning, *soon, symbol="7203.T"))) == {}


@pytest.mark.parametrize(
    ("symbol", "zone", "spans", "width"),
    [
        pytest.param("CBA.AX", "Australia/Sydney", [("10:00", "16:01"), ("16:11", "16:12")], 1, id="Sydney"),
        pytest.param(
            "DBS.SI",
            "Asia/Singapore",
            [("09:00", "12:00"), ("13:00", "17:00"), ("17:06", "17:07")],
            1,
            id="Singapore",
        ),
        pytest.param("AZN.L", "Europe/London", [("08:00", "16:30"), ("16:35", "16:40")], 5, id="London"),
        pytest.param("MC.PA", "Europe/Paris", [("09:00", "17:30"), ("17:35", "17:40")], 5, id="Paris"),
        pytest.param(
            "0001.HK",
            "Asia/Hong_Kong",
            [("09:30", "12:00"), ("13:00", "16:00"), ("16:08", "16:09")],
            1,
            id="Hong Kong",
        ),
        pytest.param(
            "POLI.TA", "Asia/Jerusalem", [("09:59", "17:15")], 60, id="Tel Aviv, whose day begins at 9:59"
        ),
    ],
)
def test_a_closing_auction_is_told(symbol: str, zone: str, spans: list[tuple[str, str]], width: int) -> None:
    day = "2026-11-25"
    rows = minutes(
        *local(zone, *((f"{day}T{a}", f"{day}T{b}") for a, b in spans)), symbol=symbol, width=width
    )
    assert told(judged_intraday(rows)) == {}


def periods(zone: str, *spans: tuple[str, str]) -> np.ndarray:
    return np.array(
        [
            [(datetime.fromisoformat(item) - EPOCH) // timedelta(microseconds=1) for item in span]
            for span in local(zone, *spans)
        ]
    )


def test_bars_in_the_hours_that_their_source_tells_are_kept() -> None:
    new_york = "America/New_York"
    day = "2026-11-25"
    early = local(new_york, (f"{day}T04:00", f"{day}T09:30"))
    regular = local(new_york, (f"{day}T09:30", f"{day}T16:00"))
    late = local(new_york, (f"{day}T16:00", f"{day}T20:00"))
    rows = minutes(*early, *regular, *late, width=5)
    assert told(judged_intraday(rows)) == {"OffSession": 66 + 45}
    told_hours = {
        "AAPL": periods(new_york, (f"{day}T04:00", f"{day}T09:30"), (f"{day}T16:00", f"{day}T20:00"))
    }
    assert told(judged_intraday(rows, periods=told_hours)) == {}
    assert told(judged_intraday(rows, periods={"IBM": told_hours["AAPL"]})) == {"OffSession": 66 + 45}
    yesterday = minutes(*local(new_york, ("2026-11-24T05:00", "2026-11-24T06:00")), width=5)
    assert told(judged_intraday([*yesterday, *rows], periods=told_hours)) == {"OffSession": 12}


def test_a_session_that_the_source_tells_and_the_calendar_does_not_know_is_kept_under_a_flag() -> None:
    mumbai = "Asia/Kolkata"
    usual = local(mumbai, ("2026-11-06T09:15", "2026-11-06T15:30"))
    evening = ("2026-11-08T18:00", "2026-11-08T19:00")
    rows = minutes(*usual, *local(mumbai, evening), symbol="TCS.NS")
    assert told(judged_intraday(rows)) == {"OffSession": 60}
    found = judged_intraday(rows, periods={"TCS.NS": periods(mumbai, evening)})
    assert (found.quarantined.num_rows, told(found)) == (0, {"OffSession": 60})


def evening(names: int, having: int, day: str, volume: int | None = None, stood: bool = False) -> Judgement:
    """Daily bars of some names up to a session, and of a part of them a bar of a day that is none."""
    rows: list[dict[str, object]] = []
    closed = date.fromisoformat(day)
    for number in range(names):
        line = [row for row in bars(symbol=f"N{chr(65 + number)}") if row["session_date"] < closed]  # type: ignore[operator]
        # No two days alike: the bars of a name are those of the others at another price.
        line = [{**row, "volume": row["volume"] + number} for row in line]  # type: ignore[operator]
        if number < having:
            last = line.pop() if stood else line[-1]
            extra = {
                **last,
                "session_date": closed,
                "volume": last["volume"] + 1 if volume is None else volume,
            }  # type: ignore[operator]
            if volume == 0:
                extra |= dict.fromkeys(("open", "high", "low"), last["close"])
            line.append(extra)
        rows += line
    return judged(rows)


@pytest.mark.parametrize(
    ("names", "having", "outcome"),
    [
        pytest.param(5, 5, "flag", id="all of five"),
        pytest.param(20, 19, "flag", id="19 of 20"),
        pytest.param(20, 18, "quarantine", id="18 of 20"),
        pytest.param(4, 4, "quarantine", id="four are too few"),
        pytest.param(20, 1, "quarantine", id="one"),
    ],
)
def test_a_day_that_nearly_all_names_have_is_the_calendars_fault(
    names: int, having: int, outcome: str
) -> None:
    found = evening(names, having, "2024-02-19")
    assert told(found) == {"OffSession": having}
    assert found.quarantined.num_rows == (0 if outcome == "flag" else having)


def test_a_copy_of_the_day_before_and_a_session_under_a_wrong_date_say_nothing_of_the_calendar() -> None:
    assert evening(10, 10, "2024-02-19", volume=0).quarantined.num_rows == 10
    assert evening(10, 10, "2024-02-19", stood=True).quarantined.num_rows == 10


@pytest.mark.parametrize("trades", [False, True], ids=["bars", "trades"])
def test_hours_that_nearly_all_names_trade_in_are_the_calendars_fault(trades: bool) -> None:
    spans = (
        ("2024-03-12T13:30+00:00", "2024-03-12T20:00+00:00"),
        ("2024-03-12T21:00+00:00", "2024-03-12T22:00+00:00"),
    )
    rows = [
        row
        for number in range(6)
        for row in minutes(*(spans if number < 6 else spans[:1]), symbol=f"N{chr(65 + number)}", width=5)
    ]
    if trades:
        rows = [
            {
                "source": "t",
                "symbol": row["symbol"],
                "ts": row["start"],
                "ordinal": 0,
                "price": row["close"],
                "size": 1,
                "price_basis": "asTraded",
                "revision": 0,
            }
            for row in rows
        ]
    dimension = INTRADAY_TRADES if trades else INTRADAY_BARS
    found = judge(dimension, pa.Table.from_pylist(rows, schema=dimension.facts), Context(NOW))
    assert (found.quarantined.num_rows, found.flagged_counts) == (0, {"OffSession": 72})
    alone = [
        row
        for row in rows
        if row["symbol"] == "NA" or row["ts" if trades else "start"] < datetime(2024, 3, 12, 20, tzinfo=UTC)
    ]  # type: ignore[operator]
    found = judge(dimension, pa.Table.from_pylist(alone, schema=dimension.facts), Context(NOW))
    assert told(found) == {"OffSession": 12}


@pytest.mark.parametrize(
    ("start", "width", "reason"),
    [
        pytest.param("09:30", 60, {}, id="hours from the opening"),
        pytest.param("10:00", 60, {}, id="hours by the clock"),
        pytest.param("09:31", 60, {"Misaligned": 6}, id="hours from a minute"),
        pytest.param("09:33", 5, {"Misaligned": 77}, id="five minutes off their grid"),
    ],
)
def test_bars_begin_on_a_grid(start: str, width: int, reason: dict[str, int]) -> None:
    day = "2026-11-25"
    (span,) = local("America/New_York", (f"{day}T{start}", f"{day}T15:59"))
    rows = minutes(span, width=width)
    assert told(judged_intraday(rows)) == ({name: len(rows) for name in reason} if reason else {})


def test_bars_begin_with_the_session_of_their_exchange_or_source() -> None:
    jerusalem = "Asia/Jerusalem"
    rows = minutes(*local(jerusalem, ("2026-11-25T09:59", "2026-11-25T17:00")), symbol="LUMI.TA", width=60)
    assert told(judged_intraday(rows)) == {}
    odd = minutes(*local(jerusalem, ("2026-11-25T10:07", "2026-11-25T10:08")), symbol="LUMI.TA", width=60)
    assert told(judged_intraday(odd)) == {"Misaligned": 1}
    hours = {"LUMI.TA": periods(jerusalem, ("2026-11-25T10:07", "2026-11-25T17:00"))}
    assert told(judged_intraday(odd, periods=hours)) == {}


def oil(symbol: str, *closes: float, **kinds: object) -> Judgement:
    """A month of quiet prices around 20, and then these."""
    quiet = [20 + number % 5 / 10 for number in range(40)]
    rows = [
        {
            **row,
            "symbol": symbol,
            "open": price,
            "high": price + 0.3,
            "low": price - 0.3,
            "close": price,
            "adjusted_close": price,
        }
        for row, price in zip(bars(40 + len(closes)), [*quiet, *closes], strict=True)
    ]
    table = pa.Table.from_pylist(rows, schema=DAILY_BARS.facts)
    return judge(DAILY_BARS, table, Context(datetime(2024, 3, 28, 22, tzinfo=UTC), **kinds))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("symbol", "kinds"),
    [
        pytest.param("NG=F", {}, id="a future by its spelling"),
        pytest.param("^IRX", {}, id="a rate by its spelling"),
        pytest.param("CLJ0", {"CLJ0": "future"}, id="a future by its source's word"),
        pytest.param("BRENT-WTI", {"BRENT-WTI": "spread"}, id="a spread by its source's word"),
    ],
)
@pytest.mark.parametrize("price", [-37.63, 0.0, -0.05], ids=str)
def test_a_price_below_zero_is_kept_under_a_flag_where_there_are_such(
    symbol: str, kinds: dict[str, str], price: float
) -> None:
    found = oil(symbol, price, 19.8, 20.1, kinds=kinds)
    assert found.quarantined.num_rows == 0
    assert {str(flag): count for flag, count in found.flagged_counts.items()} == {"NonPositivePrice": 1}


@pytest.mark.parametrize("symbol", ["AAPL", "EURUSD=X", "^GSPC", "BTC-USD"])
def test_a_price_below_zero_is_wrong_elsewhere(symbol: str) -> None:
    assert "NonPositivePrice" in {str(item) for item in oil(symbol, -37.63, 19.8, 20.1).quarantined_counts}


def test_a_low_of_zero_below_prices_that_are_not_is_no_trade_of_a_future_either() -> None:
    rows = [{**row, "symbol": "GC=F"} for row in bars()]
    rows[30]["low"] = 0.0
    assert {str(item) for item in judged(rows).quarantined_counts} == {"BadExtreme"}
