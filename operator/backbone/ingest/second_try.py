"""One more try of a run whose store was gone for a moment: a server that restarts, a session that ended."""

from __future__ import annotations

from collections.abc import Callable

from ..ports.database import DatabaseFault
from ..ports.store_errors import StoreError

PAUSE_SECONDS = 10.0
"""Longer than a server takes to restart. A run makes one such pause in all."""

_PASSES = frozenset(
    {
        DatabaseFault.NAME_NOT_RESOLVED,
        DatabaseFault.CONNECTION_REFUSED,
        DatabaseFault.CONNECTION_TIMED_OUT,
        DatabaseFault.TOO_MANY_CONNECTIONS,
        DatabaseFault.SERVER_NOT_READY,
        DatabaseFault.CONNECTION_LOST,
    }
)


class SecondTry:
    """Whether a run may begin again. `pause` waits, and may raise to give up."""

    def __init__(self, pause: Callable[[float], None], progress: Callable[[str], None]) -> None:
        self._pause = pause
        self._progress = progress
        self.taken = 0
        """How often it was granted: once at most."""
        self.first = ""
        """How the first try ended; empty without a second one."""

    def grants(self, error: StoreError) -> bool:
        """Whether the run may begin again after this end of it, which is then waited for."""
        if self.taken or error.fault not in _PASSES:
            return False
        self.taken, self.first = 1, f"the first try ended with {error.outcome}: {error}"
        self._progress(f"{error}; trying once more in {PAUSE_SECONDS:g} s")
        self._pause(PAUSE_SECONDS)
        return True
