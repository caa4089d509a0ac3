"""What every provider is to the worker: a question about one dimension, answered in Arrow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from ..errors import BackboneError
from ..vocabulary import Outcome

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from ..market.dimensions import Dimension
    from ..market.symbols import Kind
    from ..ports.rows import SubjectSpan


@dataclass(frozen=True, slots=True)
class Connection:
    """How a plan wants a provider to be reached: the Secret with key, proxy and authority; the address."""

    secret_name: str
    base_url: str | None = None


class Held(Protocol):
    """What the store holds of the names of a query; a provider asks for what is missing or changed.

    To be looked at before the provider is asked: rows count as of the last look. What other runs store
    meanwhile is not seen.
    """

    def missed(self, outcome: Outcome | None = None) -> frozenset[str]:
        """Names that the plan's last run did not get in full, or did not come to; or those of one outcome."""
        ...

    def spans(self, source: str) -> Mapping[str, SubjectSpan]:
        """Of each name that has rows of this source, and of the query's interval."""
        ...

    def latest(self, source: str, count: int) -> pa.Table:
        """The last `count` rows of each line of a name, with the dimension's facts columns, each by time."""
        ...


@dataclass(frozen=True, slots=True)
class Query:
    """What a plan asks of a provider.

    `names` are symbols, series or calendars. `lookback` None asks for everything. `interval_seconds` is given
    for intraday bars alone. `connection` is None where the provider is reached as it is. `held` is None where
    nothing is known of what is stored.
    """

    dimension: Dimension
    names: tuple[str, ...]
    lookback: timedelta | None = None
    interval_seconds: int | None = None
    connection: Connection | None = None
    held: Held | None = None
    keep: Callable[[Delivery], None] | None = None
    """Takes a part of the answer before the rest has come, to be stored at once. It may raise to end the run.
    None where only a whole answer is taken."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A window of one line, with its first and last time in the dimension's `time` column, both included.

    `revision` is that of the answer; `interval_seconds` is given for intraday bars alone. A window is named
    only where the source is known to have told all that it has inside: that it tells less is a retraction.
    """

    subject: str
    first: date | datetime
    last: date | datetime
    revision: int = 0
    interval_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of one source, in the dimension's `facts` schema, as the source tells them.

    A key that the source tells twice is here twice: which row is right is for the validation to say.

    `as_of` is the moment that the source speaks of (UTC): now for a live one, the end of a recording.
    """

    source: str
    as_of: datetime
    facts: pa.Table
    exchanges: Mapping[str, str] = field(default_factory=dict)
    """Per symbol the calendar of its exchange (ISO 10383), where its spelling alone does not tell."""
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    """Per symbol the kind of instrument, where it trades at prices of zero and below."""
    periods: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    """Per symbol when it trades by the source's own word: rows of beginning and end, in microseconds since
    1970 (UTC), by time, the hours before and after a session included."""
    whole: tuple[Whole, ...] = ()
    """Windows of which every row is here that the source has: what is stored beside these, it took back."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one name that did not come in full; the message says why, in a few words."""

    name: str
    outcome: Outcome
    message: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The answer to a query, or a part of it that settles some `names`; empty: all that are left.

    `unknown` are names that the provider does not have, `without_data` those without a row in the window;
    `hint` tells in a few words where the names that it has are found. `failed` tells what became of the other
    names that did not come in full; of a partial answer the rows that came are in the slices. It took
    `requests` of the provider, and `retried` questions were asked again.
    """

    slices: tuple[Slice, ...]
    unknown: tuple[str, ...] = ()
    without_data: tuple[str, ...] = ()
    hint: str = ""
    failed: tuple[Fate, ...] = ()
    requests: int = 0
    retried: int = 0
    names: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Every name that did not come in full."""
        return (*self.unknown, *self.without_data, *(item.name for item in self.failed))


class ProviderFailure(BackboneError):
    """The provider could not answer; `outcome` names how."""

    outcome: Outcome = Outcome.INTERNAL_ERROR

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


class Provider(Protocol):
    """A source of market data."""

    def fetch(self, query: Query) -> Delivery:
        """Answer a query. Raises ProviderFailure where nothing can be said of the names that are left.

        Whatever goes wrong with one name is that name's outcome. What was handed to `query.keep` is no part
        of the answer.
        """
        ...
