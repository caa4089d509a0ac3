"""What a plan asks for, per dimension: the part of an IngestPlan's spec that speaks of market data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints, field_validator

from ..schema import Flag, Model, Whole

Provider = Literal["Sample"]

Symbol = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^[A-Z0-9^][A-Z0-9.^=_-]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]

SET: dict[str, JsonValue] = {"x-kubernetes-list-type": "set"}


class Dimension(Model):
    """What the dimensions have in common."""

    provider: Provider = Field(
        description="Where the data comes from. Sample serves recorded market data and needs no network."
    )
    lookback_days: Whole | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="How many days of history a run asks for, counted back from the present, or from the end "
        "of the recording for recorded data. Left out: all that the provider has.",
    )
    required: Flag = Field(
        default=True, description="Whether the plan is Ready only if this dimension was delivered in full."
    )

    @field_validator("symbols", "series", "calendars", check_fields=False)
    @classmethod
    def _unique(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}; name each once")
        return names


class SymbolDimension(Dimension):
    """A dimension that is asked for by symbol."""

    symbols: tuple[Symbol, ...] = Field(
        min_length=1,
        max_length=1000,
        json_schema_extra=SET,
        description="Symbols as the provider spells them, each once, at most 1,000.",
    )


class DailyBars(SymbolDimension):
    """Open, high, low, close and volume per session."""


class IntradayBars(SymbolDimension):
    """Open, high, low, close and volume per interval of a session."""

    interval_seconds: Literal[60, 300, 900, 3600] = Field(
        default=60, description="Length of a bar: 60, 300, 900 or 3600 seconds."
    )


class IntradayTrades(SymbolDimension):
    """Every trade, in the order of its source."""


class MacroSeries(Dimension):
    """Economic series, one value per period and vintage."""

    series: tuple[Name, ...] = Field(
        min_length=1,
        max_length=1000,
        json_schema_extra=SET,
        description="Series as the provider spells them, each once, at most 1,000.",
    )


class MacroEvents(Dimension):
    """Dated events of economic calendars."""

    calendars: tuple[Name, ...] = Field(
        min_length=1,
        max_length=100,
        json_schema_extra=SET,
        description="Calendars as the provider spells them, each once, at most 100.",
    )
