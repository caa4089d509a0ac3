"""What can go wrong with Yahoo, by name. `board.on(kind, symbol, …)` switches one on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from switches import Fault

from .market import PRICES, Bars

CONNECTIONS = frozenset({"proxy-resets"})
"""Meet a connection to the proxy, whoever it is for."""

REPLIES = frozenset(
    {
        "rate-limited",  # 429; `retryAfter` seconds in a header
        "server-error",  # 500
        "right-back",  # the page that Yahoo shows while it is down
        "html",  # a page instead of JSON, with status 200
        "half",  # the connection ends in the middle of the body
        "truncated",  # a body that is cut and says that it is whole
        "resets",  # the connection is reset after the question
        "silent",  # no answer for `after` seconds
        "skewed",  # the server's clock is `by` seconds ahead
        "unknown",  # 404, as for a symbol that is not there, has another name now or was delisted
        "no-data",  # 400, as for a window in which a delisted symbol did not trade
        "empty",  # an answer without a row
        "no-prices",  # an answer without the field that holds the prices
        "ragged",  # columns of different lengths
        "renamed",  # the answer is about the symbol `to`
        "refused",  # the chart's way of saying no: `status`, and the words `says`
        "body",  # the text `body` with `status`, 200 by default
    }
)

CONTENT = frozenset(
    {
        "delisted",  # nothing after the session `at`
        "no-volume",
        "lacks-end",  # the later half of the window does not come
        "nan",  # the session `at` has no prices
        "zero",  # the session `at` has prices of zero
        "twice",  # the session `at` comes twice, the second time with other values
        "split-without-notice",  # from `at` on prices are a twentieth, and those before stay as they were
        "readjusted",  # every price is divided by `ratio`, as after a split on the session `at`, announced
        "paid",  # the adjusted prices before `at` are lowered by a dividend of `share`
        "future",  # a session comes that has not been yet
    }
)


def applied(bars: Bars, fault: Fault) -> Bars:
    """The bars with one fault of CONTENT; the fault's `at` counts from the end, -5 by default."""
    at = len(bars.sessions) + int(fault.detail.get("at", -5))
    bend = _BENT.get(fault.kind)
    return bars if bend is None else bend(bars, at, fault)


def _readjusted(bars: Bars, at: int, fault: Fault) -> Bars:
    return bars.split(at, float(fault.detail.get("ratio", 4)))


def _paid(bars: Bars, at: int, fault: Fault) -> Bars:
    factor = np.where(np.arange(len(bars.sessions)) < at, 1 - float(fault.detail.get("share", 0.01)), 1.0)
    return replace(bars, adjusted=bars.adjusted * factor)


def _without_volume(bars: Bars, _: int, __: Fault) -> Bars:
    return replace(bars, volume=np.zeros_like(bars.volume))


def _until(bars: Bars, at: int, _: Fault) -> Bars:
    columns = {name: getattr(bars, name)[:at] for name in (*PRICES, "adjusted", "volume")}
    return replace(bars, sessions=bars.sessions[:at], **columns)


def _fallen(bars: Bars, at: int, _: Fault) -> Bars:
    factor = np.where(np.arange(len(bars.sessions)) < at, 1.0, 1 / 20)
    return replace(bars, **{name: getattr(bars, name) * factor for name in (*PRICES, "adjusted")})


def _priced(bars: Bars, at: int, fault: Fault) -> Bars:
    value = np.nan if fault.kind == "nan" else 0.0
    columns = {name: getattr(bars, name).copy() for name in (*PRICES, "adjusted")}
    for column in columns.values():
        column[at] = value
    return replace(bars, **columns)


def _twice(bars: Bars, at: int, _: Fault) -> Bars:
    columns = {
        name: np.insert(getattr(bars, name), at + 1, getattr(bars, name)[at] * 1.01)
        for name in (*PRICES, "adjusted", "volume")
    }
    return replace(bars, sessions=(*bars.sessions[: at + 1], *bars.sessions[at:]), **columns)


def _future(bars: Bars, _: int, __: Fault) -> Bars:
    last = bars.sessions[-1]
    ahead = replace(last, day="", opens=last.opens + 86_400, closes=last.closes + 86_400)
    columns = {
        name: np.append(getattr(bars, name), getattr(bars, name)[-1])
        for name in (*PRICES, "adjusted", "volume")
    }
    return replace(bars, sessions=(*bars.sessions, ahead), **columns)


_BENT: dict[str, Callable[[Bars, int, Fault], Bars]] = {
    "delisted": _until,
    "no-volume": _without_volume,
    "nan": _priced,
    "zero": _priced,
    "twice": _twice,
    "split-without-notice": _fallen,
    "readjusted": _readjusted,
    "paid": _paid,
    "future": _future,
}
