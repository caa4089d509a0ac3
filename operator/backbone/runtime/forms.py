"""The words of the command line: dimensions, and the forms of its answers."""

from __future__ import annotations

from enum import StrEnum


class DimensionName(StrEnum):
    """Dimensions as the command line calls them."""

    DAILY_BARS = "daily-bars"
    INTRADAY_BARS = "intraday-bars"
    INTRADAY_TRADES = "intraday-trades"
    MACRO_SERIES = "macro-series"
    MACRO_EVENTS = "macro-events"

    @classmethod
    def parse(cls, word: str) -> DimensionName:
        """The dimension of a word, also where it is spelt as in a plan. Raises ValueError."""
        for item in cls:
            first, rest = item.split("-")
            if word in {item.value, f"{first}{rest.capitalize()}"}:
                return item
        raise ValueError(f"{word!r} is not a dimension; use {', '.join(cls)}")


class SummaryForm(StrEnum):
    """Forms of a summary."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


class RowForm(StrEnum):
    """Forms of rows on stdout."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class FileForm(StrEnum):
    """Forms of a file of rows."""

    CSV = "csv"
    PARQUET = "parquet"


class QuarantineForm(StrEnum):
    """Forms of what is in quarantine."""

    TABLE = "table"
    JSON = "json"


class TopicsForm(StrEnum):
    """Forms of what is said of topics."""

    TABLE = "table"
    JSON = "json"


class ExportRunForm(StrEnum):
    """Forms of how an export ended."""

    TEXT = "text"
    JSON = "json"


class ExportForm(StrEnum):
    """Forms of what an export has."""

    COUNTS = "counts"
    JSON = "json"
    CSV = "csv"
