"""What of a watched object matters to whom: keys and marks. A mark that stays the same wakes nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from .ports.cluster import DATA_BACKBONE, Kind
from .visits import Key

Watched = Mapping[str, Any]


def key_of(kind: Kind, body: Watched) -> Key:
    """The watched object itself."""
    return Key(kind.kind, body["metadata"]["namespace"], body["metadata"]["name"])


def backbone_of(body: Watched) -> Key:
    """The backbone that a watched object refers to."""
    return Key(DATA_BACKBONE.kind, body["metadata"]["namespace"], body["spec"]["backboneRef"]["name"])


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


class Referring:
    """Which objects of a kind refer to which backbone, as far as the watch has told."""

    def __init__(self) -> None:
        self._of: dict[Key, Key] = {}
        self._objects: defaultdict[Key, set[Key]] = defaultdict(set)

    def note(self, body: Watched, event: str | None, key: Key) -> None:
        """The watch told of an object."""
        self._forget(key)
        if event != "DELETED":
            backbone = backbone_of(body)
            self._of[key] = backbone
            self._objects[backbone].add(key)

    def to(self, backbone: Key) -> Iterable[Key]:
        """The objects that refer to a backbone."""
        return tuple(self._objects.get(backbone, ()))

    def _forget(self, key: Key) -> None:
        backbone = self._of.pop(key, None)
        if backbone is not None:
            self._objects[backbone].discard(key)
            if not self._objects[backbone]:
                del self._objects[backbone]
