"""One question to Yahoo through yfinance, answered or refused by name."""

from __future__ import annotations

import logging
import tempfile
import warnings
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote

import yfinance
import yfinance.const
import yfinance.data
from curl_cffi.requests import exceptions as curl
from yfinance import exceptions as yahoo

from ...vocabulary import Outcome
from ..trouble import SHAPE, Trouble
from ..values import read_json
from .session import Session

CHART = f"{yfinance.const._BASE_URL_}/v8/finance/chart/"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as Yahoo sent it: `meta` and the rest; `at` is the server's clock (UTC), if told."""

    result: dict[str, Any]
    meta: dict[str, Any]
    at: datetime | None


def chart(session: Session, symbol: str, interval: str, start: datetime, end: datetime) -> Answer:
    """Bars of a symbol from `start` to `end` (not included). Raises Trouble.

    yfinance asks, with its cookies and what else Yahoo wants; the numbers in the answer are read here.
    """
    prepare()
    session.last = None
    window = {"period1": int(start.timestamp()), "period2": int(end.timestamp())}
    asked = {**window, "interval": interval, "includePrePost": "false", "events": "div,splits,capitalGains"}
    try:
        # Of the symbol nothing may become part of the address but its last piece: some have a slash.
        asking = yfinance.data.YfData(session=session)
        asking.get(CHART + quote(symbol, safe=""), params=asked, timeout=session.deadline)
        if b"will be right back" in _body(session).lower():
            raise yahoo.YFDataException
        result = _result(session)
        if not result["indicators"]["quote"][0]:
            raise Trouble(Outcome.NO_DATA, "Yahoo has no prices in the window")
        answer = Answer(result, result["meta"], session.clock())
        _about(symbol, answer)
    except Exception as error:
        found = trouble(error, session)
        if found is None:
            raise
        # Without the cause: it may carry the address of a proxy, and with it a password.
        raise found from None
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


def _body(session: Session) -> bytes:
    return session.last.content if session.last is not None else b""


def _result(session: Session) -> dict[str, Any]:
    (result,) = read_json(_body(session))["chart"]["result"]
    if not isinstance(result, dict) or not isinstance(result["meta"], dict):
        raise TypeError("no object")
    return result


def _about(symbol: str, answer: Answer) -> None:
    named = str(answer.meta.get("symbol", "")).upper()
    if named != symbol.upper():
        raise Trouble(Outcome.UNKNOWN_SYMBOL, f"Yahoo answers for {symbol} with {named[:32]}: name that one")


def trouble(error: Exception, session: Session) -> Trouble | None:  # noqa: PLR0911 - one line per kind
    """What an error means, by name; None for one that nobody foresaw."""
    if isinstance(error, Trouble):
        return error
    if isinstance(error, yahoo.YFRateLimitError):
        return Trouble(Outcome.RATE_LIMITED, "Yahoo asks for fewer requests")
    refused = session.refused()
    if refused is not None and isinstance(error, (yahoo.YFException, *SHAPE)):
        return refused
    if isinstance(error, yahoo.YFException):
        return Trouble(Outcome.SERVER_TROUBLE, "Yahoo says that it is down")
    if isinstance(error, curl.Timeout):
        return Trouble(Outcome.TIMED_OUT, "Yahoo did not answer in time")
    if isinstance(error, curl.IncompleteRead | curl.ChunkedEncodingError):
        return Trouble(Outcome.PARTIAL_ANSWER, "the answer broke off")
    if isinstance(error, curl.RequestException):
        return Trouble(Outcome.PROVIDER_UNREACHABLE, f"no connection: {type(error).__name__}")
    return _misshapen(error, session) if isinstance(error, SHAPE) else None


def _misshapen(error: Exception, session: Session) -> Trouble:
    """An answer that is none of those that are known: cut off, another page, or other fields."""
    body = _body(session).lstrip()
    try:
        read_json(body)
    except (ValueError, RecursionError):
        if body.startswith(b"{"):
            return Trouble(Outcome.PARTIAL_ANSWER, "the answer is cut off")
        if b"will be right back" in body.lower():
            return Trouble(Outcome.SERVER_TROUBLE, "Yahoo says that it is down")
        return Trouble(Outcome.CHANGED_SHAPE, "a page came instead of data")
    return Trouble(Outcome.CHANGED_SHAPE, f"the answer has other fields than it had: {type(error).__name__}")
