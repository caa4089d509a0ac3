"""Ending a run between two steps when the process is told to stop.

A signal that raised inside a query would leave the database's transaction in a state that looks like a fault
of the store. So a signal only leaves a mark, and the run looks at it where stopping is safe.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(SystemExit):
    """The process was told to stop; the exit code is 128 and the signal's number."""


class StopRequest:
    """Whether a signal asked this process to stop."""

    def __init__(self) -> None:
        self._signal: int | None = None
        self._heeded = False

    @contextmanager
    def listening(self, told: Callable[[], None]) -> Iterator[None]:
        """Take SIGTERM and SIGINT as requests; `told` is called on the first, a second ends the process."""

        def request(number: int, _frame: FrameType | None) -> None:
            self._signal = number
            for each in _SIGNALS:
                signal.signal(each, signal.SIG_DFL)
            told()

        before = {number: signal.signal(number, request) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @property
    def exit_code(self) -> int:
        """128 and the number of the signal that came; 0 without one."""
        return 0 if self._signal is None else 128 + self._signal

    def check(self) -> None:
        """Raise Stopped if a signal came."""
        if self._signal is not None:
            raise Stopped(self.exit_code)

    def pause(self, seconds: float) -> None:
        """Sleep. Raises Stopped if a signal came meanwhile, unless it is heeded already."""
        time.sleep(seconds)
        if not self._heeded:
            self.check()

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """What is done meanwhile belongs to the end: no pause in it is cut short for the signal that came."""
        self._heeded = True
        try:
            yield
        finally:
            self._heeded = False
