"""The rows of one chart's answer, by the day or the minute, for who changes them before they are sent."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from .market import PRICES

Column = list[Any]
EVERY = (*PRICES, "adjclose", "volume")
OF_PRICE = (*PRICES, "adjclose")


class Rows:
    """An answer's columns and stamps, changed in place.

    A row is named by its day on the exchange's clocks where bars are daily, else by its start (UTC).
    """

    def __init__(self, result: dict[str, Any]) -> None:
        self.meta = result["meta"]
        self.daily = self.meta["dataGranularity"] == "1d"
        self.stamps: list[int] = result.get("timestamp", [])
        indicators = result["indicators"]
        self.columns: dict[str, Column] = dict(indicators["quote"][0])
        if self.daily and self.columns:
            self.columns |= indicators["adjclose"][0]
        self.zone = ZoneInfo(self.meta["exchangeTimezoneName"])

    def day(self, stamp: int) -> date:
        """The day of a stamp on the exchange's clocks."""
        return datetime.fromtimestamp(stamp, self.zone).date()

    def at(self, when: date | datetime) -> int | None:
        """Where the row of a day or of a moment is; None where there is none."""
        for place, stamp in enumerate(self.stamps):
            told = stamp == when.timestamp() if isinstance(when, datetime) else self.day(stamp) == when
            if told:
                return place
        return None

    def since(self, day: date) -> list[int]:
        """Where the rows of a day and of those after it are."""
        return [place for place, stamp in enumerate(self.stamps) if self.day(stamp) >= day]

    def before(self, day: date) -> list[int]:
        """Where the rows of the days before one are."""
        return [place for place, stamp in enumerate(self.stamps) if self.day(stamp) < day]

    def put(self, place: int, **values: Any) -> None:
        """Put values into a row."""
        for name, value in values.items():
            self.columns[name][place] = value

    def blank(self, place: int) -> None:
        """Take every value out of a row."""
        self.put(place, **dict.fromkeys(self.columns, None))

    def scale(self, place: int, factor: float, names: tuple[str, ...] = OF_PRICE) -> None:
        """Multiply values of a row."""
        for column in (self.columns[name] for name in names if name in self.columns):
            if column[place] is not None:
                column[place] *= factor

    def insert(self, stamp: int, **values: Any) -> int:
        """A row more, at its place in time, behind those of the same stamp; null where no value is given."""
        place = sum(item <= stamp for item in self.stamps)
        self.stamps.insert(place, stamp)
        for name, column in self.columns.items():
            column.insert(place, values.get(name))
        return place

    def remove(self, place: int) -> None:
        """Take a row out."""
        for column in (self.stamps, *self.columns.values()):
            del column[place]

    def values(self, place: int) -> dict[str, Any]:
        """A row's values by column."""
        return {name: column[place] for name, column in self.columns.items()}
