"""What becomes of rows that something is wrong with, case by case; the rest of the delivery is kept."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest
from support.judged_rows import NOW, bars, judged, judged_minutes, minutes, sessions, told

from backbone.market.defects import Defect
from backbone.market.dimensions import (
    DAILY_BARS,
    INTRADAY_TRADES,
    MACRO_EVENTS,
    MACRO_SERIES,
)
from backbone.market.validation.judge import Context, Judgement, judge


def test_ordinary_rows_are_all_kept_and_come_out_as_they_went_in() -> None:
    rows = bars()
    found = judged(rows)
    assert told(found) == {}
    assert found.kept.to_pylist() == rows
    assert found.flags.null_count == len(rows)


def test_a_symbol_with_no_volume_at_all_is_kept_without_a_word() -> None:
    assert told(judged(bars(volume=0))) == {}


def test_a_day_without_volume_on_a_line_that_trades_is_kept_under_a_flag() -> None:
    rows = bars()
    rows[40]["volume"] = 0
    found = judged(rows)
    assert told(found) == {"NoVolume": 1}
    assert found.kept.num_rows == 60
    assert found.flags[40].as_py() == "NoVolume"


@pytest.mark.parametrize(
    ("revision", "reason", "kept"),
    [
        pytest.param(0, {"ConflictingRows": 2}, None, id="equal revisions contradict each other"),
        pytest.param(1, {"RepeatedRow": 1}, 1, id="the greater revision stays"),
    ],
)
def test_the_same_day_twice_with_other_values(
    revision: int, reason: dict[str, int], kept: int | None
) -> None:
    rows = bars()
    again = {**rows[30], "high": rows[30]["high"] * 1.001, "revision": revision}  # type: ignore[operator]
    found = judged([*rows, again])
    assert told(found) == reason
    stays = [
        row["revision"] for row in found.kept.to_pylist() if row["session_date"] == again["session_date"]
    ]
    assert stays == ([] if kept is None else [kept])
    assert all(row["session_date"] == again["session_date"] for row in found.quarantined.to_pylist())


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(float("nan"), "NotFinite", id="NaN"),
        pytest.param(float("inf"), "NotFinite", id="infinite"),
        pytest.param(0.0, "NonPositivePrice", id="zero"),
        pytest.param(-1.0, "NonPositivePrice", id="negative"),
    ],
)
@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_a_price_that_is_none(column: str, value: float, reason: str) -> None:
    rows = bars()
    rows[30][column] = value
    found = judged(rows)
    assert told(found) == {reason: 1}
    raw = found.quarantined.to_pylist()[0]
    assert raw["session_date"] == rows[30]["session_date"]
    assert raw[column] == pytest.approx(value, nan_ok=True)


def test_a_wrong_row_does_not_spoil_the_judgement_of_its_neighbours() -> None:
    rows = bars()
    rows[30]["close"], rows[30]["high"] = 1e6, 2e6
    rows[31]["low"] = 0.0
    found = judged(rows)
    assert found.quarantined_counts == {Defect.PRICE_SPIKE: 1, Defect.NON_POSITIVE_PRICE: 1}


@pytest.mark.parametrize(("volume", "reason"), [(0, {}), (1000, {"StaleRepeat": 1})])
def test_a_bar_with_a_range_comes_twice_only_where_nobody_counts_volume(
    volume: int, reason: dict[str, int]
) -> None:
    rows = minutes(("2024-03-12T10:00+00:00", "2024-03-12T11:00+00:00"), symbol="EURUSD=X", volume=volume)
    for name in ("open", "high", "low", "close"):
        rows[21][name] = rows[20][name]
    assert told(judged_minutes(rows)) == reason


def test_a_holiday_is_no_gap_and_has_no_bar() -> None:
    rows = bars()
    assert date(2024, 2, 19) not in {row["session_date"] for row in rows}
    holiday = {**rows[30], "session_date": date(2024, 2, 19)}
    assert told(judged([*rows, holiday])) == {"OffSession": 1}


def test_a_session_that_did_not_come_puts_a_flag_on_the_next() -> None:
    rows = bars()
    found = judged([*rows[:30], *rows[31:]])
    assert told(found) == {"GapBefore": 1}
    assert found.flags[30].as_py() == "GapBefore"


def test_a_session_that_is_missing_between_what_is_stored_and_what_came_is_a_gap() -> None:
    rows = bars()
    assert told(judged(rows[31:], history=rows[:30])) == {"GapBefore": 1}
    assert told(judged(rows[30:], history=rows[:30])) == {}


def test_a_bar_in_quarantine_is_no_gap() -> None:
    rows = bars()
    rows[30]["close"] = float("nan")
    assert told(judged(rows)) == {"NotFinite": 1}


def test_a_half_day_ends_at_one_and_a_later_bar_is_off_session() -> None:
    rows = minutes(
        ("2023-11-24T14:30+00:00", "2023-11-24T18:00+00:00"),
        ("2023-11-27T14:30+00:00", "2023-11-27T15:00+00:00"),
    )
    assert told(judged_minutes(rows)) == {}
    late = minutes(("2023-11-24T18:30+00:00", "2023-11-24T18:31+00:00"))
    assert told(judged_minutes([*rows, *late])) == {"OffSession": 1}


def test_the_clocks_go_forward_and_the_session_opens_an_hour_earlier_in_utc() -> None:
    rows = minutes(
        ("2024-03-08T14:30+00:00", "2024-03-08T21:00+00:00"),
        ("2024-03-11T13:30+00:00", "2024-03-11T20:00+00:00"),
    )
    assert told(judged_minutes(rows)) == {}
    early = minutes(("2024-03-08T13:30+00:00", "2024-03-08T13:31+00:00"))
    assert told(judged_minutes([*rows, *early])) == {"OffSession": 1}
    late = minutes(("2024-03-11T20:30+00:00", "2024-03-11T20:31+00:00"))
    assert told(judged_minutes([*rows, *late])) == {"OffSession": 1}


def test_the_clocks_go_back_and_the_session_opens_an_hour_later_in_utc() -> None:
    rows = minutes(
        ("2023-11-03T13:30+00:00", "2023-11-03T20:00+00:00"),
        ("2023-11-06T14:30+00:00", "2023-11-06T21:00+00:00"),
    )
    assert told(judged_minutes(rows)) == {}
    late = minutes(("2023-11-03T20:30+00:00", "2023-11-03T20:31+00:00"))
    assert told(judged_minutes([*rows, *late])) == {"OffSession": 1}
    early = minutes(("2023-11-06T13:30+00:00", "2023-11-06T13:31+00:00"))
    assert told(judged_minutes([*rows, *early])) == {"OffSession": 1}


def test_new_york_time_taken_for_utc_is_a_zone_error_also_across_a_change_of_the_clocks() -> None:
    rows = minutes(
        ("2024-03-08T09:30+00:00", "2024-03-08T16:00+00:00"),
        ("2024-03-11T09:30+00:00", "2024-03-11T16:00+00:00"),
    )
    assert told(judged_minutes(rows)) == {"ZoneError": 780}
    autumn = minutes(
        ("2023-11-03T09:30+00:00", "2023-11-03T16:00+00:00"),
        ("2023-11-06T09:30+00:00", "2023-11-06T16:00+00:00"),
    )
    assert told(judged_minutes(autumn)) == {"ZoneError": 780}


@pytest.mark.parametrize(
    ("width", "first", "late", "refused"),
    [
        pytest.param(60, "14:30", "20:30", 0, id="an hour"),
        pytest.param(5, "14:45", "20:15", 0, id="three of five minutes"),
        pytest.param(1, "14:31", "20:15", 0, id="fifteen of a minute"),
        pytest.param(5, "14:45", "20:30", 3, id="six of five minutes, of which three are too late"),
        pytest.param(1, "14:31", "20:30", 15, id="thirty of a minute, of which fifteen are too late"),
    ],
)
def test_late_bars_condemn_no_line_whose_first_hour_lacks(
    width: int, first: str, late: str, refused: int
) -> None:
    rows = minutes((f"2024-03-13T{first}+00:00", "2024-03-13T20:00+00:00"), width=width)
    after = minutes(("2024-03-13T20:00+00:00", f"2024-03-13T{late}+00:00"), width=width)
    assert told(judged_minutes([*rows, *after])) == ({"OffSession": refused} if refused else {})


def test_a_line_that_is_an_hour_late_is_shifted() -> None:
    days = [(f"2024-03-{day}T14:30+00:00", f"2024-03-{day}T21:00+00:00") for day in (12, 13, 14)]
    assert told(judged_minutes(minutes(*days))) == {"ZoneError": 1170}
    assert told(judged_minutes(minutes(*days, width=60))) == {"ZoneError": 21}


def test_a_part_of_a_session_that_did_not_come_is_a_gap() -> None:
    rows = minutes(
        ("2024-03-08T14:30+00:00", "2024-03-08T16:00+00:00"),
        ("2024-03-08T17:00+00:00", "2024-03-08T21:00+00:00"),
    )
    assert told(judged_minutes(rows)) == {"GapBefore": 1}


DAY = ("13:30", "20:00")


@pytest.mark.parametrize(
    ("width", "second", "third", "gaps"),
    [
        pytest.param(1, [("13:30", "14:00")], [("19:30", "20:00")], 1, id="an afternoon and a morning"),
        pytest.param(1, [("13:30", "19:00")], [DAY], 1, id="the last hour"),
        pytest.param(1, [DAY], [("14:30", "20:00")], 1, id="the first hour"),
        pytest.param(1, [("13:30", "19:45")], [("13:45", "20:00")], 0, id="quarters of an hour"),
        pytest.param(15, [("13:30", "14:00"), ("19:45", "20:00")], [DAY], 1, id="of quarters, most of a day"),
        pytest.param(15, [("13:30", "19:00")], [("14:30", "20:00")], 1, id="of quarters, four and four"),
        pytest.param(15, [("13:30", "14:00"), ("14:30", "20:00")], [DAY], 0, id="of quarters, two"),
        pytest.param(60, [("13:30", "14:30"), ("19:30", "20:00")], [DAY], 1, id="of hours, five"),
        pytest.param(60, [("13:30", "14:30"), ("15:30", "20:00")], [DAY], 0, id="of hours, one"),
        pytest.param(60, [("13:30", "17:30")], [DAY], 1, id="of hours, the last three"),
    ],
)
def test_what_lacks_of_sessions_is_a_gap(
    width: int, second: list[tuple[str, str]], third: list[tuple[str, str]], gaps: int
) -> None:
    days = ((11, [DAY]), (12, second), (13, third), (14, [DAY]))
    spans = [tuple(f"2024-03-{day}T{time}+00:00" for time in span) for day, parts in days for span in parts]
    found = told(judged_minutes(minutes(*spans, width=width)))  # type: ignore[arg-type]
    assert found == ({"GapBefore": gaps} if gaps else {})


def test_bars_of_another_symbol_do_not_count_as_neighbours() -> None:
    other = [
        {**row, "open": 9.0, "high": 9.1, "low": 8.9, "close": 9.0, "adjusted_close": 9.0}
        for row in bars(symbol="IBM")
    ]
    for number, row in enumerate(other):
        row["volume"] = 1000 + number
    mixed = [row for pair in zip(bars(), other, strict=True) for row in pair]
    assert told(judged(mixed)) == {}


@pytest.mark.parametrize(
    ("ahead", "reason"),
    [
        pytest.param(timedelta(seconds=90), {}, id="a clock that is a little ahead"),
        pytest.param(timedelta(minutes=10), {"FutureRow": 8}, id="a clock that is ten minutes ahead"),
    ],
)
def test_clock_skew(ahead: timedelta, reason: dict[str, int]) -> None:
    now = datetime(2024, 3, 8, 15, 59, tzinfo=UTC) - ahead
    rows = minutes(("2024-03-08T14:30+00:00", "2024-03-08T16:00+00:00"))
    found = judged_minutes(rows, now + timedelta(seconds=30))
    assert told(found) == reason


def test_tomorrow_is_the_future_where_the_exchange_is() -> None:
    rows = [row for row in bars() if row["session_date"] != date(2024, 3, 28)]
    tokyo = [
        {**row, "symbol": "7203.T", "session_date": day}
        for row, day in zip(rows, sessions(59, exchange="XTKS"), strict=True)
    ]
    evening = datetime(2024, 3, 27, 16, tzinfo=UTC)
    for found, reason in ((rows, {}), (tokyo, {})):
        table = pa.Table.from_pylist(found, schema=DAILY_BARS.facts)
        assert told(judge(DAILY_BARS, table, Context(evening))) == reason
    table = pa.Table.from_pylist(bars(), schema=DAILY_BARS.facts)
    assert told(judge(DAILY_BARS, table, Context(evening))) == {"FutureRow": 1}


def test_a_symbol_whose_exchange_nobody_knows_is_told_as_unchecked() -> None:
    found = judged(bars(symbol="EURUSD=X"))
    assert (found.unchecked, told(found)) == (("EURUSD=X",), {})


def test_what_a_source_knows_of_its_symbols_goes_before_their_spelling() -> None:
    table = pa.Table.from_pylist(bars(symbol="ABC.XY"), schema=DAILY_BARS.facts)
    assert judge(DAILY_BARS, table, Context(NOW)).unchecked == ("ABC.XY",)
    assert judge(DAILY_BARS, table, Context(NOW, {"ABC.XY": "XNYS"})).unchecked == ()


def test_an_exchange_without_a_calendar_is_told_as_unchecked() -> None:
    table = pa.Table.from_pylist(bars(), schema=DAILY_BARS.facts)
    assert judge(DAILY_BARS, table, Context(NOW, {"AAPL": "NOWHERE"})).unchecked == ("AAPL",)


def test_a_delivery_in_other_types_is_read_as_far_as_it_can_be() -> None:
    rows = bars()
    table = pa.Table.from_pylist(rows, schema=DAILY_BARS.facts)
    volume = pa.array(
        [float("nan") if number == 3 else float(row["volume"]) for number, row in enumerate(rows)]
    )  # type: ignore[arg-type]
    close = pa.array(["dear" if number == 7 else repr(row["close"]) for number, row in enumerate(rows)])
    for name, column in (("volume", volume), ("close", close)):
        table = table.set_column(table.schema.get_field_index(name), name, column)
    found = judge(DAILY_BARS, table, Context(NOW))
    assert told(found) == {"SchemaMismatch": 2}
    assert found.kept.schema.equals(DAILY_BARS.facts)
    assert found.kept.to_pylist() == [row for number, row in enumerate(rows) if number not in {3, 7}]
    assert found.quarantined["close"].to_pylist()[1] == "dear"


def test_a_volume_beyond_what_a_double_counts_is_judged_beside_a_negative_one() -> None:
    rows = [
        {**row, "volume": {3: 2**63 - 1, 7: -1}.get(number, row["volume"])}
        for number, row in enumerate(bars())
    ]
    found = judge(DAILY_BARS, pa.Table.from_pylist(rows, schema=DAILY_BARS.facts), Context(NOW))
    assert told(found) == {"NegativeSize": 1}
    assert found.kept["volume"].to_pylist()[3] == 2**63 - 1


@pytest.mark.parametrize("odd", [-(2**63) + 1, 2**63 - 1])
def test_a_moment_that_no_calendar_counts_is_out_before_stores_are_asked_about_it(odd: int) -> None:
    row = {"source": "s", "symbol": "AAPL", "ordinal": 0, "price": 9.0, "size": 1, "price_basis": "asTraded"}
    rows = [
        {**row, "revision": 0, "ts": datetime(2024, 3, 8, 15, tzinfo=UTC)},
        {**row, "revision": 0, "ts": odd},
    ]
    asked: list[int] = []

    def before(facts: pa.Table) -> pa.Table:
        asked.append(len(facts["ts"].to_pylist()))
        return facts.slice(0, 0)

    table = pa.Table.from_pylist(rows, schema=INTRADAY_TRADES.facts)
    found = judge(INTRADAY_TRADES, table, Context(NOW, before=before))
    assert (told(found), asked) == ({"SchemaMismatch": 1}, [1])


def test_a_column_that_did_not_come_at_all_puts_every_row_into_quarantine() -> None:
    table = pa.Table.from_pylist(bars(), schema=DAILY_BARS.facts).drop_columns(["close"])
    assert told(judge(DAILY_BARS, table, Context(NOW))) == {"SchemaMismatch": 60}


def test_nothing_delivered_is_nothing_judged() -> None:
    assert told(judged([])) == {}


def test_equal_trades_of_one_moment_are_many_and_all_kept() -> None:
    row = {
        "source": "s",
        "symbol": "AAPL",
        "ts": datetime(2024, 3, 8, 15, tzinfo=UTC),
        "price": 9.0,
        "size": 1,
        "price_basis": "asTraded",
        "revision": 0,
    }
    rows = [{**row, "ordinal": number} for number in range(500)]
    table = pa.Table.from_pylist(rows, schema=INTRADAY_TRADES.facts)
    found = judge(INTRADAY_TRADES, table, Context(NOW))
    assert (told(found), found.kept.num_rows) == ({}, 500)


def test_a_macro_value_that_was_not_observed_is_no_error_and_a_vintage_from_the_future_is_one() -> None:
    row = {
        "source": "s",
        "series": "cpi",
        "frequency": "daily",
        "vintage": date(2024, 3, 1),
        "value": 1.0,
        "revision": 0,
    }
    rows = [
        {**row, "period": date(2024, 2, day), "value": None if day == 3 else float(day)}
        for day in range(1, 9)
    ]
    rows[5]["vintage"] = date(2025, 1, 1)
    found = judge(MACRO_SERIES, pa.Table.from_pylist(rows, schema=MACRO_SERIES.facts), Context(NOW))
    assert told(found) == {"FutureRow": 1}
    assert found.kept.num_rows == 7


def test_a_period_that_is_forecast_is_kept_and_a_vintage_of_next_year_is_not() -> None:
    row = {"source": "s", "series": "GDPPOT", "frequency": "quarterly", "value": 16_000.0, "revision": 0}
    rows = [
        {**row, "period": date(year, month, 1), "vintage": date(2024, 2, 1)}
        for year in range(2023, 2034)
        for month in (1, 4, 7, 10)
    ]
    ahead = {**row, "period": date(2024, 1, 1), "vintage": date(2024, 4, 1)}
    found = judge(MACRO_SERIES, pa.Table.from_pylist([*rows, ahead], schema=MACRO_SERIES.facts), Context(NOW))
    assert (told(found), found.kept.num_rows) == ({"FutureRow": 1}, len(rows))


def monthly(*values: float | None) -> Judgement:
    """What is said of a series with these values, the last one in this year."""
    days = pd.date_range(end="2024-03-01", periods=len(values), freq="MS").date
    rows = [
        {
            "source": "s",
            "series": "rate",
            "period": day,
            "frequency": "monthly",
            "vintage": day,
            "value": value,
            "revision": 0,
        }
        for day, value in zip(days, values, strict=True)
    ]
    return judge(MACRO_SERIES, pa.Table.from_pylist(rows, schema=MACRO_SERIES.facts), Context(NOW))


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([-0.5] * 20 + [0.0, 0.75], id="a rate that was raised after years"),
        pytest.param([0.0] * 20 + [0.25] * 2 + [0.0] * 6, id="a rate of zero that was raised and lowered"),
        pytest.param([0.0] * 22 + [0.75], id="a rate of zero that was raised"),
    ],
)
def test_a_rate_that_mostly_stands_still_has_no_spikes(values: list[float]) -> None:
    assert told(monthly(*values)) == {}


def test_the_latest_macro_value_is_never_beyond_belief() -> None:
    claims = [220.0, 219.0, 217.0, 211.0, 215.0, 220.0, 225.0, 202.0, 220.0, 204.0, 201.0, 215.0, 211.0]
    assert told(monthly(*claims, 282.0, 3307.0)) == {"UnconfirmedMove": 1}
    balance = [-1.0, 2.0, -3.0, 1.0, -2.0, 3.0, -1.0, 2.0, -1.5, 1.0]
    assert told(monthly(*balance, 400.0)) == {"UnconfirmedMove": 1}
    assert told(monthly(*balance, 400.0, *balance)) == {"PriceSpike": 1}


@pytest.mark.parametrize("name", ["actual", "expected", "prior", "revised"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=["NaN", "infinite"])
def test_a_number_of_a_release_that_is_none(name: str, value: float) -> None:
    row = {
        "source": "s",
        "calendar": "US",
        "event": "US/CPI",
        "kind": "release",
        "period": date(2024, 3, 12),
        "vintage": date(2024, 3, 12),
        "reference": "",
        "at": datetime(2024, 3, 12, 12, 30, tzinfo=UTC),
        "actual": 0.4,
        "revision": 0,
    }
    facts = MACRO_EVENTS.facts
    assert told(judge(MACRO_EVENTS, pa.Table.from_pylist([row], schema=facts), Context(NOW))) == {}
    odd = pa.Table.from_pylist([{**row, name: value}], schema=facts)
    assert told(judge(MACRO_EVENTS, odd, Context(NOW))) == {"NotFinite": 1}


def test_two_releases_of_one_name_and_day_are_told_apart_by_what_they_are_about() -> None:
    row = {
        "source": "s",
        "calendar": "US",
        "event": "US/Housing Starts",
        "kind": "release",
        "period": date(2024, 3, 12),
        "vintage": date(2024, 3, 12),
        "revision": 0,
    }
    rows = [
        {**row, "reference": reference, "actual": actual}
        for reference, actual in (("Jan", 1.3), ("Feb", 1.5), ("", 1.4))
    ]
    found = judge(MACRO_EVENTS, pa.Table.from_pylist(rows, schema=MACRO_EVENTS.facts), Context(NOW))
    assert (told(found), found.kept.num_rows) == ({}, 3)
    again = pa.Table.from_pylist([*rows, {**rows[0], "actual": 9.9}], schema=MACRO_EVENTS.facts)
    assert told(judge(MACRO_EVENTS, again, Context(NOW))) == {"ConflictingRows": 2}
