"""A pool that follows its Secret: what changes in the mounted folder is taken over while the pool is used."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Self

from ...errors import Rejected
from ...ports.database import DatabaseFault, DatabaseFinding
from .pool import DatabasePool
from .settings import from_folder, settings_fault

LOOK_SECONDS = 10.0
"""Between two looks at the Secret; Kubernetes takes up to a minute to bring a changed one."""
_END_SECONDS = 15.0
"""A look in the middle of a connection that does not come about ends in this time."""

log = logging.getLogger(__name__)
log.addHandler(logging.NullHandler())  # a program that wants no log gets none on its stderr


class SecretWatch:
    """Hands what a Secret's folder says to a pool, again and again for as long as the block lasts.

    The folder may be one that Kubernetes mounts, whose files change all at once, or one whose files somebody
    writes. A change is tried before it is used, and again at each look until it leads in, since a password
    may change here before it does on the server; meanwhile the pool works with what it had, and `trouble`
    says what is wrong. Limits of the pool stay as they are.
    """

    def __init__(self, pool: DatabasePool, folder: Path, seconds: float = LOOK_SECONDS) -> None:
        self._pool = pool
        self._folder = folder
        self._seconds = seconds
        self._looking = Lock()
        self._ending = Event()
        self._thread = Thread(target=self._run, name="secret-watch", daemon=True)
        self._trouble: DatabaseFinding | None = None

    @property
    def trouble(self) -> DatabaseFinding | None:
        """Why the Secret as it is now was not taken; None where the pool works with it."""
        return self._trouble

    def look(self) -> DatabaseFinding | None:
        """Look now instead of soon; why what is there was not taken."""
        with self._looking:
            found = self._taken()
            if found is not None and found != self._trouble:
                log.warning("settings not taken: %s", found.message)
            self._trouble = found
        return found

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        while not self._ending.wait(self._seconds):
            self.look()

    def _taken(self) -> DatabaseFinding | None:
        try:
            told, present = from_folder(self._folder.name, self._folder), self._pool.settings
            return self._pool.renew(
                replace(
                    present,
                    host=told.host,
                    port=told.port,
                    database=told.database,
                    user=told.user,
                    password=told.password,
                    tls=told.tls,
                    channel_binding=told.channel_binding,
                    authority=told.authority,
                )
            )
        except Rejected as error:
            return DatabaseFinding(settings_fault(error), str(error))
        except Exception as error:  # noqa: BLE001 - nothing ends the watch but its owner
            return DatabaseFinding(
                DatabaseFault.FAILED, f"cannot look at Secret {self._folder.name}: {type(error).__name__}"
            )
