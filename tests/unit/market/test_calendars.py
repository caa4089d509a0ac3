"""Every exchange that a symbol's spelling names has a calendar, and one without is told shortly."""

from __future__ import annotations

from datetime import date

import exchange_calendars
import numpy as np
import pytest

from backbone.market.calendars import _BY_SUFFIX, _INDICES, calendar, exchange_of

THIS_MONTH = (date.today().replace(day=1) - date(1970, 1, 1)).days  # noqa: DTZ011 - calendars end near today


@pytest.mark.parametrize("name", sorted({*_BY_SUFFIX.values(), *_INDICES.values()}))
def test_a_named_exchange_has_a_calendar_that_reaches_today(name: str) -> None:
    found = calendar(name)
    assert found.knows_days(np.array([THIS_MONTH])).all()
    assert len(found.sessions) == len(found.opens) == len(found.closes) > 100


def test_tel_aviv_trades_on_friday_and_not_on_sunday() -> None:
    days = [(date(2026, 2, day) - date(1970, 1, 1)).days for day in (6, 8)]
    assert calendar("XTAE").has_sessions(np.array(days)).tolist() == [True, False]


@pytest.mark.parametrize("name", ["ASEX", "NOWHERE"])
def test_an_exchange_without_a_calendar_is_told_shortly_and_not_looked_for_again(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=f"^exchange_calendars has no calendar {name}$"):
        calendar(name)
    monkeypatch.delattr(exchange_calendars, "get_calendar")
    with pytest.raises(ValueError, match=name):
        calendar(name)


def test_a_symbol_of_athens_is_one_of_an_unknown_exchange() -> None:
    assert exchange_of("OPAP.AT") is None


@pytest.mark.parametrize(
    ("symbol", "exchange"),
    [
        *((f"BTC-{quote}", "24/7") for quote in ("USD", "EUR", "JPY", "CAD", "AUD", "CHF", "INR", "KRW")),
        ("ETH-BTC", "24/7"),
        ("ETH-USDT", "24/7"),
        ("BRK-B", "XNYS"),
        ("BAC-PL", "XNYS"),
        ("NOVO-B.CO", "XCSE"),
        ("AAPL", "XNYS"),
        ("SAP.F", "XFRA"),
        ("^VIX", "XNYS"),
        ("^NOBODYS", None),
        ("EURUSD=X", None),
        ("ABC.NOWHERE", None),
    ],
)
def test_a_symbols_spelling_tells_its_exchange(symbol: str, exchange: str | None) -> None:
    assert exchange_of(symbol) == exchange
