"""What of a watched object matters to whom: keys and marks. A mark that stays the same wakes nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from .naming import digest
from .ports.cluster import CLAIM, CONFIG_MAP, CRON_JOB, DATA_BACKBONE, JOB, POD, Kind
from .ports.readings import ChildReading, ClaimReading, CronJobReading, JobReading, PodReading, controller_of
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


def object_mark_of(body: Watched, event: str | None, *more: Hashable) -> Hashable | None:
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


READS: dict[str, Callable[[dict[str, Any]], object]] = {
    CLAIM.kind: ClaimReading.read,
    CONFIG_MAP.kind: ChildReading.read,
    CRON_JOB.kind: CronJobReading.read,
    JOB.kind: lambda raw: JobReading.read(raw, ()),
    POD.kind: PodReading.read,
}
"""What the rooms read of a child, by its kind."""


def child_mark_of(body: Watched, event: str | None) -> Hashable | None:
    """Digest of what the rooms read of a child; its other changes leave it as it is.

    None once the child is gone.
    """
    if event == "DELETED":
        return None
    raw = dict(body)
    reading = READS[raw["kind"]](raw)
    if isinstance(reading, ChildReading):
        # Neither says more than the fields that the operator owns: what others add beside them stays.
        reading = replace(reading, resource_version="", content="")
    if isinstance(reading, CronJobReading):
        # The Job that was made tells the same.
        reading = replace(reading, last_scheduled=None)
    labels = sorted((raw["metadata"].get("labels") or {}).items())
    return digest(repr((labels, controller_of(raw), reading)), length=16)


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
