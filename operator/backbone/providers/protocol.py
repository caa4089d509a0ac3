"""What every provider is to the worker: a question about one dimension, answered in Arrow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from ..errors import BackboneError
from ..vocabulary import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

    from ..market.dimensions import Dimension


@dataclass(frozen=True, slots=True)
class Query:
    """What a plan asks of a provider.

    `names` are symbols, series or calendars. `lookback` None asks for everything. `interval_seconds` is given
    for intraday bars alone.
    """

    dimension: Dimension
    names: tuple[str, ...]
    lookback: timedelta | None = None
    interval_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of one source, in the dimension's `facts` schema, each key once.

    `as_of` is the moment that the source speaks of (UTC): now for a live one, the end of a recording.
    """

    source: str
    as_of: datetime
    facts: pa.Table


@dataclass(frozen=True, slots=True)
class Delivery:
    """The answer to a query.

    `unknown` are names that the provider does not have, `without_data` those without a row in the window;
    `hint` tells in a few words where the names that it has are found.
    """

    slices: tuple[Slice, ...]
    unknown: tuple[str, ...] = ()
    without_data: tuple[str, ...] = ()
    hint: str = ""


class ProviderFailure(BackboneError):
    """The provider could not answer; `outcome` names how."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


class Provider(Protocol):
    """A source of market data."""

    def fetch(self, query: Query) -> Delivery:
        """Answer a query. Raises ProviderFailure where nothing can be said."""
        ...
