"""What the spelling of a symbol tells: by which exchange's calendar it trades, and whether below zero.

What a source knows of its own symbols goes before this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

ROUND_THE_CLOCK = "24/7"

_BY_SUFFIX = {
    **dict.fromkeys(("L", "IL"), "XLON"),
    **dict.fromkeys(("SS", "SZ"), "XSHG"),
    **dict.fromkeys(("KS", "KQ"), "XKRX"),
    **dict.fromkeys(("TO", "V", "NE", "CN"), "XTSE"),
    **dict.fromkeys(("BO", "NS"), "XBOM"),
    **dict.fromkeys(("TW", "TWO"), "XTAI"),
    "DE": "XETR",
    "F": "XFRA",
    "PA": "XPAR",
    "AS": "XAMS",
    "BR": "XBRU",
    "LS": "XLIS",
    "MI": "XMIL",
    "MC": "XMAD",
    "SW": "XSWX",
    "ST": "XSTO",
    "CO": "XCSE",
    "HE": "XHEL",
    "OL": "XOSL",
    "VI": "XWBO",
    "WA": "XWAR",
    "IR": "XDUB",
    "T": "XTKS",
    "HK": "XHKG",
    "SI": "XSES",
    "AX": "XASX",
    "NZ": "XNZE",
    "SA": "BVMF",
    "MX": "XMEX",
    "JO": "XJSE",
    "IS": "XIST",
    "TA": "XTAE",
    "JK": "XIDX",
    "KL": "XKLS",
    "BK": "XBKK",
    "SN": "XSGO",
    "BA": "XBUE",
    "PR": "XPRA",
    "BD": "XBUD",
}
_INDICES = {
    **dict.fromkeys(("^GSPC", "^IXIC", "^DJI", "^NDX", "^NYA", "^RUT"), "XNYS"),
    "^VIX": "XCBO",
    "^FTSE": "XLON",
    "^GDAXI": "XETR",
    "^FCHI": "XPAR",
    "^N225": "XTKS",
    "^HSI": "XHKG",
    "^AXJO": "XASX",
}
_RATES = frozenset({"^IRX", "^FVX", "^TNX", "^TYX"})
"""Yields of the United States' treasuries: they trade with other bonds, not on an exchange."""
_QUOTES = (
    *(
        "USD",
        "EUR",
        "GBP",
        "JPY",
        "CAD",
        "AUD",
        "NZD",
        "CHF",
        "CNY",
        "HKD",
        "TWD",
        "KRW",
        "INR",
        "SGD",
        "IDR",
    ),
    *("BRL", "MXN", "SEK", "NOK", "DKK", "PLN", "TRY", "ZAR", "RUB", "BTC", "ETH", "USDT", "USDC"),
)
_PAIR = re.compile(rf".+-({'|'.join(_QUOTES)})|[A-Z0-9]{{2,10}}/?(USDT|USDC)")
"""How crypto currencies are spelled; a hyphen before one or two letters is a class of shares."""
_SHARE = re.compile(r"[A-Z]{1,5}(-[A-Z]{1,2})?")
"""A share in New York: five letters at most, and perhaps its class. Codes with a digit are of elsewhere."""
_OF_SOURCE = {("sample/mlfinpy-emini", "ES"): "CMES", ("sample/mlfinpy-emini-derived", "ES"): "CMES"}
"""Symbols that their source spells like a share elsewhere."""


class Kind(StrEnum):
    """What kind of instrument trades at prices of zero and below as well; of all others they are wrong."""

    FUTURE = "future"
    SPREAD = "spread"
    RATE = "rate"


def exchange_of(symbol: str, source: str = "") -> str | None:
    """The calendar of a symbol by its spelling: a plain one is New York's. None where nobody can tell."""
    if (source, symbol) in _OF_SOURCE:
        return _OF_SOURCE[source, symbol]
    if symbol.startswith("^"):
        return _INDICES.get(symbol)
    if _PAIR.fullmatch(symbol):
        return ROUND_THE_CLOCK
    _, dot, suffix = symbol.rpartition(".")
    if dot:
        return _BY_SUFFIX.get(suffix)
    return "XNYS" if _SHARE.fullmatch(symbol) else None


def kind_of(symbol: str) -> Kind | None:
    """The kind that a symbol's spelling tells; None where it may be any, or one that is always above zero."""
    if symbol.endswith("=F"):
        return Kind.FUTURE
    return Kind.RATE if symbol in _RATES else None


def told_kind(symbol: str, kinds: Mapping[str, Kind]) -> Kind | None:
    """The kind by the source's word in `kinds`, else by the spelling; what has one trades below zero."""
    return kinds.get(symbol) or kind_of(symbol)
