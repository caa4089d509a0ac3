"""Answers of Yahoo's chart call, as JSON objects."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from .market import CRYPTOCURRENCIES, CURRENCIES, PRICES, Bars, Session, offset

SECONDS = {"1m": 60, "2m": 120, "5m": 300, "15m": 900, "30m": 1800, "60m": 3600, "1h": 3600}
HISTORY_DAYS = {"1m": 30, "2m": 60, "5m": 60, "15m": 60, "30m": 60, "60m": 730, "1h": 730}
RANGES = {"1d": 1, "5d": 5, "1mo": 21, "3mo": 63, "6mo": 126, "1y": 252, "2y": 504, "5y": 1260, "10y": 2520}
NO_SUCH_SYMBOL = ("Not Found", "No data found, symbol may be delisted")

Answer = tuple[int, dict[str, Any]]


def refusal(status: int, code: str, description: str) -> Answer:
    """An answer that says why there is no data."""
    return status, {"chart": {"result": None, "error": {"code": code, "description": description}}}


def answer(bars: Bars, asked: dict[str, str], now: datetime) -> Answer:
    """The bars that were asked for."""
    interval = asked.get("interval", "1d")
    at = int(now.timestamp())
    start, end = window(bars, asked, at)
    if interval in SECONDS and start < at - HISTORY_DAYS[interval] * 86_400:
        days = HISTORY_DAYS[interval]
        text = f"{interval} data not available for startTime={start} and endTime={end}. The requested range "
        return refusal(422, "Unprocessable Entity", f"{text}must be within the last {days} days.")
    if interval == "1m" and end - start > 8 * 86_400:
        text = "Only 8 days worth of 1m granularity data are allowed to be fetched per request."
        return refusal(422, "Unprocessable Entity", f"1m data not available for startTime={start}. {text}")
    # Of bars of minutes a session that is under way when the window begins has some.
    edge = "closes" if interval in SECONDS else "opens"
    inside = [
        place for place, item in enumerate(bars.sessions) if start <= getattr(item, edge) and item.opens < end
    ]
    if bars.sessions and not inside and end < bars.sessions[0].opens:
        text = f"Data doesn't exist for startDate = {start}, endDate = {end}"
        return refusal(400, "Bad Request", text)
    chosen = taken(bars, inside)
    if interval in SECONDS:
        stamps, columns = split_up(chosen, SECONDS[interval], start, min(at, end))
        quote = {"quote": [columns]}
    else:
        stamps, columns = daily(chosen, at)
        quote = {"quote": [{name: columns[name] for name in (*PRICES, "volume")}]}
        quote["adjclose"] = [{"adjclose": columns["adjusted"]}]
    result: dict[str, Any] = {"meta": meta(bars, interval, chosen, at)}
    if stamps:
        result |= {"timestamp": stamps, "indicators": quote, **events(bars, inside)}
    else:
        result |= {"indicators": {"quote": [{}], **({} if interval in SECONDS else {"adjclose": [{}]})}}
    return 200, {"chart": {"result": [result], "error": None}}


def window(bars: Bars, asked: dict[str, str], at: int) -> tuple[int, int]:
    """From when to when, in seconds; the end is not included."""
    if "period1" in asked:
        return int(asked["period1"]), int(asked["period2"])
    count = RANGES.get(asked.get("range", "1mo"), len(bars.sessions))
    sessions = bars.sessions[-count:]
    return (sessions[0].opens if sessions else at), at + 1


def taken(bars: Bars, places: list[int]) -> Bars:
    """The bars at some places."""
    columns = {name: getattr(bars, name)[places] for name in (*PRICES, "adjusted", "volume")}
    return replace(bars, sessions=tuple(bars.sessions[place] for place in places), **columns)


def daily(bars: Bars, at: int) -> tuple[list[int], dict[str, list[Any]]]:
    """Stamps and columns of daily bars; that of a session that is under way bears the present."""
    stamps = [at if item.opens <= at < item.closes else item.opens for item in bars.sessions]
    columns = {name: listed(getattr(bars, name)) for name in (*PRICES, "adjusted")}
    return stamps, columns | {"volume": listed(bars.volume, whole=True)}


def split_up(bars: Bars, width: int, start: int, end: int) -> tuple[list[int], dict[str, list[Any]]]:
    """Bars of a part of each session: a path from open over low and high to close, at even steps.

    At noon there are none where the exchange pauses, and no two bars of a session trade as much. Those come
    that begin between two moments.
    """
    stamps: list[int] = []
    columns: dict[str, list[Any]] = {name: [] for name in (*PRICES, "volume")}
    for place, session in enumerate(bars.sessions):
        starts = np.arange(session.opens, session.closes, width)
        if session.pause is not None:
            starts = starts[(starts < session.pause[0]) | (starts >= session.pause[1])]
        turns = [getattr(bars, name)[place] for name in ("open", "low", "high", "close")]
        path = np.interp(np.linspace(0, 3, len(starts) + 1), np.arange(4), turns)
        traded = int(bars.volume[place]) // len(starts) + np.arange(len(starts))
        chosen = (starts >= start) & (starts < end)
        stamps += [int(item) for item in starts[chosen]]
        columns["open"] += listed(path[:-1][chosen])
        columns["close"] += listed(path[1:][chosen])
        columns["high"] += listed(np.maximum(path[:-1], path[1:])[chosen])
        columns["low"] += listed(np.minimum(path[:-1], path[1:])[chosen])
        columns["volume"] += [int(item) for item in traded[chosen]]
    return stamps, columns


def listed(values: Any, *, whole: bool = False) -> list[Any]:
    """Numbers as JSON has them: NaN is null."""
    return [None if np.isnan(item) else int(item) if whole else float(item) for item in values]


def events(bars: Bars, inside: list[int]) -> dict[str, Any]:
    """The splits that were announced for a session in the window."""
    splits = {}
    for place, ratio in bars.splits:
        if place in inside:
            stamp = bars.sessions[place].opens
            content = {"date": stamp, "numerator": ratio, "denominator": 1.0, "splitRatio": f"{ratio:g}:1"}
            splits[str(stamp)] = content
    return {"events": {"splits": splits}} if splits else {}


def meta(bars: Bars, interval: str, chosen: Bars, at: int) -> dict[str, Any]:
    """What Yahoo tells of a symbol beside its prices."""
    # A session that has not been yet is a fault of the prices; of it the rest of the answer knows nothing.
    last = next((item for item in reversed(bars.sessions) if item.opens <= at), Session("", at, at))
    ahead = offset(bars.zone, at)
    told = {
        "currency": CURRENCIES.get(bars.symbol.rpartition(".")[2], "USD"),
        "symbol": bars.symbol,
        "exchangeName": "NYQ",
        "instrumentType": kind(bars.symbol),
        "firstTradeDate": bars.sessions[0].opens if bars.sessions else None,
        "regularMarketTime": min(at, last.closes),
        "gmtoffset": ahead,
        "timezone": "XST",
        "exchangeTimezoneName": bars.zone,
        "priceHint": 2,
        "currentTradingPeriod": {name: period(last, ahead) for name in ("pre", "regular", "post")},
        "dataGranularity": interval,
        "range": "",
        "validRanges": [*RANGES, "ytd", "max"],
    }
    if interval in SECONDS:
        told["tradingPeriods"] = [[period(item, ahead)] for item in chosen.sessions]
    return told


def kind(symbol: str) -> str:
    """Yahoo's type of an instrument."""
    if symbol.startswith(CRYPTOCURRENCIES):
        return "CRYPTOCURRENCY"
    return "FUTURE" if symbol.endswith("=F") else "EQUITY"


def period(session: Session, ahead: int) -> dict[str, Any]:
    """When a session begins and ends, in seconds."""
    return {"timezone": "XST", "start": session.opens, "end": session.closes, "gmtoffset": ahead}
