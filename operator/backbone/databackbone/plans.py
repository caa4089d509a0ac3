"""The IngestPlans of a namespace, looked at once for all backbones that are visited at about one time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ..conditions import parse_time
from ..ports.cluster import INGEST_PLAN, Cluster, JsonObject
from .observation import PlanReading

SHARED_SECONDS = 5.0
"""How old a look may be. A plan that is seen to change makes it void at once; without a watch, the next visit
sees what changed so many seconds before it."""

ByBackbone = Mapping[str, tuple[PlanReading, ...]]


@dataclass(slots=True)
class _Look:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    plans: ByBackbone | None = None
    at: float = 0.0
    voided: int = 0
    """How often it was made void: what was asked for before is not kept."""


class Plans:
    """Plans by backbone. Raises what the port raises."""

    def __init__(self, cluster: Cluster, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._clock = clock
        self._looks: dict[str, _Look] = {}

    async def of(self, namespace: str, backbone: str) -> tuple[PlanReading, ...]:
        """The plans that refer to a backbone."""
        look = self._looks.setdefault(namespace, _Look())
        async with look.lock:
            plans, now = look.plans, self._clock()
            if plans is None or now - look.at > SHARED_SECONDS:
                voided = look.voided
                plans = _by_backbone(await self._cluster.list(INGEST_PLAN, namespace, {}))
                look.plans, look.at = (plans if look.voided == voided else None), now
        return plans.get(backbone, ())

    def void(self, namespace: str) -> None:
        """A plan of the namespace has changed."""
        look = self._looks.get(namespace)
        if look is not None:
            look.plans = None
            look.voided += 1


def _by_backbone(found: list[JsonObject]) -> ByBackbone:
    plans: dict[str, list[PlanReading]] = {}
    for raw in found:
        plans.setdefault(raw["spec"]["backboneRef"]["name"], []).append(_read(raw))
    return {name: tuple(readings) for name, readings in plans.items()}


def _read(raw: JsonObject) -> PlanReading:
    last = (raw.get("status") or {}).get("lastRun") or {}
    end = _time(last.get("end"))
    stored = [_time((raw.get("status") or {}).get("lastSuccess")), end if last.get("rows") else None]
    return PlanReading(
        raw["metadata"]["name"],
        last.get("outcome"),
        end,
        stored_at=max((moment for moment in stored if moment is not None), default=None),
        running=bool((raw.get("status") or {}).get("activeRun")),
    )


def _time(text: object) -> datetime | None:
    try:
        return parse_time(str(text)) if text else None
    except ValueError:
        return None
