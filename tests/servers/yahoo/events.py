"""Answers of Yahoo's economic calendar: events made of a rule, always the same."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

COLUMNS = (
    ("Event", "STRING"),
    ("Country Code", "STRING"),
    ("Event Time", "DATE"),
    ("For", "STRING"),
    ("Actual", "NUMBER"),
    ("Market Expectation", "NUMBER"),
    ("Prior to This", "NUMBER"),
    ("Revised from", "NUMBER"),
)
RELEASES = (("CPI MM, SA", "US"), ("Initial Jobless Clm", "US"), ("GDP QQ", "JP"), ("Trade Balance", "DE"))
PER_DAY = 30
NOTHING_CHANGED = 0.0


def between(start: date, end: date) -> list[list[Any]]:
    """Every event from one day to another, both included, oldest first; some values are exactly zero."""
    rows = []
    for number in range((end - start).days + 1):
        day = start + timedelta(days=number)
        for place in range(PER_DAY):
            event, region = RELEASES[place % len(RELEASES)]
            at = f"{day.isoformat()}T{6 + place % 12:02d}:30:00.000Z"
            actual = (
                NOTHING_CHANGED if place % 5 == 0 else round((day.toordinal() % 7 - 3) / 10 + place / 100, 2)
            )
            name = event if place < len(RELEASES) else f"{event} {place}"
            rows.append([name, region, at, day.strftime("%b"), actual, 0.2, -0.1, None])
    return rows


def answer(body: dict[str, Any]) -> dict[str, Any]:
    """One page of events, latest first, a hundred at most."""
    start, end = (date.fromisoformat(str(item["operands"][1])) for item in body["query"]["operands"])
    rows = between(start, end)[::-1]
    size = min(int(body["size"]), 100)
    page = rows[int(body["offset"]) : int(body["offset"]) + size]
    columns = [{"label": label, "type": kind} for label, kind in COLUMNS]
    document = {"columns": columns, "rows": page}
    return {"finance": {"result": [{"total": len(rows), "documents": [document]}], "error": None}}
