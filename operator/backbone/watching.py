"""What of a watched object matters to whom: keys and marks. A mark that stays the same wakes nobody."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from .ports.cluster import Kind
from .visits import Key

Watched = Mapping[str, Any]


def key_of(kind: Kind, body: Watched) -> Key:
    """The watched object itself."""
    return Key(kind.kind, body["metadata"]["namespace"], body["metadata"]["name"])


def key_by_label(kind: Kind, body: Watched, label: str) -> Key:
    """The object that the label names as the owner."""
    return Key(kind.kind, body["metadata"]["namespace"], body["metadata"]["labels"][label])


def mark_of(body: Watched, event: str | None, *more: Hashable) -> Hashable | None:
    """What a user can change about one of our objects; our own writes of its status leave it as it is.

    None once the object is gone.
    """
    metadata = body["metadata"]
    if event == "DELETED":
        return None
    annotations = tuple(sorted((metadata.get("annotations") or {}).items()))
    return (
        metadata["uid"],
        metadata.get("generation"),
        metadata.get("deletionTimestamp"),
        annotations,
        *more,
    )
