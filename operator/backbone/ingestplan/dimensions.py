"""The dimensions that a plan requests: the sections of an IngestPlan's spec about market data."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, field_validator, model_validator

from ..schema import Flag, Model, SecretName, Whole, cel, named_once

Provider = Literal["Sample", "Yahoo", "Fred"]

Symbol = Annotated[
    str, StringConstraints(min_length=1, max_length=32, pattern=r"^[A-Z0-9^][A-Z0-9.^=&/_-]*$")
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]

SET: dict[str, JsonValue] = {"x-kubernetes-list-type": "set"}


RECORDED = "Sample serves recorded market data and needs no network."
ONLY_CONNECTED = "self.provider != 'Sample' || !has(self.connection)"
NO_CONNECTION = "Sample needs no connection: remove connection, or name another provider."
FRED_NEEDS_KEY = "Fred needs connection.secretName: a Secret in this namespace with the key api-key."


class Connection(Model):
    """Connection to the provider. The Secret is mounted into the worker and read nowhere else."""

    secret_name: SecretName = Field(
        description="Name of a Secret in the plan's namespace. Keys, each optional: api-key; proxy-url, an "
        "HTTP proxy, whose URL may contain a password; ca.crt, the certificate authority of the proxy or of "
        "the provider."
    )


class AddressedConnection(Connection):
    """A connection whose address can be named."""

    base_url: Annotated[str, StringConstraints(max_length=512, pattern=r"^https?://[^\s@]+$")] | None = Field(
        default=None,
        description="Address of a server with the provider's protocol, for example a mirror. If omitted, "
        "the provider's own. The address must not contain a user or a password: put those into the Secret. "
        "An api-key is sent only to an https:// address or to the pod itself.",
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
        description="Number of days of history that a run requests, counted back from the time of the run, "
        "or from the end of a recording. If omitted, all that the provider has.",
    )
    required: Flag = Field(
        default=True, description="If true, the plan is Ready only if this dimension was delivered in full."
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
    """The connection to a dimension's provider, or None if the plan has none."""
    found = getattr(section, "connection", None)
    return found if isinstance(found, Connection) else None


class SymbolDimension(Dimension):
    """A dimension that is requested by symbol."""

    symbols: tuple[Symbol, ...] = Field(
        min_length=1,
        max_length=1000,
        json_schema_extra=SET,
        description="Symbols in the provider's spelling, each once, at most 1,000.",
    )


class DailyBars(SymbolDimension):
    """Open, high, low, close and volume per session."""

    model_config = _connected()

    provider: Literal["Sample", "Yahoo"] = Field(
        description=f"Provider of the data. {RECORDED} Yahoo requests it from Yahoo Finance."
    )
    connection: Connection | None = Field(
        default=None,
        description="Connection to Yahoo through a proxy. If omitted, the worker connects directly.",
    )


class IntradayBars(SymbolDimension):
    """Open, high, low, close and volume per interval of a session."""

    model_config = _connected()

    provider: Literal["Sample", "Yahoo"] = Field(
        description=f"Provider of the data. {RECORDED} Yahoo requests it from Yahoo Finance, which offers "
        "30 days of 60-second bars, 60 days of 300- and 900-second bars, and two years of 3600-second bars. "
        "A longer lookback is reduced to that."
    )
    connection: Connection | None = Field(
        default=None,
        description="Connection to Yahoo through a proxy. If omitted, the worker connects directly.",
    )

    interval_seconds: Literal[60, 300, 900, 3600] = Field(
        default=60, description="Length of a bar in seconds: 60, 300, 900 or 3600."
    )


class IntradayTrades(SymbolDimension):
    """Every trade, in the order of its source."""

    provider: Literal["Sample"] = Field(description=f"Provider of the data. {RECORDED}")


class MacroSeries(Dimension):
    """Economic series, one value per period and vintage."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (ONLY_CONNECTED, NO_CONNECTION),
            ("self.provider != 'Fred' || has(self.connection)", FRED_NEEDS_KEY),
        )
    )

    provider: Literal["Sample", "Fred"] = Field(
        description=f"Provider of the data. {RECORDED} Fred requests every vintage of a series from the "
        "database of the Federal Reserve Bank of St. Louis, which requires an API key."
    )
    connection: AddressedConnection | None = Field(
        default=None, description="Connection to Fred. Required if provider is Fred."
    )

    series: tuple[Name, ...] = Field(
        min_length=1,
        max_length=1000,
        json_schema_extra=SET,
        description="Series in the provider's spelling, each once, at most 1,000.",
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
        description=f"Provider of the data. {RECORDED} Yahoo requests it from the economic calendar "
        "of Yahoo Finance."
    )
    connection: Connection | None = Field(
        default=None,
        description="Connection to Yahoo through a proxy. If omitted, the worker connects directly.",
    )

    calendars: tuple[Name, ...] = Field(
        min_length=1,
        max_length=100,
        json_schema_extra=SET,
        description="Calendars in the provider's spelling, each once, at most 100. Yahoo has one calendar "
        "per country, named by its two-letter code, for example US.",
    )
