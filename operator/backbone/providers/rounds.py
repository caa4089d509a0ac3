"""Asking for many names: each in turn, again where that may help, and giving up in time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..vocabulary import Outcome
from .pacing import Limits, Patience
from .protocol import Fate
from .trouble import PASSING, Trouble

Answer = TypeVar("Answer")


@dataclass
class Round(Generic[Answer]):
    """What became of the names: answers, in the order in which they came, and fates of the others."""

    answers: dict[str, Answer] = field(default_factory=dict)
    fates: dict[str, Fate] = field(default_factory=dict)
    retried: int = 0
    """How many questions were asked again."""

    def of(self, outcome: Outcome) -> tuple[str, ...]:
        """The names with an outcome."""
        return tuple(name for name, fate in self.fates.items() if fate.outcome is outcome)

    def failed(self) -> tuple[Fate, ...]:
        """The fates that a Delivery has no list of its own for."""
        named = {Outcome.UNKNOWN_SYMBOL, Outcome.NO_DATA}
        return tuple(fate for fate in self.fates.values() if fate.outcome not in named)


def ask_for(
    names: Sequence[str],
    ask: Callable[[str], Answer],
    limits: Limits,
    pause: Callable[[float], None],
) -> Round[Answer]:
    """Ask for each name, in their order.

    What may pass is asked again, behind the others, after a wait. Where the provider limits the rate, all of
    them wait; with the budget spent, a few refusals in a row end the round: the rest is RateLimited unasked.
    """
    found: Round[Answer] = Round()
    patience = Patience(limits, pause)
    queue = deque((name, 1) for name in names)
    refused = 0
    while queue:
        name, attempt = queue.popleft()
        pause(0)
        try:
            found.answers[name] = ask(name)
        except Trouble as trouble:
            limited = trouble.outcome is Outcome.RATE_LIMITED
            refused = refused + 1 if limited else 0
            again = trouble.outcome in PASSING and attempt < limits.attempts
            if again and patience.wait(max(attempt, refused), trouble.wait):
                queue.append((name, attempt + 1))
                found.retried += 1
                continue
            found.fates[name] = Fate(name, trouble.outcome, str(trouble))
            if limited and refused >= limits.refusals:
                left = "not asked for: the provider limits the rate, and the run's patience is spent"
                found.fates |= {rest: Fate(rest, Outcome.RATE_LIMITED, left) for rest, _ in queue}
                return found
        else:
            refused = 0
    return found
