"""What can go wrong with one name that a provider is asked for."""

from __future__ import annotations

from ..errors import BackboneError
from ..vocabulary import Outcome

PASSING = frozenset(
    {
        Outcome.RATE_LIMITED,
        Outcome.TIMED_OUT,
        Outcome.SERVER_TROUBLE,
        Outcome.PARTIAL_ANSWER,
        Outcome.PROVIDER_UNREACHABLE,
    }
)
"""What may be over the next time one asks."""


class Trouble(BackboneError):
    """A name did not come; `outcome` names how. `wait` is how long the provider told to wait, in seconds."""

    def __init__(self, outcome: Outcome, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.wait = wait
