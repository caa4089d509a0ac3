"""When one watching client saw what happened to backbones: applied, probed, Ready, topics provisioned."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import kubernetes
from urllib3.exceptions import HTTPError

from backbone.vocabulary import LABEL_BACKBONE, ConditionType
from served_cluster import Ground

WATCH_SECONDS = 3600


@dataclass(slots=True)
class Life:
    """Seconds of the monotonic clock; None for what has not been seen yet."""

    applied: float | None = None
    probing: float | None = None
    probed: float | None = None
    ready: float | None = None
    provisioned: float | None = None

    @property
    def topics(self) -> float:
        """Seconds until each topic was found as the spec describes it."""
        return (self.provisioned or 0) - (self.applied or 0)

    @property
    def pods(self) -> float:
        """Seconds from the probe Job's creation to its end: the scheduler's, the volume's and the pod's."""
        return (self.probed or 0) - (self.probing or 0)

    @property
    def own(self) -> float:
        """Seconds until Ready without the pods'."""
        return (self.ready or 0) - (self.applied or 0) - self.pods


class Sightings:
    """Watches one namespace on two threads until it is closed."""

    def __init__(self, ground: Ground) -> None:
        self.lives: dict[str, Life] = {}
        self._closed = False
        self._ground = ground
        self._watches = [self._watch(ground.backbones, self._backbone)]
        self._watches.append(self._watch(("batch", "v1", ground.namespace, "jobs"), self._job))

    def life(self, name: str) -> Life:
        """Of one backbone."""
        return self.lives.setdefault(name, Life())

    def close(self) -> None:
        """End the watches; their threads end with the next event or with the process."""
        self._closed = True
        for watch in self._watches:
            watch.stop()

    def _watch(self, place: tuple[str, str, str, str], see: Callable[[dict[str, Any], float], None]) -> Any:
        api = kubernetes.client.CustomObjectsApi(self._ground.client)
        watching: Any = kubernetes.watch
        watch = watching.Watch()
        events = watch.stream(api.list_namespaced_custom_object, *place, timeout_seconds=WATCH_SECONDS)

        def run() -> None:
            try:
                for event in events:
                    see(event["object"], time.monotonic())
            except HTTPError:
                if not self._closed:
                    raise

        threading.Thread(target=run, name=f"watching {place[-1]}", daemon=True).start()
        return watch

    def _backbone(self, item: dict[str, Any], now: float) -> None:
        life = self.life(item["metadata"]["name"])
        life.applied = life.applied or now
        if life.ready is None and has(item, ConditionType.READY):
            life.ready = now
        if life.provisioned is None and has(item, ConditionType.TOPICS_PROVISIONED):
            life.provisioned = now

    def _job(self, item: dict[str, Any], now: float) -> None:
        name = item["metadata"].get("labels", {}).get(LABEL_BACKBONE)
        if name is None:
            return
        life = self.life(name)
        life.probing = life.probing or now
        if life.probed is None and (has(item, "Complete") or has(item, "Failed")):
            life.probed = now


def has(item: dict[str, Any], kind: str) -> bool:
    """Whether a condition is True."""
    conditions = item.get("status", {}).get("conditions", [])
    return any(entry["type"] == kind and entry["status"] == "True" for entry in conditions)
