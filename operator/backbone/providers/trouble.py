"""What can go wrong with one name that a provider is asked for."""

from __future__ import annotations

import logging
import re
import traceback

from ..errors import BackboneError
from ..plain_text import plain
from ..vocabulary import Outcome

log = logging.getLogger(__name__)

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
SHAPE = (LookupError, TypeError, ValueError, AttributeError, AssertionError, ArithmeticError, RecursionError)
"""What reading an answer raises that has other fields or other values than it had."""
_SECRETS = (
    (re.compile(r"(?<=://)[^/\s@]+(?=@)"), "***"),
    (re.compile(r"(?<=api_key=)[^&\s'\"]+"), "***"),
)


class Trouble(BackboneError):
    """A name did not come; `outcome` names how. `wait` is how long the provider told to wait, in seconds.

    The message may hold the provider's own words, whatever they are.
    """

    outcome: Outcome = Outcome.INTERNAL_ERROR
    wait: float | None = None

    def __init__(self, outcome: Outcome, message: str, wait: float | None = None) -> None:
        super().__init__(plain(message))
        self.outcome = outcome
        self.wait = wait


def bug(names: str, error: Exception) -> Trouble:
    """A bug of ours, which is the outcome of the names that it met; its traceback goes to the log.

    Addresses in it are without passwords and keys.
    """
    found = "".join(traceback.format_exception(error))
    for secret, shown in _SECRETS:
        found = secret.sub(shown, found)
    log.error("InternalError of %s, which is a bug: please report it with this\n%s", names, found.rstrip())
    return Trouble(Outcome.INTERNAL_ERROR, f"a bug ({type(error).__name__}); the worker's log has it")
