"""Connecting while a password changes: the server may refuse the old one before a pod has the new one."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from ...errors import Rejected
from ...ports.database import DatabaseError, DatabaseFault
from .bounded import BoundedConnection
from .session import connect
from .settings import ConnectionSettings

ROTATION = timedelta(minutes=2)
"""Within which a changed Secret is in its pods, by Kubernetes' word, and somebody has changed both sides."""
LOOK_SECONDS = 2.0


class RotatingConnector:
    """Makes connections by settings that are read anew where the server refuses user or password.

    `again` gives what the Secret says now; while it raises Rejected it is taken to be half written. Without
    it the settings stay what they are, and a refusal is final. `pause` waits between two tries and may raise
    to give up. Once two minutes were in vain nobody waits again.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        again: Callable[[], ConnectionSettings] | None,
        pause: Callable[[float], None] = time.sleep,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.settings = settings
        self._again = again
        self._pause = pause
        self._tell = tell
        self._tired = False

    def connect(self, application: str) -> BoundedConnection:
        """A connection with that name on the server. Raises DatabaseError as session.connect does."""
        until, told = time.monotonic() + ROTATION.total_seconds(), False
        while True:
            try:
                return connect(replace(self.settings, application=application))
            except DatabaseError as error:
                refused = error.fault is DatabaseFault.AUTHENTICATION_FAILED
                if self._tired or self._again is None or not refused:
                    raise
                if not told:
                    seconds = f"{ROTATION.total_seconds():g} s"
                    self._tell(f"{error}; it may be changing: reading the Secret again for {seconds}")
                told = True
            # Whoever gives up in the pause, or in the end, still has to say so in the journal, at once.
            self._tired = True
            self._pause(LOOK_SECONDS)
            self._tired = time.monotonic() >= until
            with suppress(Rejected):
                self.settings = self._again()
