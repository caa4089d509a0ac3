"""The IngestPlans of a namespace by backbone: listed once, and kept up to date by the watch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..conditions import parse_time
from ..ports.cluster import INGEST_PLAN, Cluster
from .observation import PlanReading

RELIST_SECONDS = 300.0
"""How old a list may be that the watch has kept up to date since: a watch can miss the end of an object."""

SHARED_SECONDS = 5.0
"""How old a list may be where a visit must not rely on the watch alone."""


@dataclass(frozen=True, slots=True)
class IndexedPlan:
    """A plan as it was last seen."""

    backbone: str
    reading: PlanReading
    version: int
    """Its resourceVersion: of two, the greater one is the later one."""
    gone: bool = False

    @classmethod
    def read(cls, raw: Mapping[str, Any], event: str | None = None) -> IndexedPlan:
        """Read a plan that was listed, or of which the watch told."""
        metadata = raw["metadata"]
        backbone = raw["spec"]["backboneRef"]["name"]
        return cls(backbone, _read(raw), int(metadata["resourceVersion"]), event == "DELETED")


@dataclass(slots=True)
class _Namespace:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    listed_at: float | None = None
    meanwhile: list[IndexedPlan] | None = None
    """What the watch told while the list that is under way was asked for."""
    backbones: dict[str, dict[str, IndexedPlan]] = field(default_factory=dict)

    def take(self, listed: Iterable[IndexedPlan]) -> None:
        """Begin anew with a list, and with what the watch told meanwhile."""
        self.backbones = {}
        for plan in (*listed, *(self.meanwhile or ())):
            self.note(plan)

    def note(self, plan: IndexedPlan) -> None:
        """Keep a plan unless a later version of it is known. Its backbone never changes."""
        plans = self.backbones.setdefault(plan.backbone, {})
        name = plan.reading.name
        if name not in plans or plans[name].version <= plan.version:
            plans[name] = plan
        if plans[name].gone:
            del plans[name]
        if not plans:
            del self.backbones[plan.backbone]


class Plans:
    """Plans by backbone. Raises what the port raises."""

    def __init__(self, cluster: Cluster, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._clock = clock
        self._namespaces: dict[str, _Namespace] = {}

    async def of(
        self, namespace: str, backbone: str, within: float = RELIST_SECONDS
    ) -> tuple[PlanReading, ...]:
        """The plans that refer to a backbone, of a list that is at most `within` seconds old."""
        known = self._namespaces.setdefault(namespace, _Namespace())
        async with known.lock:
            now = self._clock()
            if known.listed_at is None or now - known.listed_at > within:
                known.meanwhile = []
                try:
                    found = await self._cluster.list(INGEST_PLAN, namespace, {})
                    known.take(map(IndexedPlan.read, found))
                    known.listed_at = now
                finally:
                    known.meanwhile = None
        return tuple(plan.reading for plan in known.backbones.get(backbone, {}).values())

    def note(self, namespace: str, plan: IndexedPlan) -> None:
        """The watch told of a plan. Where the namespace was never listed, its first list will tell of it."""
        known = self._namespaces.get(namespace)
        if known is None:
            return
        if known.meanwhile is not None:
            known.meanwhile.append(plan)
        if known.listed_at is not None:
            known.note(plan)


def _read(raw: Mapping[str, Any]) -> PlanReading:
    status = raw.get("status") or {}
    last = status.get("lastRun") or {}
    end = _time(last.get("end"))
    stored = [_time(status.get("lastSuccess")), end if last.get("rows") else None]
    return PlanReading(
        raw["metadata"]["name"],
        last.get("outcome"),
        end,
        stored_at=max((moment for moment in stored if moment is not None), default=None),
        running=bool(status.get("activeRun")),
        dimensions=tuple(str(item.get("outcome")) for item in status.get("dimensions") or ()),
    )


def _time(text: object) -> datetime | None:
    try:
        return parse_time(str(text)) if text else None
    except ValueError:
        return None
