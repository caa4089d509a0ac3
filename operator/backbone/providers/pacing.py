"""How often a provider may be asked, and how patient a run is with one that refuses."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

STEP_SECONDS = 1.0
"""The longest sleep at a time: a worker that is told to stop does so between two of them."""


class Pace:
    """A token bucket: `rate` requests a second in the long run, `burst` at once."""

    def __init__(
        self,
        rate: float,
        burst: int,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._pause = pause
        self._clock = clock
        self._tokens = self._burst
        self._at = clock()

    def wait(self) -> None:
        """Take a token, once there is one."""
        self._refill()
        while self._tokens < 1:
            slept(self._pause, (1 - self._tokens) / self._rate)
            self._refill()
        self._tokens -= 1

    def _refill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a run. Times are seconds.

    `attempts` is how often one name is asked for, `budget` how long a run waits in all, for a repetition or
    for answers that do not come, `refusals` how many names in a row may be refused with the budget spent
    before the rest is left for the next run.
    """

    deadline: float = 20.0
    attempts: int = 4
    first_wait: float = 1.0
    longest_wait: float = 60.0
    budget: float = 120.0
    refusals: int = 3


class Patience:
    """The waiting of one run: each wait is longer than the one before, and none passes the budget."""

    def __init__(
        self,
        limits: Limits,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.pause = pause
        self.clock = clock
        self.left = limits.budget
        self.spent = False
        """Whether a wait would have passed the budget, or nothing is left of it."""

    def spend(self, seconds: float) -> None:
        """Take what an answer was waited for in vain from the budget."""
        self.left = max(0.0, self.left - seconds)
        self.spent = self.spent or not self.left

    def wait(self, turn: int, told: float | None = None) -> bool:
        """Wait before the turn-th repetition, as long as told at least; False where that is too long.

        Half of the time is left to chance, so that many workers do not come back at once.
        """
        limits = self.limits
        seconds = min(limits.longest_wait, limits.first_wait * 2 ** (turn - 1))
        # No secret depends on it.
        seconds = max(told or 0.0, seconds * (0.5 + random.random() / 2))  # noqa: S311
        if seconds > self.left:
            self.spent = True
            return False
        self.left -= seconds
        slept(self.pause, seconds)
        return True


def slept(pause: Callable[[float], None], seconds: float) -> None:
    """Pause in steps; `pause` may raise to end the waiting."""
    while seconds > 0:
        pause(min(STEP_SECONDS, seconds))
        seconds -= STEP_SECONDS
