"""One question to Yahoo through yfinance, answered or refused by name."""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import yfinance
import yfinance.cache
import yfinance.data
from curl_cffi.requests import exceptions as curl
from yfinance import exceptions as yahoo

from ...vocabulary import Outcome
from ..trouble import Trouble
from .session import Session

_SHAPE = (ValueError, KeyError, TypeError, IndexError, AttributeError, AssertionError)
ZONE_FOR_ASKING = "UTC"
"""yfinance asks for a symbol's zone before its prices, to read plain dates in; ours are moments."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, as pandas by yfinance and as Yahoo sent it; `at` is the server's clock (UTC), if told."""

    frame: Any
    result: dict[str, Any]
    at: datetime | None


def chart(session: Session, symbol: str, interval: str, start: datetime, end: datetime) -> Answer:
    """Bars of a symbol from `start` to `end` (not included). Raises Trouble."""
    prepare()
    yfinance.cache.get_tz_cache().store(symbol.upper(), ZONE_FOR_ASKING)
    session.last = None
    try:
        # Of actions nothing is stored: prices are split-adjusted, and adjusted_close carries the dividends.
        frame = yfinance.Ticker(symbol, session=session).history(
            interval=interval, start=start, end=end, auto_adjust=False, actions=False, keepna=True
        )
        answer = Answer(frame, _result(session), session.clock())
    except Exception as error:
        found = trouble(error, session)
        if found is None:
            raise
        # Without the cause: it may carry the address of a proxy, and with it a password.
        raise found from None
    _about(symbol, answer)
    return answer


def prepare() -> None:
    """Make yfinance raise its errors and write nothing, keep its files apart, and forget what it was told."""
    _place_files()
    yfinance.config.debug.hide_exceptions = False
    # It keeps answers about the past, refusals among them, for the life of the process.
    yfinance.data.YfData.cache_get.cache_clear()


@cache
def _place_files() -> None:
    # Its home folder may be read-only, and what it keeps is of no use to another run.
    yfinance.set_tz_cache_location(tempfile.mkdtemp(prefix="backbone-yahoo-"))
    warnings.filterwarnings("ignore", module=r"yfinance\..*")
    # What it would write is the fate of a name, which the run tells by its outcome, once.
    logging.getLogger("yfinance").setLevel(logging.CRITICAL + 1)


def _result(session: Session) -> dict[str, Any]:
    if session.last is None:
        raise ValueError("no answer was seen")
    (result,) = json.loads(session.last.content)["chart"]["result"]
    if not isinstance(result, dict):
        raise TypeError("no object")
    return result


def _about(symbol: str, answer: Answer) -> None:
    named = str(answer.result.get("meta", {}).get("symbol", "")).upper()
    if named != symbol.upper():
        raise Trouble(Outcome.UNKNOWN_SYMBOL, f"Yahoo answers for {symbol} with {named}: name that one")


def trouble(error: Exception, session: Session) -> Trouble | None:  # noqa: PLR0911 - one line per kind
    """What an error means, by name; None for one that nobody foresaw."""
    if isinstance(error, Trouble):
        return error
    if isinstance(error, yahoo.YFRateLimitError):
        return Trouble(Outcome.RATE_LIMITED, "Yahoo asks for fewer requests")
    if isinstance(error, yahoo.YFTzMissingError):
        return Trouble(Outcome.UNKNOWN_SYMBOL, "Yahoo knows no exchange of it")
    refused = session.refused()
    if refused is not None and isinstance(error, (yahoo.YFException, *_SHAPE)):
        return refused
    if isinstance(error, yahoo.YFPricesMissingError):
        return _without_prices(error, session)
    if isinstance(error, yahoo.YFException):
        return Trouble(Outcome.SERVER_TROUBLE, "Yahoo says that it is down")
    if isinstance(error, curl.Timeout):
        return Trouble(Outcome.TIMED_OUT, "Yahoo did not answer in time")
    if isinstance(error, curl.IncompleteRead | curl.ChunkedEncodingError):
        return Trouble(Outcome.PARTIAL_ANSWER, "the answer broke off")
    if isinstance(error, curl.RequestException):
        return Trouble(Outcome.PROVIDER_UNREACHABLE, f"no connection: {type(error).__name__}")
    return _misshapen(error, session) if isinstance(error, _SHAPE) else None


def _without_prices(error: Exception, session: Session) -> Trouble:
    """Prices are missing only where Yahoo answers for a symbol; yfinance finds none in whatever has none."""
    try:
        answered = "meta" in _result(session)
    except _SHAPE:
        answered = False
    if answered:
        return Trouble(Outcome.NO_DATA, "Yahoo has no prices in the window")
    return _misshapen(error, session)


def _misshapen(error: Exception, session: Session) -> Trouble:
    """An answer that is none of those that are known: cut off, another page, or other fields."""
    body = session.last.content.lstrip() if session.last is not None else b""
    try:
        json.loads(body)
    except ValueError:
        if body.startswith(b"{"):
            return Trouble(Outcome.PARTIAL_ANSWER, "the answer is cut off")
        if b"will be right back" in body.lower():
            return Trouble(Outcome.SERVER_TROUBLE, "Yahoo says that it is down")
        return Trouble(Outcome.CHANGED_SHAPE, "a page came instead of data")
    return Trouble(Outcome.CHANGED_SHAPE, f"the answer has other fields than it had: {type(error).__name__}")
