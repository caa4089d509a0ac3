"""What can be wrong with the target of an export."""

from __future__ import annotations

from ...documented import Documented
from ...errors import BackboneError


class TargetFault(Documented):
    """What is wrong with a target, as one word."""

    TARGET_FULL = ("TargetFull", "The target has too little space for the export.")
    TARGET_MISSING = ("TargetMissing", "The target's folder does not exist.")
    TARGET_TAKEN = ("TargetTaken", "The target belongs to another plan.")
    TARGET_FAILED = ("TargetFailed", "The target does not accept files, or the system refused a call.")
    SUPERSEDED = ("Superseded", "Another export of the same name committed first; this one changed nothing.")


class TargetError(BackboneError):
    """The target could not take the export; `fault` names why. The last whole export is untouched."""

    def __init__(self, fault: TargetFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
