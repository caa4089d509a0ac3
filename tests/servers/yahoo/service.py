"""What the server answers to each call that yfinance makes, and what the faults make of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import authority
from listening import Asked, Reply, Server, Service
from switches import Fault

from . import chart, events
from .faults import CONNECTIONS, CONTENT, REPLIES, applied
from .market import Market

HOSTS = (
    "finance.yahoo.com",
    *(f"{name}.finance.yahoo.com" for name in ("query1", "query2")),
    *(f"{name}.yahoo.com" for name in ("fc", "guce", "consent")),
)
CHART = "/v8/finance/chart/"
PAGE = "<!DOCTYPE html><html><body><h1>{}</h1></body></html>"


Edit = Callable[[str, dict[str, Any], datetime], None]
"""Changes the result of a symbol's chart in place, as of a moment (UTC)."""


def present() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


class Yahoo(Service):
    """Yahoo as of `clock`; an answer takes `delay` seconds."""

    def __init__(
        self, recorded: Path, clock: Callable[[], datetime] = present, *, delay: float = 0.0
    ) -> None:
        super().__init__()
        self.clock = clock
        self.delay = delay
        self.edits: list[Edit] = []
        """What is done to every chart before it is sent, beside the faults of the board."""
        self._market = Market(recorded)

    def answer(self, asked: Asked) -> Reply:
        """Answer one request."""
        time.sleep(self.delay)
        symbol = unquote(asked.path.removeprefix(CHART)) if asked.path.startswith(CHART) else ""
        self.board.note({"path": asked.path, "symbol": symbol, **asked.values})
        if symbol:
            return self._chart(symbol, asked)
        if asked.path == "/v1/test/getcrumb":
            return Reply(200, "crumb", kind="text/plain")
        if asked.path == "/v1/finance/visualization":
            return self._calendar(asked)
        if asked.path in {"", "/"}:
            cookie = "A3=d=local; Max-Age=31557600; Domain=.yahoo.com; Path=/; Secure"
            return Reply(404, PAGE.format("fc"), kind="text/html", Set_Cookie=cookie)
        return Reply(404, PAGE.format("nothing here"), kind="text/html")

    def refuses_connection(self) -> bool:
        """Whether a connection to the proxy is reset at once."""
        return bool(self.board.hit("", CONNECTIONS))

    def _chart(self, symbol: str, asked: Asked) -> Reply:
        on = self.board.hit(symbol, REPLIES)
        now = self.clock()
        content = self._market.bars(symbol, now)
        for fault in self.board.hit(symbol, CONTENT):
            content = applied(content, fault)
            if fault.kind == "lacks-end":
                asked.values |= _first_half(asked.values)
        status, body = chart.answer(content, asked.values, now)
        for result in body["chart"]["result"] or ():
            for edit in self.edits:
                edit(symbol, result, now)
        for fault in on:
            reply = _replaced(fault, body)
            if reply is not None:
                return reply
        return Reply(status, body)

    def _calendar(self, asked: Asked) -> Reply:
        for fault in self.board.hit("calendar", REPLIES):
            reply = _replaced(fault, {})
            if reply is not None:
                return reply
        return Reply(200, events.answer(json.loads(asked.body)))


def _first_half(asked: dict[str, str]) -> dict[str, str]:
    start, end = int(asked["period1"]), int(asked["period2"])
    return {"period2": str((start + end) // 2)}


def _replaced(fault: Fault, body: dict[str, Any]) -> Reply | None:
    """The answer that a fault gives in place of the right one, if it does."""
    page = {"kind": "text/html"}
    if fault.kind == "rate-limited":
        wait = fault.detail.get("retryAfter")
        headers = {"Retry_After": str(wait)} if wait is not None else {}
        return Reply(429, "Too Many Requests\r\n", kind="text/plain", **headers)
    plain = {
        "server-error": (500, PAGE.format("Internal Server Error")),
        "right-back": (502, PAGE.format("Will be right back")),
        "html": (200, PAGE.format("Sign in")),
    }
    if fault.kind in plain:
        return Reply(*plain[fault.kind], **page)
    status = int(fault.detail.get("status", 200))
    if fault.kind == "body":
        return Reply(status, str(fault.detail["body"]))
    refusals = {
        "unknown": (404, *chart.NO_SUCH_SYMBOL),
        "no-data": (400, "Bad Request", "Data doesn't exist for startDate = 1, endDate = 2"),
        "refused": (status, "Refused", str(fault.detail.get("says"))),
    }
    if fault.kind in refusals:
        return Reply(*chart.refusal(*refusals[fault.kind]))
    if fault.kind == "silent":
        time.sleep(float(fault.detail.get("after", 5)))
    return _bent(fault, body)


def _bent(fault: Fault, body: dict[str, Any]) -> Reply:
    """The right answer, changed or broken on its way."""
    if fault.kind in {"empty", "no-prices", "ragged", "renamed"} and body["chart"]["result"]:
        (result,) = body["chart"]["result"]
        if fault.kind == "empty":
            result.pop("timestamp", None)
            result["indicators"] = {"quote": [{}], "adjclose": [{}]}
        elif fault.kind == "no-prices":
            result["indicators"]["quote"][0].pop("close", None)
        elif fault.kind == "ragged":
            result["indicators"]["quote"][0]["close"].pop()
        else:
            result["meta"]["symbol"] = str(fault.detail["to"])
    reply = Reply(200, body)
    reply.half = fault.kind == "half"
    reply.reset = fault.kind == "resets"
    reply.ahead = float(fault.detail.get("by", 0)) if fault.kind == "skewed" else 0.0
    if fault.kind == "truncated":
        reply.body = reply.body[: len(reply.body) // 2]
    return reply


def serve(yahoo: Yahoo, folder: Path, host: str = "127.0.0.1", port: int = 0) -> Server:
    """The server; its authority is ca.crt of `folder`, which is made where it is not there."""
    authority.create(folder, *HOSTS)
    return Server(yahoo, authority.context(folder), host, port)
