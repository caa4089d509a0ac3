"""What can be wrong with the children of an object of any kind."""

from __future__ import annotations

from collections.abc import Iterable

from ..evaluation import Finding, Refusal
from ..ports.readings import ChildReading
from ..vocabulary import Reason


def name_taken(children: Iterable[ChildReading | None], uid: str, labels: dict[str, str]) -> Finding | None:
    """The first of these that exists and does not belong to the object of this uid."""
    for child in children:
        if child is not None and not child.belongs_to(uid, labels):
            message = f"{child.kind} {child.name} exists and belongs to somebody else; rename or remove it."
            return Finding(False, Reason.NAME_TAKEN, message, stuck=True)
    return None


def refused(refusal: Refusal) -> Finding:
    """A child that the API server refused: only a change of what was asked for helps, or of a right."""
    return Finding(False, refusal.reason, f"{refusal.child}: {refusal.message}", stuck=True)
