"""One series with its vintages, from the observations of real-time periods to facts in Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...market.dimensions import MACRO_SERIES
from ...vocabulary import Outcome
from ..trouble import Trouble
from .client import VINTAGES, Client

SOURCE = "fred"
NOT_OBSERVED = "."
FREQUENCIES = {
    "D": "daily",
    "W": "weekly",
    "BW": "biweekly",
    "M": "monthly",
    "Q": "quarterly",
    "SA": "semiannual",
    "A": "annual",
}
_SHAPE = (KeyError, TypeError, ValueError, AttributeError)


def facts_of(client: Client, series: str, lookback: timedelta | None, now: datetime) -> pa.Table:
    """Every vintage of the periods in the lookback, with frequency and licence. Raises Trouble.

    Facts of market.dimensions.MACRO_SERIES; `vintage` is the day on which a value was published.
    """
    try:
        info = client.get_series_info(series)
        vintages = [item.date() for item in client.get_series_vintage_dates(series)]
        start = (
            {} if lookback is None else {"observation_start": str((now.astimezone(UTC) - lookback).date())}
        )
        found: list[ElementTree.Element] = []
        for first, last in windows(vintages):
            found += client.observations(series, realtime_start=first, realtime_end=last, **start)
        licence = client.licence(series)
        frequency = FREQUENCIES.get(info["frequency_short"], info["frequency"].lower())
        return _table(series, found, frequency, licence)
    except _SHAPE as error:
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
    period = np.asarray([item.attrib["date"] for item in found], "datetime64[D]")
    vintage = np.asarray([item.attrib["realtime_start"] for item in found], "datetime64[D]")
    texts = [item.attrib["value"] for item in found]
    value = np.asarray([np.nan if item == NOT_OBSERVED else float(item) for item in texts], np.float64)
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


def _revised(period: npt.NDArray[np.datetime64], value: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which rows, ordered by period and vintage, say something else than the vintage before.

    The server begins a period's vintages anew where a question does, with the value that was in force.
    """
    new = np.ones(len(period), bool)
    same = (value[1:] == value[:-1]) | (np.isnan(value[1:]) & np.isnan(value[:-1]))
    new[1:] = (period[1:] != period[:-1]) | ~same
    return new
