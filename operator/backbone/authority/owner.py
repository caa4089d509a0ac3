"""Whose a database is: one backbone's, so that no other one writes there unasked; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Owner:
    """A backbone, by what stays the same when its object is created again.

    `cluster` is the uid of the namespace kube-system; without a cluster it is a mark of the data folder.
    """

    cluster: str
    namespace: str
    name: str

    def told_to(self, other: Owner) -> str:
        """The backbone in words for another one: what differs, and no more."""
        named = f"DataBackbone {'/'.join(filter(None, (self.namespace, self.name)))}"
        where = "of another cluster or data folder" if self.cluster != other.cluster else "of this cluster"
        return f"{named} {where} ({self.cluster})"


@dataclass(frozen=True, slots=True)
class Guard:
    """What a database says of itself: whose it is, and its mark, which it got when it was first taken."""

    owner: Owner
    mark: str


class Standing(Enum):
    """How a database stands to a backbone."""

    OURS = "ours"
    FREE = "free"
    TAKEN = "taken"
    REPLACED = "replaced"


def judge(owner: Owner, guard: Guard | None, expected: str | None, *, empty: bool) -> Standing:
    """How a database stands to a backbone.

    `expected` is the mark of the database that the backbone's rows are in: None where they are in none yet,
    empty where the mark is not known. `empty` is whether the database has no schema of ours. One with a
    schema and without an owner was made by an earlier version, or by a migration alone.
    """
    if guard is not None and guard.owner != owner:
        return Standing.TAKEN
    if expected is not None and (empty or (expected and (guard is None or guard.mark != expected))):
        return Standing.REPLACED
    return Standing.FREE if guard is None else Standing.OURS
