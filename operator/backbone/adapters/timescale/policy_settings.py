"""What can be set of a table over time, and of what is made of it; each told in words, which are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from ...market.dimensions import DAILY_BARS, DIMENSIONS, INTRADAY_TRADES, Dimension
from ...ports.policies import Aggregate

TABLES: dict[str, Dimension] = {f"market.{item.table}": item for item in DIMENSIONS}


@dataclass(frozen=True, slots=True)
class View:
    """A continuous aggregate: the table its rows come from, and the view it needs.

    A refresh of the database works on `batch` buckets at a time, each batch being a transaction.
    """

    aggregate: Aggregate
    table: str
    raw: Dimension
    batch: int
    needs: Aggregate | None = None


_MINUTES = View(Aggregate.MINUTE_BARS, "market.trade_minute_bars", INTRADAY_TRADES, 7 * 1440)
_DAYS = View(
    Aggregate.TRADE_DAYS,
    "market.trade_daily_bars",
    INTRADAY_TRADES,
    366,
    Aggregate.MINUTE_BARS,
)
_WEEKS = View(Aggregate.WEEKLY_BARS, "market.weekly_bars", DAILY_BARS, 522)
VIEWS: dict[str, View] = {item.table: item for item in (_MINUTES, _DAYS, _WEEKS)}
"""In an order in which each finds what it needs."""


class Kind(IntEnum):
    """What can be set, in the order in which it is: nothing is dropped before what is made of it is there."""

    CHUNK_WIDTH = 1
    COLUMNSTORE = 2
    AGGREGATE = 3
    FILL = 4
    REFRESH = 5
    COMPRESSION = 6
    RETENTION = 7
    DROPPED = 8
    """Remembered alone: the time (UTC) before which rows of a table may have been dropped."""


WORDS = {
    Kind.CHUNK_WIDTH: "chunk width",
    Kind.COLUMNSTORE: "columnstore",
    Kind.AGGREGATE: "continuous aggregate",
    Kind.FILL: "filled from the rows that are there",
    Kind.REFRESH: "refresh",
    Kind.COMPRESSION: "compression",
    Kind.RETENTION: "retention",
}
Key = tuple[Kind, str]


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the database's job of a policy runs: every so many seconds, and for at most `longest` of them.

    `every` is None where it is what the policy itself is about; `longest` is 0 where nothing ends a run.
    """

    procedure: str
    every: int | None
    longest: int


SCHEDULES = {
    Kind.REFRESH: Schedule("policy_refresh_continuous_aggregate", None, 0),
    Kind.COMPRESSION: Schedule("policy_compression", 43_200, 0),
    Kind.RETENTION: Schedule("policy_retention", 86_400, 300),
}
"""As TimescaleDB has them where nothing else is asked for."""
KINDS = {item.procedure: kind for kind, item in SCHEDULES.items()}
MADE = "made"
"""An aggregate that has been filled once."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is set, in words, by which two are the same; `days` and `seconds` are for the statement."""

    text: str
    days: int | None = None
    seconds: int | None = None

    def is_shorter_than(self, other: Setting | None) -> bool:
        """Whether a retention keeps less than another one, or than everything."""
        return other is None or other.days is None or (self.days or 0) < other.days


@dataclass(frozen=True, slots=True)
class PolicyHoldings:
    """What a database has: `current` is set, `remembered` was last wished and set; `now` is its clock.

    `strangers` are views or tables of our aggregates' names that are none.
    """

    now: datetime
    current: Mapping[Key, Setting]
    remembered: Mapping[Key, str]
    strangers: frozenset[str] = frozenset()


def view_of(aggregate: Aggregate) -> View:
    """The view of an aggregate."""
    return next(item for item in VIEWS.values() if item.aggregate is aggregate)


def segments(dimension: Dimension) -> tuple[str, ...]:
    """Columns each of whose values has batches of its own in the columnstore."""
    source, entity, *rest = dimension.key
    return (entity, source, *(name for name in rest if name == "interval_seconds"))


def ordering(dimension: Dimension) -> tuple[str, ...]:
    """Columns that order a batch of the columnstore."""
    rest = [name for name in dimension.key if name not in {*segments(dimension), dimension.time}]
    return (dimension.time, *rest)


def columnstore(dimension: Dimension) -> Setting:
    """The columnstore of a dimension's table."""
    return columnstore_setting(",".join(segments(dimension)), ",".join(ordering(dimension)))


def columnstore_setting(segment_by: str | None, order_by: str | None) -> Setting:
    """How a columnstore is laid out, as the database tells it."""
    return Setting(f"by {segment_by or 'nothing'}, in the order of {order_by or 'nothing'}")


def days_setting(days: int) -> Setting:
    """A span of whole days."""
    return Setting(f"{days} days", days)


def remembered_days(remembered: str) -> int:
    """Days of a span as it is remembered."""
    return int(remembered.split(maxsplit=1)[0])


def refresh(every: int, start: int | None) -> Setting:
    """A refresh every so many seconds that looks so many days back."""
    reach = "of everything" if start is None else f"of the last {start} days"
    return Setting(f"{reach}, every {every} s", start, every)
