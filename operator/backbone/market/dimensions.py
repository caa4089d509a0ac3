"""The five dimensions of market data, one Arrow schema each, shared by every store and provider.

Types, and why:
- Prices and values are doubles. Sources publish doubles, or decimal text of at most fifteen significant
  digits, which a double gives back exactly; every store we write has doubles; what compares content hashes
  scaled integers.
- Sizes and volumes are int64: shares and contracts are counted.
- Times are microseconds in UTC. Sessions, periods and vintages are dates: days of a calendar, not moments.
- A string column repeats the same few values; stores compress that, so no dictionary types cross a boundary.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa

SCHEMA_VERSION = 3
"""Version of every schema below; stored with each row, which keeps the version that it was stored in.

1: facts, run, plan generation, schema version, time of observation. 2: and provider, flags,
the licence of a series, and what an economic release says. 3: an event's reference is part of its key.
"""

MOMENT = pa.timestamp("us", "UTC")

LINEAGE = (
    pa.field("run_id", pa.string(), nullable=False),
    pa.field("plan_generation", pa.int64(), nullable=False),
    pa.field("schema_version", pa.int32(), nullable=False),
    pa.field("observed_at", MOMENT, nullable=False),
    pa.field("provider", pa.string(), nullable=False),
)
"""Which run stored a row, for which generation of its plan, in which schema, when it asked (UTC), whom."""

FLAGS = pa.field("flags", pa.string())
"""What checks had to say of a row that is kept all the same: names of Defect, joined by commas;
null for most."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One kind of market data.

    `name` is the field of IngestPlan.spec, `command_name` what the command line calls it, `table` its table.
    `subject` is the column of symbols, series or calendars; `time` the column that orders the rows of one
    subject; `value` the column that tells the last value at a glance, None where a row has no number. `key`
    identifies a row: two rows of one key are versions of the same fact. `blank` is the text of the key that
    may be empty.
    """

    name: str
    command_name: str
    table: str
    subject: str
    time: str
    value: str | None
    key: tuple[str, ...]
    facts: pa.Schema
    blank: str | None = None

    @property
    def schema(self) -> pa.Schema:
        """Facts as a provider delivers them, then lineage, then flags."""
        return pa.schema([*self.facts, *LINEAGE, FLAGS])

    @property
    def entity(self) -> str:
        """The column of the key beside the source: what one series of rows is about."""
        return self.key[1]

    @property
    def dated(self) -> bool:
        """Whether `time` is a day of a calendar rather than a moment."""
        return bool(pa.types.is_date(self.facts.field(self.time).type))


def _schema(*columns: tuple[str, pa.DataType], nullable: tuple[str, ...] = ()) -> pa.Schema:
    every = (("source", pa.string()), *columns, ("revision", pa.int64()))
    return pa.schema([pa.field(name, kind, nullable=name in nullable) for name, kind in every])


_PRICES = (("open", pa.float64()), ("high", pa.float64()), ("low", pa.float64()), ("close", pa.float64()))

DAILY_BARS = Dimension(
    name="dailyBars",
    command_name="daily-bars",
    table="daily_bars",
    subject="symbol",
    time="session_date",
    value="close",
    key=("source", "symbol", "session_date"),
    facts=_schema(
        ("symbol", pa.string()),
        ("session_date", pa.date32()),
        *_PRICES,
        ("adjusted_close", pa.float64()),
        ("volume", pa.int64()),
        ("price_basis", pa.string()),
        nullable=("adjusted_close",),
    ),
)

INTRADAY_BARS = Dimension(
    name="intradayBars",
    command_name="intraday-bars",
    table="intraday_bars",
    subject="symbol",
    time="start",
    value="close",
    key=("source", "symbol", "interval_seconds", "start"),
    facts=_schema(
        ("symbol", pa.string()),
        ("interval_seconds", pa.int32()),
        ("start", MOMENT),
        *_PRICES,
        ("volume", pa.int64()),
        ("trades", pa.int64()),
        ("price_basis", pa.string()),
        nullable=("trades",),
    ),
)

INTRADAY_TRADES = Dimension(
    name="intradayTrades",
    command_name="intraday-trades",
    table="intraday_trades",
    subject="symbol",
    time="ts",
    value="price",
    key=("source", "symbol", "ts", "ordinal"),
    facts=_schema(
        ("symbol", pa.string()),
        ("ts", MOMENT),
        ("ordinal", pa.int64()),
        ("price", pa.float64()),
        ("size", pa.int64()),
        ("price_basis", pa.string()),
    ),
)
"""`ordinal` counts the trades of one symbol and moment in their source's order: equal trades are many."""

MACRO_SERIES = Dimension(
    name="macroSeries",
    command_name="macro-series",
    table="macro_series",
    subject="series",
    time="period",
    value="value",
    key=("source", "series", "period", "vintage"),
    facts=_schema(
        ("series", pa.string()),
        ("period", pa.date32()),
        ("frequency", pa.string()),
        ("vintage", pa.date32()),
        ("value", pa.float64()),
        ("licence", pa.string()),
        nullable=("value", "licence"),
    ),
)
"""`period` is its first day, unless the source dates it otherwise. A null value is a period that the source
lists as not observed, such as a holiday. `licence` is the source's own word on the rights in the series; null
where it has none."""

_RELEASED = tuple((name, pa.float64()) for name in ("actual", "expected", "prior", "revised"))

MACRO_EVENTS = Dimension(
    name="macroEvents",
    command_name="macro-events",
    table="macro_events",
    subject="calendar",
    time="period",
    value=None,
    key=("source", "event", "period", "vintage", "reference"),
    facts=_schema(
        ("calendar", pa.string()),
        ("event", pa.string()),
        ("kind", pa.string()),
        ("period", pa.date32()),
        ("vintage", pa.date32()),
        ("reference", pa.string()),
        ("at", MOMENT),
        *_RELEASED,
        nullable=("at", *(name for name, _ in _RELEASED)),
    ),
    blank="reference",
)
"""`period` is the day of the event, `at` its moment. `reference` tells releases of one name and day apart,
such as those of two months; it is an empty text where the source has none. What a release says is `actual`,
null before it; `expected` is the market's view, `prior` what the release before said, `revised` what that was
corrected from. They are in the unit of the release, which its name tells."""

DIMENSIONS = (DAILY_BARS, INTRADAY_BARS, INTRADAY_TRADES, MACRO_SERIES, MACRO_EVENTS)


def moment_of(value: date | datetime | None) -> datetime | None:
    """A time column's value as a moment: a day begins at midnight UTC. None stays None."""
    if value is None or isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day, tzinfo=UTC)


VERDICT = "verdict"
"""Of a row that leaves the store: the revision that speaks against it."""


def line_of(dimension: Dimension) -> tuple[str, ...]:
    """Columns whose values name one line: rows that follow one another in time."""
    length = tuple(name for name in dimension.key if name == "interval_seconds")
    return ("source", dimension.subject, *length)
