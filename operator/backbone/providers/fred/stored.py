"""What the store holds of a query's series, and whether Fred has anything to add to it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from ..protocol import Query

SOURCE = "fred"
COMPARED = 24
"""So many of a series' last rows are looked at for its newest vintage."""
WITHIN = {"W": 6, "BW": 13, "M": 27, "Q": 88, "SA": 179, "A": 363}
"""Days that may lie between the first day asked for and the first period, with none before it in between."""
SETTLING = timedelta(days=2)
"""What was published so lately may be corrected under the same date."""


class Stored:
    """What is stored of the series of one query, as of the moment that this is made. Raises StoreError."""

    def __init__(self, query: Query) -> None:
        self._lookback = query.lookback
        held = query.held
        self._spans = held.spans(SOURCE) if held is not None else {}
        self._missed = held.missed() if held is not None else frozenset()
        self._latest = held.latest(SOURCE, COMPARED) if held is not None and self._spans else None

    def start(self, now: datetime) -> date | None:
        """The first day that the query asks for; None asks for every period."""
        return None if self._lookback is None else (now.astimezone(UTC) - self._lookback).date()

    def licence(self, series: str) -> str | None:
        """What the newest stored row says of the rights in a series."""
        rows = self._rows(series)
        found: str | None = rows["licence"][-1].as_py() if rows.num_rows else None
        return found

    def is_all(self, series: str, info: Mapping[str, str], now: datetime) -> bool:
        """Whether all that Fred has of a series is stored, by its own account of when it changed last.

        A series that came in full, of which nothing was published since its newest stored vintage, and which
        is held as far back as is asked for.
        """
        rows = self._rows(series)
        if series in self._missed or not rows.num_rows:
            return False
        newest = pc.max(rows["vintage"]).as_py()
        changed, begins = _day(info.get("last_updated")), _day(info.get("observation_start"))
        if changed is None or changed > newest or newest > now.astimezone(UTC).date() - SETTLING:
            return False
        start, first = self.start(now), self._spans[series].first_at.date()
        apart = timedelta(days=WITHIN.get(info.get("frequency_short", ""), 0))
        return (begins is not None and first <= begins) or (start is not None and first <= start + apart)

    def _rows(self, series: str) -> pa.Table:
        if self._latest is None or series not in self._spans:
            return pa.table({"vintage": pa.array([], pa.date32()), "licence": pa.array([], pa.string())})
        return self._latest.filter(pc.equal(self._latest["series"], series))


def _day(text: str | None) -> date | None:
    with suppress(ValueError, TypeError):
        return date.fromisoformat((text or "")[:10])
    return None
