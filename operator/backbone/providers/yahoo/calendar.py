"""Yahoo's economic calendar: pages of events, as facts in Arrow, one row per event and version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import yfinance

from ...market.dimensions import MACRO_EVENTS, MOMENT
from ...vocabulary import Outcome
from ..trouble import SHAPE, Trouble
from ..values import decimals, read_json
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


@dataclass(frozen=True, slots=True)
class Row:
    """One event as Yahoo tells it: values in the order of NAME, REGION, TIME, FOR, then VALUES."""

    values: Sequence[Any]

    @property
    def calendar(self) -> str:
        """The country that it is of, by its code; empty where no text says that."""
        return self.values[1] if isinstance(self.values[1], str) else ""


def events(session: Session, lookback: timedelta | None, now: datetime) -> list[Row]:
    """Every event of the window, of every country. Raises Trouble."""
    prepare()
    start, end = now - (lookback or BACK), now + AHEAD
    calendar = yfinance.Calendars(start.date(), end.date(), session=session)
    rows: list[Row] = []
    for page in range(PAGES):
        found = _page(calendar, session, page)
        rows += found
        if len(found) < PAGE:
            return rows
    raise Trouble(Outcome.PARTIAL_ANSWER, f"the calendar has more than {PAGE * PAGES:,} events")


def _page(calendar: yfinance.Calendars, session: Session, page: int) -> list[Row]:
    """The events of one page.

    Read from the answer itself: yfinance makes each value that is exactly zero a missing one.
    """
    session.last = None
    try:
        calendar.get_economic_events_calendar(limit=PAGE, offset=page * PAGE, force=True)
        if session.last is None:
            raise ValueError("no answer was seen")
        (document,) = read_json(session.last.content)["finance"]["result"][0]["documents"]
        labels = [column["label"] for column in document["columns"]]
        places = [labels.index(label) for label in (NAME, REGION, TIME, FOR, *VALUES.values())]
        return [Row([row[place] for place in places]) for row in document["rows"]]
    except Exception as error:
        found = trouble(error, session)
        if found is None:
            raise
        raise found from None


def facts_of(rows: Sequence[Row], now: datetime) -> pa.Table:
    """The events of one country, as MACRO_EVENTS facts with the vintage of today. Raises Trouble.

    `event` is country and name, since the same name is released in many countries.
    """
    if not rows:
        raise Trouble(Outcome.NO_DATA, "Yahoo has no event in the window")
    told = zip(*(row.values for row in rows), strict=True)
    columns = dict(zip(("name", "region", "at", "reference", *VALUES), told, strict=True))
    try:
        at = _moments(columns["at"])
        region, name, reference = (
            pa.array(columns[text], pa.string()) for text in ("region", "name", "reference")
        )
        # What is no number is infinite here, and a row that the checks refuse.
        values = {value: pa.array(decimals(columns[value]), from_pandas=True) for value in VALUES}
    except SHAPE as error:
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
    """Times as Yahoo writes them, ISO 8601 in UTC, as microseconds. The machine's own zone says nothing."""
    read = [datetime.fromisoformat(text) for text in texts]
    aware = [found if found.tzinfo is not None else found.replace(tzinfo=UTC) for found in read]
    return np.asarray([found.astimezone(UTC).replace(tzinfo=None) for found in aware], "datetime64[us]")


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
