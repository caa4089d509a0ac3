"""What a plan asks for, per dimension: the part of an IngestPlan's spec that speaks of market data."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, field_validator, model_validator

from ..schema import Flag, Model, SecretName, Whole, cel, named_once

Provider = Literal["Sample", "Yahoo", "Fred"]

Symbol = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^[A-Z0-9^][A-Z0-9.^=_-]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]

SET: dict[str, JsonValue] = {"x-kubernetes-list-type": "set"}


RECORDED = "Sample serves recorded market data and needs no network."
ONLY_CONNECTED = "self.provider != 'Sample' || !has(self.connection)"
NO_CONNECTION = "Sample needs no connection: remove connection, or name another provider."
FRED_NEEDS_KEY = "Fred needs connection.secretName: a Secret in this namespace with the key api-key."


class Connection(Model):
    """How the provider is reached. The Secret is mounted into the worker and read nowhere else."""

    secret_name: SecretName = Field(
        description="A Secret in the plan's namespace. Its keys, each optional: api-key; proxy-url, an HTTP "
        "proxy that may carry a password; ca.crt, the certificate authority of that proxy or of the provider."
    )


class AddressedConnection(Connection):
    """A connection whose address can be named."""

    base_url: Annotated[str, StringConstraints(max_length=512, pattern=r"^https?://[^\s@]+$")] | None = Field(
        default=None,
        description="Address of a server that speaks the provider's protocol, for example a mirror; the "
        "provider's own if left out. No user or password in it: those belong into the Secret.",
    )


def _connected() -> ConfigDict:
    return ConfigDict(json_schema_extra=cel((ONLY_CONNECTED, NO_CONNECTION)))


class Dimension(Model):
    """What the dimensions have in common."""

    provider: Provider
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
        return named_once(names)

    @model_validator(mode="after")
    def _sample_needs_no_connection(self) -> Self:
        if self.provider == "Sample" and connection_of(self) is not None:
            raise ValueError(NO_CONNECTION)
        return self


def connection_of(section: Dimension) -> Connection | None:
    """How the provider of a dimension is reached, where the plan says so."""
    found = getattr(section, "connection", None)
    return found if isinstance(found, Connection) else None


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

    model_config = _connected()

    provider: Literal["Sample", "Yahoo"] = Field(
        description=f"Where the data comes from. {RECORDED} Yahoo asks Yahoo Finance."
    )
    connection: Connection | None = Field(
        default=None, description="How Yahoo is reached, where that takes a proxy; directly if left out."
    )


class IntradayBars(SymbolDimension):
    """Open, high, low, close and volume per interval of a session."""

    model_config = _connected()

    provider: Literal["Sample", "Yahoo"] = Field(
        description=f"Where the data comes from. {RECORDED} Yahoo asks Yahoo Finance, which keeps 30 days of "
        "bars of 60 seconds, 60 days of 300 and 900, and two years of 3600: a longer lookback is cut to that."
    )
    connection: Connection | None = Field(
        default=None, description="How Yahoo is reached, where that takes a proxy; directly if left out."
    )

    interval_seconds: Literal[60, 300, 900, 3600] = Field(
        default=60, description="Length of a bar: 60, 300, 900 or 3600 seconds."
    )


class IntradayTrades(SymbolDimension):
    """Every trade, in the order of its source."""

    provider: Literal["Sample"] = Field(description=f"Where the data comes from. {RECORDED}")


class MacroSeries(Dimension):
    """Economic series, one value per period and vintage."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (ONLY_CONNECTED, NO_CONNECTION),
            ("self.provider != 'Fred' || has(self.connection)", FRED_NEEDS_KEY),
        )
    )

    provider: Literal["Sample", "Fred"] = Field(
        description=f"Where the data comes from. {RECORDED} Fred asks the database of the Federal Reserve "
        "Bank of St. Louis for every vintage of a series, which takes an API key."
    )
    connection: AddressedConnection | None = Field(
        default=None, description="How Fred is reached; required for it."
    )

    series: tuple[Name, ...] = Field(
        min_length=1,
        max_length=1000,
        json_schema_extra=SET,
        description="Series as the provider spells them, each once, at most 1,000.",
    )

    @model_validator(mode="after")
    def _fred_needs_key(self) -> Self:
        if self.provider == "Fred" and self.connection is None:
            raise ValueError(FRED_NEEDS_KEY)
        return self


class MacroEvents(Dimension):
    """Dated events of economic calendars."""

    model_config = _connected()

    provider: Literal["Sample", "Yahoo"] = Field(
        description=f"Where the data comes from. {RECORDED} Yahoo asks Yahoo Finance's economic calendar."
    )
    connection: Connection | None = Field(
        default=None, description="How Yahoo is reached, where that takes a proxy; directly if left out."
    )

    calendars: tuple[Name, ...] = Field(
        min_length=1,
        max_length=100,
        json_schema_extra=SET,
        description="Calendars as the provider spells them, each once, at most 100. Yahoo has one per "
        "country, by its code of two letters, for example US.",
    )
