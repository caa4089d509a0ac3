"""Brings a database's policies to what a backbone wishes, one small step after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ..ports.policies import DesiredPolicies, PolicyChange, PolicyReport
from .timescale_settings import ConnectionSettings


class Policies:
    """The policies of the database of some settings, which has been migrated. Every call raises DatabaseError."""

    def __init__(self, settings: ConnectionSettings, desired: DesiredPolicies) -> None:
        self._settings = settings
        self._desired = desired

    def plan(self, confirmed: Collection[str] = ()) -> PolicyReport:
        """What `reconcile` would do now; it changes nothing and waits for nobody."""
        raise NotImplementedError

    def reconcile(
        self,
        confirmed: Collection[str] = (),
        progress: Callable[[PolicyChange], None] = lambda _: None,
    ) -> PolicyReport:
        """Do what is wished, and tell each change; what would lose rows only where its token is among `confirmed`.

        Raises DatabaseError with EXTENSION_MISSING where the server is no TimescaleDB, POLICY_REFUSED where
        the wish contradicts itself, LOCKED where a migration is under way for longer than the wait.
        """
        raise NotImplementedError
