"""Asking for many names: each in turn, again where that may help, and giving up in time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..vocabulary import Outcome
from .pacing import Patience
from .protocol import Fate
from .trouble import PASSING, Trouble, bug

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

    @property
    def names(self) -> tuple[str, ...]:
        """The names of which it is known what became of them."""
        return (*self.answers, *self.fates)

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
    patience: Patience,
    settled: Callable[[Round[Answer]], Round[Answer]] = lambda found: found,
) -> Round[Answer]:
    """Ask for each name, in their order.

    Retryable failures go to the end of the queue after a wait. If the provider limits the rate or does not
    answer, every name waits. Once the wait budget is spent and `limits.refusals` names in a row fail, the
    round stops; each remaining name gets its own last outcome, or the last failure's if it was never
    requested. Any other error is a bug, and the outcome of its name.

    `settled` is called after each name that came or never will, and gives the round that goes on: the same,
    or a new one where it has taken what came.
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
            found.answers[name] = _asked(ask, name)
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
        found = settled(found)
    return found


def _asked(ask: Callable[[str], Answer], name: str) -> Answer:
    try:
        return ask(name)
    except (Trouble, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the other names have nothing to do with it
        raise bug(name, error) from None
