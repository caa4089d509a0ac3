"""What a store raises."""

from __future__ import annotations

from ..errors import BackboneError
from ..vocabulary import Outcome
from .database import DatabaseFault


class StoreError(BackboneError):
    """The store could not do what was asked; `outcome` names why. The last published copy is untouched.

    `fault` is what was wrong with the database, as one that is dead and one that refuses a password have one
    outcome; None where no database was at fault.
    """

    def __init__(self, outcome: Outcome, message: str, fault: DatabaseFault | None = None) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.fault = fault


class StoreCorrupt(StoreError):
    """The store's content does not read back; what was found corrupt has been set aside."""

    def __init__(self, message: str) -> None:
        super().__init__(Outcome.STORE_FAILED, message)


class NothingPublished(BackboneError):
    """No run has published a copy for readers yet; `found` says so without the `advice` to who may write."""

    def __init__(self, found: str, advice: str = "") -> None:
        super().__init__(f"{found}; {advice}" if advice else found)
        self.found = found
