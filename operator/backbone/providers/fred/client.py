"""fredapi with an address, a deadline and errors of our own.

fredapi opens addresses without a deadline, installs its proxy for the whole process, and reads one page of an
answer. All of that is in the one method that fetches; ours takes its place, and nothing global is touched.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from email.message import Message
from http.client import HTTPException, HTTPResponse, IncompleteRead
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from xml.etree import ElementTree

import fredapi

from ...vocabulary import Outcome
from ..pacing import Pace
from ..trouble import Trouble
from .opening import ClearText, opener

TOO_MANY, SERVER_ERROR = 429, 500
PAGE = 100_000
"""Observations in one answer, at most."""
PAGES = 50
VINTAGES = 1_000
"""Vintage dates that one question may span; the server takes two thousand."""
BYTES = 256 << 20
PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Access:
    """Where the server is and how it is reached; the key is part of no text that leaves this module."""

    key: str
    base_url: str | None = None
    proxy: str | None = None
    authority: str | None = None

    def __repr__(self) -> str:
        """Without the key and the proxy, which may hold a password."""
        return f"Access({self.base_url or 'the default address'})"


class Client(fredapi.Fred):  # type: ignore[misc]
    """One connection. Every call raises Trouble."""

    def __init__(self, access: Access, pace: Pace, deadline: float) -> None:
        # Not super().__init__: it reads the environment and installs a proxy for the whole process.
        self.api_key = access.key
        self.proxies = None
        self.root_url = (access.base_url or fredapi.Fred.root_url).rstrip("/")
        self._pace = pace
        self._deadline = deadline
        self._opened = opener(access.proxy, access.authority)
        self.count = 0
        """Requests so far."""

    def licence(self, series: str) -> str | None:
        """What the server says of the rights in a series, for example `copyrighted: citation required`.

        Several words are joined by commas; None where it has none.
        """
        root = self._fetch("series/tags", series_id=series)
        found = {str(item.get("name")) for item in root if item.get("group_id") == "cc"}
        return ", ".join(sorted(found)) or None

    def vintages(self, series: str) -> list[date]:
        """Days on which values of a series were published or revised, oldest first.

        fredapi's own reading of them takes a sixth of a second for a thousand days.
        """
        root = self._fetch("series/vintagedates", series_id=series)
        return [date.fromisoformat(item.text or "") for item in root]

    def observations(self, series: str, **window: str) -> list[ElementTree.Element]:
        """Observations with their vintages, every page of them; `window` has the parameters of the call."""
        found: list[ElementTree.Element] = []
        for page in range(PAGES):
            offset = str(page * PAGE)
            asked = {"series_id": series, "limit": str(PAGE), "offset": offset, **window}
            root = self._fetch("series/observations", **asked)
            found += list(root)
            if len(found) >= int(root.get("count") or 0) or not len(root):
                return found
        raise Trouble(Outcome.PARTIAL_ANSWER, f"{series} has more than {PAGES * PAGE:,} observations")

    def _fetch(self, call: str, **asked: str) -> ElementTree.Element:
        found: ElementTree.Element = self._Fred__fetch_data(f"{self.root_url}/{call}?{urlencode(asked)}")
        return found

    # The name under which fredapi's own methods find it.
    def _Fred__fetch_data(self, url: str) -> ElementTree.Element:  # noqa: N802
        self._pace.wait()
        self.count += 1
        body = self._read(f"{url}&{urlencode({'api_key': self.api_key})}")
        try:
            # The parser knows no external entity, and the answer is bounded.
            return ElementTree.fromstring(body)  # noqa: S314
        except ElementTree.ParseError:
            pass
        if body.lstrip().startswith(b"<?xml"):
            raise Trouble(Outcome.PARTIAL_ANSWER, "the answer is cut off")
        raise Trouble(Outcome.CHANGED_SHAPE, "a page came instead of data")

    def _read(self, url: str) -> bytes:
        """The body of an answer. Causes of errors stay here: they carry the address, and in it the key."""
        failed: Trouble
        try:
            with self._opened(url, time.monotonic() + self._deadline) as answer:
                return _body(answer)
        except ClearText:
            where = "Fred redirects to http://, or a proxy would see the key"
            failed = Trouble(Outcome.INSECURE_ADDRESS, f"{where}: the key was not sent in clear text")
        except HTTPError as error:
            failed = _refused(error.code, error.headers, _message(error))
        except IncompleteRead:
            failed = Trouble(Outcome.PARTIAL_ANSWER, "the answer broke off")
        except TimeoutError:
            failed = Trouble(Outcome.TIMED_OUT, "Fred did not answer in time")
        except URLError as error:
            late = isinstance(error.reason, TimeoutError)
            failed = Trouble(
                Outcome.TIMED_OUT if late else Outcome.PROVIDER_UNREACHABLE,
                "Fred did not answer in time" if late else f"no connection: {type(error.reason).__name__}",
            )
        except (OSError, HTTPException) as error:
            failed = Trouble(Outcome.PROVIDER_UNREACHABLE, f"no connection: {type(error).__name__}")
        raise failed from None


def _body(answer: HTTPResponse | HTTPError) -> bytes:
    """The body of an answer, as far as it is looked at."""
    found = bytearray()
    while len(found) < BYTES and (piece := answer.read1(PIECE)):
        found += piece
    return bytes(found)


def _message(error: HTTPError) -> str:
    """The server's own word, if it has one."""
    try:
        return str(ElementTree.fromstring(_body(error)).get("message") or "")  # noqa: S314
    except (ElementTree.ParseError, OSError, HTTPException):
        return ""


def _refused(status: int, headers: Message, message: str) -> Trouble:
    said = message.lower()
    if status == TOO_MANY:
        told = headers.get("Retry-After") or ""
        wait = float(told) if told.isdecimal() else None
        return Trouble(Outcome.RATE_LIMITED, "Fred asks for fewer requests", wait)
    if status >= SERVER_ERROR:
        return Trouble(Outcome.SERVER_TROUBLE, f"Fred answered with status {status}")
    if "api_key" in said or status in {401, 403}:
        return Trouble(Outcome.ACCESS_REFUSED, "Fred refuses the key in the Secret's api-key")
    if "does not exist" in said or "series_id" in said:
        return Trouble(Outcome.UNKNOWN_SYMBOL, "Fred has no such series")
    return Trouble(Outcome.PROVIDER_FAILED, f"Fred answered with status {status}")
