"""What a source leaves out costs what it leaves out: a bar without prices, an adjusted price without more."""

from __future__ import annotations

import pyarrow as pa
import pytest
from support.judged_rows import NOW, bars, judged, judged_minutes, minutes, told

from backbone.market.dimensions import DAILY_BARS
from backbone.market.validation.judge import Context, judge

PRICES = ("open", "high", "low", "close")
NOTHING = float("nan")


@pytest.mark.parametrize("nothing", [None, NOTHING], ids=["null", "NaN"])
@pytest.mark.parametrize("volume", [None, 0, 1000])
@pytest.mark.parametrize(
    "day", ["2024-03-28", "2024-02-19", "2024-02-17"], ids=["session", "holiday", "Saturday"]
)
def test_a_bar_without_any_price_is_none(nothing: float | None, volume: int | None, day: str) -> None:
    rows = [row for row in bars() if str(row["session_date"]) != day]
    silent = {**rows[0], **dict.fromkeys((*PRICES, "adjusted_close"), nothing), "volume": volume}
    with_it = [*rows, {**silent, "session_date": pa.scalar(day).cast(pa.date32()).as_py()}]
    found, without = judged(with_it), judged(rows)
    assert found.kept.equals(without.kept)
    assert (told(found), found.quarantined.num_rows) == (told(without), 0)


def test_minutes_without_a_trade_that_are_listed_are_no_bars() -> None:
    rows = minutes(("2024-03-28T14:00:00+00:00", "2024-03-28T16:00:00+00:00"))
    for row in rows[4::9]:
        row.update(dict.fromkeys((*PRICES, "volume"), None))
    found = judged_minutes(rows)
    assert (found.kept.num_rows, told(found)) == (len(rows) - len(rows[4::9]), {})


def test_a_bar_of_which_one_price_is_there_is_one() -> None:
    rows = bars()
    rows[30].update(dict.fromkeys(("open", "high", "low"), None))
    assert told(judged(rows)) == {"SchemaMismatch": 1}


def test_columns_that_did_not_come_are_another_shape_and_no_silence() -> None:
    table = pa.Table.from_pylist(bars(), schema=DAILY_BARS.facts).drop_columns(list(PRICES))
    assert judge(DAILY_BARS, table, Context(NOW)).quarantined.num_rows == 60


@pytest.mark.parametrize("bad", [NOTHING, float("inf"), float("-inf"), 0.0, -0.038, None])
@pytest.mark.parametrize("at", [0, 1, 30, 58, 59])
def test_an_adjusted_price_that_is_none_costs_itself_alone(bad: float | None, at: int) -> None:
    rows = bars()
    rows[at]["adjusted_close"] = bad
    found = judged(rows)
    assert told(found) == {"NoAdjustedClose": 1}
    assert found.kept.num_rows == 60
    assert found.kept["adjusted_close"][at].as_py() is None
    assert found.kept["close"][at].as_py() == rows[at]["close"]
    assert found.flags[at].as_py() == "NoAdjustedClose"


@pytest.mark.parametrize("factor", [0.5, 0.1, 0.97])
@pytest.mark.parametrize("bad", [None, -1.0])
@pytest.mark.parametrize("span", [(0, 30), (20, 40), (30, 60)])
def test_adjusted_prices_on_another_level_that_begin_or_end_are_no_jump(
    factor: float, bad: float | None, span: tuple[int, int]
) -> None:
    rows = bars()
    for place, row in enumerate(rows):
        row["adjusted_close"] = bad if span[0] <= place < span[1] else row["close"] * factor  # type: ignore[operator]
    found = judged(rows)
    assert told(found) == {"NoAdjustedClose": span[1] - span[0]}


def test_a_split_shows_also_between_rows_without_an_adjusted_price() -> None:
    rows = bars()
    for place, row in enumerate(rows):
        row["adjusted_close"] = None if place % 3 else row["close"]
        if place >= 45:
            row.update({name: row[name] / 20 for name in PRICES})  # type: ignore[operator]
            row["volume"] = row["volume"] * 20  # type: ignore[operator]
            row["adjusted_close"] = None if place % 3 else row["close"]
    assert judged(rows).quarantined_counts == {"UnadjustedSplit": 15}


def test_an_adjusted_price_that_does_not_read_costs_itself_alone() -> None:
    table = pa.Table.from_pylist(bars(), schema=DAILY_BARS.facts)
    texts = pa.array([*["101.5"] * 30, "n/a", *["101.5"] * 29])
    place = table.schema.get_field_index("adjusted_close")
    found = judge(DAILY_BARS, table.set_column(place, "adjusted_close", texts), Context(NOW))
    assert found.flags[30].as_py() == "NoAdjustedClose"
    assert found.kept.num_rows == 60


def test_a_line_that_has_no_adjusted_prices_lacks_none() -> None:
    assert told(judged(bars(adjusted_close=None))) == {}
