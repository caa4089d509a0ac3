"""The connection that yfinance asks through: paced, with a deadline on every call, and with refusals by name.

yfinance answers an error status with half a dozen further requests for cookies and consent, and then asks
again. So what is plainly no data becomes a Trouble here, before it does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from curl_cffi import requests

from ...vocabulary import Outcome
from ..pacing import Pace
from ..trouble import SHAPE, Trouble
from ..values import read_json

BROWSER = "chrome"
DATA = ("/v8/finance/chart/", "/v1/finance/visualization")
"""Calls that bring data; the others bring cookies, which yfinance does without if it must."""

TOO_MANY, NOT_FOUND, SERVER_ERROR = frozenset({429, 999}), 404, 500
FORBIDDEN = frozenset({401, 403})
NO_DATA = ("data doesn't exist", "not available for starttime", "data not available")


class Session(requests.Session):  # type: ignore[type-arg]
    """A session of curl_cffi for yfinance. Not to be shared between threads.

    `proxy` and `authority`, the file of a certificate authority, come before those of the environment.
    """

    def __init__(
        self, pace: Pace, deadline: float, proxy: str | None = None, authority: Path | None = None
    ) -> None:
        options: dict[str, Any] = {"impersonate": BROWSER}
        if proxy is not None:
            options["proxies"] = {"http": proxy, "https": proxy}
        if authority is not None:
            options["verify"] = str(authority)
        super().__init__(**options)
        self._pace = pace
        self.deadline = deadline
        """Seconds that a call may take, at most."""
        self.count = 0
        """Requests so far."""
        self.last: requests.Response | None = None
        """The last answer to a call that brings data."""

    def request(  # type: ignore[override]
        self,
        method: Any,  # noqa: ANN401 - as the base has it
        url: str,
        **options: Any,  # noqa: ANN401 - passed on
    ) -> requests.Response:
        """Send a request. Raises Trouble where the answer is plainly no data."""
        self._pace.wait()
        given = options.get("timeout")
        options["timeout"] = min(given, self.deadline) if isinstance(given, int | float) else self.deadline
        self.count += 1
        answer: requests.Response = super().request(method, url, **options)
        if urlsplit(url).path.startswith(DATA):
            self.last = answer
            _heed(answer)
        return answer

    def refused(self) -> Trouble | None:
        """What the last answer's status means, if it is an error's.

        To be asked once yfinance has given up: some refusals it mends with other cookies.
        """
        if self.last is None or self.last.ok:
            return None
        status, reason = self.last.status_code, _reason(self.last) or "no reason told"
        if status in FORBIDDEN:
            return Trouble(Outcome.ACCESS_REFUSED, f"Yahoo or a proxy refuses with status {status}: {reason}")
        return Trouble(Outcome.PROVIDER_FAILED, f"Yahoo answered with status {status}: {reason}")

    def clock(self) -> datetime | None:
        """The server's clock when it answered last (UTC)."""
        told = self.last.headers.get("Date") if self.last is not None else None
        try:
            return parsedate_to_datetime(told).astimezone(UTC) if told else None
        except (ValueError, OverflowError):
            return None


def _heed(answer: requests.Response) -> None:
    status = answer.status_code
    if status in TOO_MANY:
        raise Trouble(Outcome.RATE_LIMITED, "Yahoo asks for fewer requests", _wait(answer))
    if status >= SERVER_ERROR:
        raise Trouble(Outcome.SERVER_TROUBLE, f"Yahoo answered with status {status}")
    reason = _reason(answer)
    if reason is None:
        return
    if any(words in reason.lower() for words in NO_DATA):
        raise Trouble(Outcome.NO_DATA, reason)
    if status == NOT_FOUND:
        raise Trouble(Outcome.UNKNOWN_SYMBOL, reason)


def _reason(answer: requests.Response) -> str | None:
    """Yahoo's own word why there is no data."""
    if answer.ok:
        return None
    try:
        (told,) = read_json(answer.content).values()
        return str(told["error"]["description"])[:200]
    except SHAPE:
        return None


def _wait(answer: requests.Response) -> float | None:
    told = answer.headers.get("Retry-After") or ""
    return float(told) if told.isdecimal() else None
