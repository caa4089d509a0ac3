"""One leader at a time, by a Lease of coordination.k8s.io.

A Lease does not stop a leader that was frozen. So the operator's work starts only once the Lease is held,
ends when it cannot be renewed in time, and every effect carries a resourceVersion or a name that follows from
its cause. Expiry is measured by this process's own clock, from when it saw the Lease change: clocks of two
nodes are never compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .errors import Conflict, Rejected, Unreachable
from .ports.cluster import LEASE, Cluster, JsonObject

logger = logging.getLogger(__name__)

LASTS = 15.0
"""Seconds that others wait for the holder's next sign of life."""
RENEW_WITHIN = 10.0
"""Seconds after which a leader that could not renew gives up; below LASTS, so that two never overlap."""
EVERY = 2.0
RELEASE_WITHIN = 4.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """A Lease's content, and when it was first seen so, by this process's clock."""

    mark: tuple[str, str]
    at: float


def may_take(spec: dict[str, Any], identity: str, sighting: Sighting, now: float) -> bool:
    """Whether the Lease is ours, nobody's, or its holder has been silent for as long as it said it may be."""
    holder = spec.get("holderIdentity") or ""
    lasts = float(spec.get("leaseDurationSeconds") or LASTS)
    return holder in {"", identity} or now - sighting.at >= lasts


class Leadership:
    """A process's claim to a Lease."""

    def __init__(
        self, cluster: Cluster, namespace: str, name: str, identity: str, monotonic: Callable[[], float]
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._monotonic = monotonic
        self._sighting: Sighting | None = None
        self._renewed = 0.0
        """When the renewal that stands was begun: others count from its write, which came later."""
        self._reached = True
        """Whether the last attempt had an answer: a silence is told when it begins and when it ends."""
        self.holder = ""
        """Who was seen to hold it last."""

    async def acquire(self) -> None:
        """Wait until the Lease is ours, for as long as it takes."""
        while True:
            before, self._renewed = self.holder, self._monotonic()
            if await self._attempt():
                break
            if self.holder not in {"", before}:
                logger.info("standing by: %s leads", self.holder)
            await asyncio.sleep(EVERY)
        logger.info("leading as %s", self._identity)

    async def hold(self) -> None:
        """Renew until that fails for too long, or somebody else holds the Lease; then return."""
        while self._monotonic() - self._renewed < RENEW_WITHIN:
            await asyncio.sleep(EVERY)
            started = self._monotonic()
            if await self._attempt(RENEW_WITHIN - (started - self._renewed)):
                self._renewed = started
            elif self.holder not in {"", self._identity}:
                logger.error("the Lease was taken by %s", self.holder)
                return
        logger.error("the Lease could not be renewed for %.0f seconds", RENEW_WITHIN)

    async def release(self) -> None:
        """Give the Lease up, so that a standby need not wait for it to run out."""
        with contextlib.suppress(Unreachable, Rejected, TimeoutError):
            async with asyncio.timeout(RELEASE_WITHIN):
                while not await self._released():  # noqa: ASYNC110 - the Lease is the API server's, not ours
                    await asyncio.sleep(RELEASE_WITHIN / 20)

    async def _released(self) -> bool:
        lease = await self._cluster.get(LEASE, self._namespace, self._name)
        spec = (lease or {}).get("spec") or {}
        if lease is None or spec.get("holderIdentity") != self._identity:
            return True
        try:
            await self._cluster.replace({**lease, "spec": {**spec, "holderIdentity": ""}})
        except Conflict:
            # A renewal was still on its way when this process was told to end.
            return False
        return True

    async def _attempt(self, seconds: float = RENEW_WITHIN) -> bool:
        try:
            async with asyncio.timeout(max(seconds, 0.1)):
                taken = await self._take_or_renew()
        except Conflict:
            return False
        except (Unreachable, Rejected, TimeoutError) as error:
            if self._reached:
                logger.warning("the Lease could not be reached: %s", str(error) or "no answer in time")
            self._reached = False
            return False
        if not self._reached:
            logger.info("the Lease is reached again")
        self._reached = True
        return taken

    async def _take_or_renew(self) -> bool:
        lease = await self._cluster.get(LEASE, self._namespace, self._name)
        if lease is None:
            fresh = lease_of(self._namespace, self._name, lease_spec({}, self._identity, LASTS))
            return await self._cluster.create(fresh) is not None
        spec = lease.get("spec") or {}
        self.holder = spec.get("holderIdentity") or ""
        self._sighting = sighted(self._sighting, spec, self._monotonic())
        if not may_take(spec, self._identity, self._sighting, self._monotonic()):
            return False
        await self._cluster.replace({**lease, "spec": lease_spec(spec, self._identity, LASTS)})
        self.holder = self._identity
        return True


def lease_spec(before: dict[str, Any], identity: str, lasts: float) -> JsonObject:
    """The spec of a Lease that is taken or renewed now, after what it was."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    ours = before.get("holderIdentity") == identity
    return {
        "holderIdentity": identity,
        "leaseDurationSeconds": int(lasts),
        "acquireTime": before.get("acquireTime", now) if ours else now,
        "renewTime": now,
        "leaseTransitions": int(before.get("leaseTransitions") or 0) + (0 if ours else 1),
    }


def lease_of(namespace: str, name: str, spec: JsonObject) -> JsonObject:
    """A Lease that is not there yet."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}


def sighted(before: Sighting | None, spec: JsonObject, now: float) -> Sighting:
    """The last sign of life in a Lease: the one known, unless holder or time of renewal have changed."""
    mark = (str(spec.get("holderIdentity") or ""), str(spec.get("renewTime")))
    return before if before is not None and before.mark == mark else Sighting(mark, now)
