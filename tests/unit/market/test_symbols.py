"""What the spelling of a symbol tells: an exchange, a kind, or that nobody can tell."""

from __future__ import annotations

import pytest

from backbone.market.symbols import Kind, exchange_of, kind_of
from backbone.providers.sample.recordings import RECORDINGS


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
        ("^VIX", "XCBO"),
        ("^TNX", None),
        ("^STOXX50E", None),
        ("BTCUSDT", "24/7"),
        ("ETHUSDC", "24/7"),
        ("1000PEPEUSDT", "24/7"),
        ("SOL/USDT", "24/7"),
        ("BTCUSD", None),
        ("EURUSD", None),
        ("EUR/USD", None),
        ("ES=F", None),
        ("CL=F", None),
        ("6758", None),
        ("BRK.B", None),
        ("GOOGL", "XNYS"),
        ("RELIANCE.NS", "XBOM"),
        ("600519.SS", "XSHG"),
        ("^NOBODYS", None),
        ("EURUSD=X", None),
        ("ABC.NOWHERE", None),
    ],
)
def test_a_symbols_spelling_tells_its_exchange(symbol: str, exchange: str | None) -> None:
    assert exchange_of(symbol) == exchange


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [
        ("CL=F", Kind.FUTURE),
        ("^IRX", Kind.RATE),
        ("^TNX", Kind.RATE),
        ("^GSPC", None),
        ("EURUSD=X", None),
        ("AAPL", None),
        ("F", None),
    ],
)
def test_futures_and_rates_are_told_by_their_spelling(symbol: str, kind: Kind | None) -> None:
    assert kind_of(symbol) is kind


def test_what_a_recording_spells_its_own_way_trades_where_it_says() -> None:
    told = {(item.source, name): item.exchange for item in RECORDINGS for name in item.names if item.exchange}
    assert told
    assert {key: exchange_of(key[1], key[0]) for key in told} == told
    assert exchange_of("ES") == "XNYS"
