"""Asking for many names: each in turn, again where that may help, and giving up in time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..vocabulary import Outcome
from .pacing import Patience
from .protocol import Fate
from .trouble import PASSING, Trouble

Answer = TypeVar("Answer")

CLOSED = frozenset({Outcome.RATE_LIMITED, Outcome.TIMED_OUT, Outcome.PROVIDER_UNREACHABLE})
"""What a provider does to every name alike."""


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


def ask_for(names: Sequence[str], ask: Callable[[str], Answer], patience: Patience) -> Round[Answer]:
    """Ask for each name, in their order.

    What may pass is asked again, behind the others, after a wait. Where the provider limits the rate or does
    not answer, all of them wait; with the budget spent, a few such names in a row end the round. The rest has
    the outcome that it had when it was asked for, or else that of the last name, unasked.
    """
    found: Round[Answer] = Round()
    limits = patience.limits
    queue = deque((name, 1) for name in names)
    before: dict[str, Fate] = {}
    refused = 0
    while queue:
        name, attempt = queue.popleft()
        patience.pause(0)
        asked = patience.clock()
        try:
            found.answers[name] = ask(name)
        except Trouble as trouble:
            if trouble.outcome is Outcome.TIMED_OUT:
                patience.spend(patience.clock() - asked)
            before[name] = Fate(name, trouble.outcome, str(trouble))
            refused = refused + 1 if trouble.outcome in CLOSED else 0
            again = trouble.outcome in PASSING and attempt < limits.attempts
            if again and patience.wait(max(attempt, refused), trouble.wait):
                queue.append((name, attempt + 1))
                found.retried += 1
                continue
            found.fates[name] = before[name]
            if refused >= limits.refusals and patience.spent:
                left = f"not asked for: {trouble}, and the run's patience is spent"
                for rest, _ in queue:
                    found.fates[rest] = before.get(rest) or Fate(rest, trouble.outcome, left)
                return found
        else:
            refused = 0
    return found
