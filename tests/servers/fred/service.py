"""What the server answers to each call that fredapi makes, and what its faults make of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from xml.sax.saxutils import quoteattr

import authority
from backbone.market.dimensions import MACRO_SERIES
from backbone.providers.protocol import Query
from backbone.providers.sample.provider import SampleProvider
from listening import Asked, Reply, Server, Service
from switches import Fault

Vintage = tuple[date, date, float | None]
"""Period, day of publication, value; None where the source lists the period as not observed."""

KEY = "0123456789abcdef0123456789abcdef"
REPLIES = frozenset(
    {
        "rate-limited",
        "server-error",
        "html",
        "half",
        "truncated",
        "resets",
        "silent",
        "drips",
        "drips-headers",
        "no-fields",
        "empty",
    }
)
LICENCES = {"CPILFESL": "public domain: citation requested", "vix": "copyrighted: pre-approval required"}
FOREVER = "9999-12-31"
SERIES = {"CPILFESL": "M", "DCOILWTICO": "D", "vix": "D"}
REVISED = 24
"""So many of the last periods were published once more, a tenth of a percent higher."""
LATER, AGAIN = timedelta(days=20), timedelta(days=50)
MOST_VINTAGES = 2_000


class Fred(Service):
    """Fred; `allowed` is how many requests it takes in any `per` seconds before it answers 429."""

    def __init__(self, recorded: Path, allowed: int | None = None, per: float = 60.0) -> None:
        super().__init__()
        self._recorded = recorded
        self._allowed = allowed
        self._per = per
        self._times: list[float] = []
        self._series: dict[str, list[Vintage]] = {}

    def answer(self, asked: Asked) -> Reply:
        """Answer one request."""
        name = asked.values.get("series_id", "")
        self.board.note({"path": asked.path, "symbol": name, **asked.values})
        if self._too_many():
            return refused(429, "Too Many Requests.  Exceeded Rate Limit")
        if asked.values.get("api_key") != KEY:
            return refused(400, "Bad Request.  The value for variable api_key is not registered.")
        faults = self.board.hit(name, REPLIES)
        if name not in SERIES:
            return refused(400, "Bad Request.  The series does not exist.")
        call = asked.path.rsplit("/fred/", 1)[-1]
        replies: dict[str, Callable[[str, dict[str, str]], Reply]] = {
            "series": self._info,
            "series/tags": self._tags,
            "series/vintagedates": self._vintages,
            "series/observations": self._observations,
        }
        reply = replies[call](name, asked.values)
        for fault in faults:
            reply = bent(fault, reply)
        return reply

    def vintages(self, name: str) -> list[Vintage]:
        """Every vintage of a series, by period and day of publication."""
        if name not in self._series:
            query = Query(MACRO_SERIES, (name,))
            facts = SampleProvider(self._recorded).fetch(query).slices[0].facts
            told = list(zip(facts["period"].to_pylist(), facts["value"].to_pylist(), strict=True))
            later = AGAIN if SERIES[name] == "M" else timedelta(days=2)
            first = LATER if SERIES[name] == "M" else timedelta(days=1)
            found = [(day, day + first, value) for day, value in told]
            last = [(day, value) for day, value in told[-REVISED:] if value is not None]
            found += [(day, day + later, round(value * 1.001, 6)) for day, value in last]
            self._series[name] = sorted(found, key=lambda item: item[:2])
        return self._series[name]

    def _too_many(self) -> bool:
        now = time.monotonic()
        self._times = [item for item in self._times if now - item < self._per]
        self._times.append(now)
        return self._allowed is not None and len(self._times) > self._allowed

    def _info(self, name: str, _: dict[str, str]) -> Reply:
        frequency = {"M": "Monthly", "D": "Daily"}[SERIES[name]]
        told = f'frequency="{frequency}" frequency_short="{SERIES[name]}"'
        periods = [period for period, *_ in self.vintages(name)]
        newest = max(published for _, published, _ in self.vintages(name))
        told += f' observation_start="{periods[0]}" last_updated="{newest} 07:46:02-06"'
        return xml("seriess", f"<series id={quoteattr(name)} {told}/>")

    def _tags(self, name: str, _: dict[str, str]) -> Reply:
        licence = LICENCES.get(name)
        rights = f'<tag name={quoteattr(licence)} group_id="cc"/>' if licence else ""
        return xml("tags", f'<tag name="usa" group_id="geo"/>{rights}')

    def _vintages(self, name: str, _: dict[str, str]) -> Reply:
        days = sorted({published for _, published, _ in self.vintages(name)})
        return xml("vintage_dates", "".join(f"<vintage_date>{day}</vintage_date>" for day in days))

    def _observations(self, name: str, asked: dict[str, str]) -> Reply:
        start, end = asked["realtime_start"], asked["realtime_end"]
        inside = {day for _, day, _ in self.vintages(name) if start <= day.isoformat() <= end}
        if len(inside) > MOST_VINTAGES:
            return refused(400, "Bad Request.  These are more vintage dates than are allowed.")
        rows = in_force(self.vintages(name), start, end)
        since = asked.get("observation_start", "")
        rows = [row for row in rows if row[0] >= since]
        offset, limit = int(asked.get("offset", 0)), int(asked.get("limit", 100_000))
        page = "".join(
            f'<observation date="{period}" realtime_start="{first}" realtime_end="{last}" value="{value}"/>'
            for period, first, last, value in rows[offset : offset + limit]
        )
        return xml("observations", page, f' count="{len(rows)}" offset="{offset}" limit="{limit}"')


def in_force(vintages: list[Vintage], start: str, end: str) -> list[tuple[str, str, str, str]]:
    """Period, first and last day of force, cut to a window as the server does, and value."""
    rows = []
    for place, (period, published, value) in enumerate(vintages):
        following = vintages[place + 1] if place + 1 < len(vintages) else None
        again = following is not None and following[0] == period
        until = (following[1] - timedelta(days=1)).isoformat() if following and again else FOREVER
        first = published.isoformat()
        if first <= end and until >= start:
            text = "." if value is None else repr(value)
            rows.append((period.isoformat(), max(first, start), min(until, end), text))
    return rows


def xml(root: str, content: str, attributes: str = "") -> Reply:
    """An answer with data."""
    body = f'<?xml version="1.0" encoding="utf-8" ?>\n<{root}{attributes}>{content}</{root}>\n'
    return Reply(200, body, kind="text/xml")


def refused(status: int, message: str) -> Reply:
    """An answer that says why there is none."""
    body = f'<?xml version="1.0" encoding="utf-8" ?>\n<error code="{status}" message={quoteattr(message)}/>\n'
    return Reply(status, body, kind="text/xml")


def bent(fault: Fault, reply: Reply) -> Reply:
    """The answer with a fault."""
    if fault.kind == "rate-limited":
        return refused(429, "Too Many Requests.  Exceeded Rate Limit")
    if fault.kind == "server-error":
        return refused(500, "Internal Server Error")
    if fault.kind == "html":
        return Reply(200, "<!DOCTYPE html><html><body>Maintenance<br></body></html>", kind="text/html")
    if fault.kind == "no-fields":
        return xml("answer", '<thing name="else"/>', ' count="1"')
    if fault.kind == "empty":
        return xml("observations", "", ' count="0"') if b"<observation" in reply.body else reply
    if fault.kind == "silent":
        time.sleep(float(fault.detail.get("after", 5)))
    if fault.kind == "drips":
        reply.drip = float(fault.detail.get("every", 0.1))
    if fault.kind == "drips-headers":
        reply.header_drip = float(fault.detail.get("every", 0.2))
    reply.half = fault.kind == "half"
    reply.reset = fault.kind == "resets"
    if fault.kind == "truncated":
        reply.body = reply.body[: len(reply.body) // 2]
    return reply


def serve(fred: Fred, folder: Path, host: str = "127.0.0.1", port: int = 0) -> Server:
    """The server under /fred, in plain HTTP and in TLS with the authority of `folder`, and as a proxy."""
    authority.create(folder, "fred.example.com", host)
    return Server(fred, authority.context(folder), host, port)
