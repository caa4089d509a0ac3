"""The conditions that every kind has: the summary, Reconciling and Stalled, as kstatus reads them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..documented import Severity
from ..evaluation import Finding
from ..vocabulary import Reason

NOTHING_LEFT = "Nothing is left to do for the current spec."
GOES_ON = "The operator retries by itself."


@dataclass(frozen=True, slots=True)
class Summary:
    """What is true of the whole object. Of the other two at most one is True."""

    found: Finding
    """The summary condition, Ready or Succeeded."""
    reconciling: Finding
    stalled: Finding


def summarize(
    found: Finding,
    *,
    beside: Iterable[Finding] = (),
    behind: Finding | None = None,
    moving: bool = True,
    settled: str = NOTHING_LEFT,
) -> Summary:
    """Say what the summary means for Reconciling and Stalled.

    `beside` are findings that stall the object too if they are stuck, though the summary does not speak of
    them. `behind` is what is left to do where the summary is True. `moving` is whether the operator itself
    works on a summary that is not True. `settled` is what Reconciling says where nothing is left to do.
    """
    stalled = next((item for item in (found, *beside) if item.stuck), None)
    return Summary(
        found,
        _reconciling(found, behind, settled, moving=moving and stalled is None),
        Finding(True, stalled.reason, stalled.message)
        if stalled is not None
        else Finding(False, Reason.SETTLED, GOES_ON),
    )


def _reconciling(found: Finding, behind: Finding | None, settled: str, *, moving: bool) -> Finding:
    left = behind if found.holds is True else found
    if not moving or left is None or found.reason.severity is Severity.PAUSED:
        return Finding(False, Reason.SETTLED, settled)
    return Finding(True, Reason.PROGRESSING, left.message)
