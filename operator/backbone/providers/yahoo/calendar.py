"""Yahoo's economic calendar: pages of events, as facts in Arrow, one row per event and version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import yfinance

from ...market.dimensions import MACRO_EVENTS, MOMENT
from ...vocabulary import Outcome
from ..trouble import Trouble
from .asking import prepare, trouble
from .session import Session

SOURCE = "yahoo/calendar"
PAGE = 100
PAGES = 200
BACK, AHEAD = timedelta(days=30), timedelta(days=14)
"""How far the calendar is asked for: back where a plan says nothing, and ahead always."""
KIND = "release"
VALUES = {
    "actual": "Actual",
    "expected": "Market Expectation",
    "prior": "Prior to This",
    "revised": "Revised from",
}
NAME, REGION, TIME, FOR = "Event", "Country Code", "Event Time", "For"
_IDENTITY = ("event", "period", "reference")
_SAYS = ("calendar", "kind", "at", *VALUES)


def events(session: Session, lookback: timedelta | None, now: datetime) -> pa.Table:
    """Every event of the window, as MACRO_EVENTS facts with the vintage of today. Raises Trouble.

    `event` is country and name, since the same name is released in many countries.
    """
    prepare()
    start, end = now - (lookback or BACK), now + AHEAD
    calendar = yfinance.Calendars(start.date(), end.date(), session=session)
    rows: list[Sequence[Any]] = []
    for page in range(PAGES):
        found = _page(calendar, session, page)
        rows += found
        if len(found) < PAGE:
            return _table(rows, now)
    raise Trouble(Outcome.PARTIAL_ANSWER, f"the calendar has more than {PAGE * PAGES:,} events")


def _page(calendar: yfinance.Calendars, session: Session, page: int) -> list[Sequence[Any]]:
    """Rows of one page in the order NAME, REGION, TIME, FOR, then VALUES.

    Read from the answer itself: yfinance makes each value that is exactly zero a missing one.
    """
    session.last = None
    try:
        calendar.get_economic_events_calendar(limit=PAGE, offset=page * PAGE, force=True)
        if session.last is None:
            raise ValueError("no answer was seen")
        (document,) = json.loads(session.last.content)["finance"]["result"][0]["documents"]
        labels = [column["label"] for column in document["columns"]]
        places = [labels.index(label) for label in (NAME, REGION, TIME, FOR, *VALUES.values())]
        return [[row[place] for place in places] for row in document["rows"]]
    except Exception as error:
        found = trouble(error, session)
        if found is None:
            raise
        raise found from None


def _table(rows: list[Sequence[Any]], now: datetime) -> pa.Table:
    if not rows:
        raise Trouble(Outcome.NO_DATA, "Yahoo has no event in the window")
    columns = dict(zip(("name", "region", "at", "reference", *VALUES), zip(*rows, strict=True), strict=True))
    try:
        at = _moments(columns["at"])
        region, name, reference = (
            pa.array(columns[text], pa.string()) for text in ("region", "name", "reference")
        )
        values = {value: pa.array(columns[value], pa.float64()) for value in VALUES}
    except (ValueError, TypeError, pa.ArrowInvalid) as error:
        raise Trouble(Outcome.CHANGED_SHAPE, f"other fields than before: {type(error).__name__}") from None
    count = len(rows)
    arrays = {
        "source": pa.repeat(SOURCE, count),
        "calendar": region,
        "event": pc.binary_join_element_wise(region, name, "/"),
        "kind": pa.repeat(KIND, count),
        "period": pa.array(at.astype("datetime64[D]"), pa.date32()),
        "vintage": pa.repeat(pa.scalar(now.astimezone(UTC).date(), pa.date32()), count),
        "reference": pc.fill_null(reference, ""),
        "at": pa.array(at, MOMENT),
        **values,
        "revision": pa.repeat(pa.scalar(0, pa.int64()), count),
    }
    return pa.table([arrays[name] for name in MACRO_EVENTS.facts.names], schema=MACRO_EVENTS.facts)


def _moments(texts: Sequence[str]) -> npt.NDArray[np.datetime64]:
    """Times as Yahoo writes them, ISO 8601 in UTC, as microseconds."""
    read = [datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None) for text in texts]
    return np.asarray(read, "datetime64[us]")


def changed(found: pa.Table, stored: pa.Table | None) -> pa.Table:
    """The events that say something else than their latest stored vintage, or are new.

    So a vintage is the day on which something changed, and asking again stores nothing.
    """
    if stored is None or not stored.num_rows:
        return found
    newest = stored.group_by(list(_IDENTITY)).aggregate([("vintage", "max")])
    newest = newest.rename_columns([*_IDENTITY, "vintage"])
    known = stored.join(newest, keys=[*_IDENTITY, "vintage"], join_type="inner").select([*_IDENTITY, *_SAYS])
    said = {tuple(row.values()) for row in known.to_pylist()}
    new = [tuple(row.values()) not in said for row in found.select([*_IDENTITY, *_SAYS]).to_pylist()]
    return found.filter(pa.array(new, pa.bool_()))
