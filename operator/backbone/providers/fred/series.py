"""One series with its vintages, from the observations of real-time periods to facts in Arrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...market.dimensions import MACRO_SERIES
from ...vocabulary import Outcome
from ..trouble import SHAPE, Trouble
from ..values import UNREADABLE
from .client import VINTAGES, Client
from .stored import SOURCE, Stored

NOT_OBSERVED = "."
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
FREQUENCIES = {
    "D": "daily",
    "W": "weekly",
    "BW": "biweekly",
    "M": "monthly",
    "Q": "quarterly",
    "SA": "semiannual",
    "A": "annual",
}


def facts_of(client: Client, series: str, stored: Stored, now: datetime) -> pa.Table:
    """Every vintage of the periods in the lookback, with frequency and licence. Raises Trouble.

    Facts of market.dimensions.MACRO_SERIES; `vintage` is the day on which a value was published. None where
    all of it is stored, under the licence that holds.
    """
    try:
        info = client.get_series_info(series)
        licence = client.licence(series)
        if stored.is_all(series, info, now) and licence == stored.licence(series):
            return MACRO_SERIES.facts.empty_table()
        vintages = client.vintages(series)
        start = stored.start(now)
        window = {} if start is None else {"observation_start": str(start)}
        found: list[ElementTree.Element] = []
        for first, last in windows(vintages):
            found += client.observations(series, realtime_start=first, realtime_end=last, **window)
        frequency = FREQUENCIES.get(info["frequency_short"], info["frequency"].lower())
        return _table(series, found, frequency, licence)
    except SHAPE as error:
        kind = type(error).__name__
        raise Trouble(Outcome.CHANGED_SHAPE, f"the answer has other fields than it had: {kind}") from None


def windows(vintages: list[date]) -> Iterator[tuple[str, str]]:
    """First and last day of questions that span no more vintages than the server takes, oldest first."""
    for place in range(0, len(vintages), VINTAGES):
        following = vintages[place + VINTAGES : place + VINTAGES + 1]
        last = following[0] - timedelta(days=1) if following else date.max
        yield vintages[place].isoformat(), last.isoformat()


def _table(series: str, found: list[ElementTree.Element], frequency: str, licence: str | None) -> pa.Table:
    if not found:
        raise Trouble(Outcome.NO_DATA, "Fred has no observation in the window")
    period, vintage = (_days([item.attrib[name] for item in found]) for name in ("date", "realtime_start"))
    texts = [item.attrib["value"] for item in found]
    value = np.asarray([np.nan if item == NOT_OBSERVED else _number(item) for item in texts], np.float64)
    order = np.lexsort((vintage, period))
    kept = order[_revised(period[order], value[order])]
    count = len(kept)
    arrays = {
        "source": pa.repeat(SOURCE, count),
        "series": pa.repeat(series, count),
        "period": pa.array(period[kept], pa.date32()),
        "frequency": pa.repeat(frequency, count),
        "vintage": pa.array(vintage[kept], pa.date32()),
        "value": pa.array(value[kept], pa.float64(), from_pandas=True),
        "licence": pa.array([licence] * count, pa.string()),
        "revision": pa.repeat(pa.scalar(0, pa.int64()), count),
    }
    return pa.table([arrays[name] for name in MACRO_SERIES.facts.names], schema=MACRO_SERIES.facts)


def _days(texts: list[str]) -> npt.NDArray[np.datetime64]:
    """Days as Fred writes them; none for other words that numpy takes for days: the checks refuse the row."""
    return np.asarray([item if DAY.fullmatch(item) else "NaT" for item in texts], "datetime64[D]")


def _number(text: str) -> float:
    """A value as Fred writes one; infinite, so that the checks refuse the row, where it is no number."""
    return float(text) if NUMBER.fullmatch(text) else UNREADABLE


def _revised(period: npt.NDArray[np.datetime64], value: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which rows, ordered by period and vintage, say something else than the vintage before.

    The server begins a period's vintages anew where a question does, with the value that was in force.
    """
    new = np.ones(len(period), bool)
    same = (value[1:] == value[:-1]) | (np.isnan(value[1:]) & np.isnan(value[:-1]))
    new[1:] = (period[1:] != period[:-1]) | ~same
    return new
