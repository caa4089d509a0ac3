"""When stored rows and those that come now are of another basis."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest

from backbone.market.dimensions import DAILY_BARS
from backbone.providers.yahoo.readjusted import readjusted

FIRST = date(2024, 1, 1)


def bars(count: int = 10, close: float = 1.0, adjusted: float = 1.0, start: int = 0) -> pa.Table:
    rows = [
        {
            "source": "yahoo",
            "symbol": "A",
            "session_date": FIRST + timedelta(days=day),
            **dict.fromkeys(("open", "high", "low", "close"), close * (100 + day)),
            "adjusted_close": adjusted * (100 + day),
            "volume": 1,
            "price_basis": "splitAdjusted",
            "revision": 0,
        }
        for day in range(start, start + count)
    ]
    return pa.Table.from_pylist(rows, schema=DAILY_BARS.facts)


def last_changed(count: int) -> pa.Table:
    table = bars()
    return pa.concat_tables([table.slice(0, 10 - count), bars(count, close=1.05, start=10 - count)])


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(bars(), False, id="nothing has changed"),
        pytest.param(bars(close=0.25, adjusted=0.25), True, id="a split divides every price"),
        pytest.param(bars(adjusted=0.99), True, id="a dividend lowers the adjusted prices alone"),
        pytest.param(bars(adjusted=1 + 1e-7), False, id="the noise of single precision is none"),
        pytest.param(last_changed(2), False, id="corrections of the last days are none"),
        pytest.param(last_changed(4), False, id="some corrected rows are no new basis"),
        pytest.param(bars(2, close=0.5), False, id="two rows are too few to tell"),
        pytest.param(bars(start=50, close=0.5), False, id="without a row in common nothing is told"),
    ],
)
def test_a_new_basis_is_told_from_a_correction(now: pa.Table, expected: bool) -> None:
    assert readjusted(DAILY_BARS, bars(), now) is expected
