"""Which operator serves a namespace: the one whose release holds a Lease there.

Two releases whose namespaces overlap would undo each other's work at every visit. So a namespace with
objects of ours has a Lease, and who does not hold it stands by there, whether it serves all or a list.

The holder is a release and not a process: within a release the leader's own Lease decides, and its next
leader goes on at once. It is not given up when a process ends, since each upgrade would hand the namespace
over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from .decisions import log_decision
from .errors import Conflict, Rejected, Unreachable, Waiting
from .evaluation import Notice
from .leadership import Sighting, lease_of, lease_spec, may_take, sighted
from .ports.cluster import LEASE, Cluster, JsonObject
from .vocabulary import Reason

logger = logging.getLogger(__name__)

LEASE_NAME = "databackbone-served-by"
LASTS = 30.0
"""Seconds that other operators wait for the holder's next sign of life."""
RENEW_EVERY = 10.0
GOOD_FOR = 20.0
"""Seconds after which a holder that could not renew stands by; below LASTS, so that two never overlap."""
ASK_EVERY = 5.0
"""Seconds between two looks at a Lease that somebody else holds."""

Tell = Callable[[JsonObject, Notice], None]


@dataclass(slots=True)
class _Claim:
    """What is known of one namespace. Times are this process's monotonic clock."""

    lease: JsonObject | None = None
    """As it was written last: most renewals need no look before."""
    renewed: float | None = None
    """When the renewal that stands was begun."""
    asked: float | None = None
    """When somebody else was seen to hold it last."""
    sighting: Sighting | None = None
    other: str | None = None
    """The other release that holds it."""
    untold: JsonObject | None = None
    """The Lease of that release, until an event has told of it."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Serving:
    """A release's claims to the namespaces in which it has something to do."""

    def __init__(self, cluster: Cluster, release: str, monotonic: Callable[[], float], tell: Tell) -> None:
        self._cluster = cluster
        self._release = release
        self._monotonic = monotonic
        self._tell = tell
        self._claims: dict[str, _Claim] = {}

    async def serves(self, namespace: str) -> bool:
        """Whether this release serves the namespace, which it claims where nobody does.

        Raises Unreachable where that cannot be found out, Denied where it may not, and Waiting while the
        namespace is being deleted.
        """
        claim = self._claims.setdefault(namespace, _Claim())
        async with claim.lock:
            if not self._holds(claim) and self._may_ask(claim):
                try:
                    await self._take(namespace, claim)
                except Rejected as error:
                    raise Unreachable(f"Lease {LEASE_NAME} is refused: {error}") from error
            untold, claim.untold = claim.untold, None
            if untold is not None:
                message = f"Operator {self._release} stands by in namespace {namespace}: {_why(claim.other)}."
                self._tell(untold, Notice("Warning", Reason.STANDING_BY, message))
            return self._holds(claim)

    async def renew(self, namespaces: Callable[[], Collection[str]]) -> None:
        """Renew what is held of the namespaces with objects, until cancelled; forget the others."""
        while True:
            await asyncio.sleep(RENEW_EVERY)
            live = namespaces()
            for gone in self._claims.keys() - set(live):
                del self._claims[gone]
            held = {name: claim for name, claim in self._claims.items() if claim.renewed is not None}
            await asyncio.gather(*(self._renew(name, claim) for name, claim in held.items()))

    def standing_by(self) -> int:
        """In how many namespaces with objects somebody else serves."""
        return sum(claim.other is not None for claim in self._claims.values())

    async def _renew(self, namespace: str, claim: _Claim) -> None:
        async with claim.lock:
            try:
                async with asyncio.timeout(RENEW_EVERY):
                    await self._take(namespace, claim)
            except (Unreachable, Rejected, Waiting, TimeoutError) as error:
                # Visits say what the API server does not answer; the claim runs out by itself.
                logger.debug("the Lease of %s could not be renewed: %s", namespace, error)

    def _holds(self, claim: _Claim) -> bool:
        return claim.renewed is not None and self._monotonic() - claim.renewed < GOOD_FOR

    def _may_ask(self, claim: _Claim) -> bool:
        return claim.asked is None or self._monotonic() - claim.asked >= ASK_EVERY

    async def _take(self, namespace: str, claim: _Claim) -> None:
        """Take or renew the Lease, or note who holds it. A Lease that changed is looked at once more."""
        for _ in range(2):
            begun = self._monotonic()
            lease = claim.lease or await self._cluster.get(LEASE, namespace, LEASE_NAME)
            spec = (lease or {}).get("spec") or {}
            if lease is not None and not self._free(spec, claim):
                self._stand_by(namespace, claim, lease)
                return
            try:
                written = await self._write(namespace, lease, spec)
            except Conflict:
                written = None
            claim.lease = written
            if written is not None:
                self._serve(namespace, claim, begun)
                return

    async def _write(self, namespace: str, lease: JsonObject | None, spec: JsonObject) -> JsonObject | None:
        wanted = lease_spec(spec, self._release, LASTS)
        if lease is not None:
            return await self._cluster.replace({**lease, "spec": wanted})
        return await self._cluster.create(lease_of(namespace, LEASE_NAME, wanted))

    def _free(self, spec: JsonObject, claim: _Claim) -> bool:
        now = self._monotonic()
        claim.sighting = sighted(claim.sighting, spec, now)
        return may_take(spec, self._release, claim.sighting, now)

    def _serve(self, namespace: str, claim: _Claim, begun: float) -> None:
        before, claim.other, claim.untold, claim.asked = claim.other, None, None, None
        claim.renewed = begun
        if before is not None:
            why = f"{before} gave no sign of life for {LASTS:.0f} seconds"
            log_decision(f"Namespace/{namespace}", "serves from now on", why)

    def _stand_by(self, namespace: str, claim: _Claim, lease: JsonObject) -> None:
        holder = str(lease["spec"]["holderIdentity"])
        claim.lease, claim.renewed, claim.asked = None, None, self._monotonic()
        if claim.other == holder:
            return
        claim.other, claim.untold = holder, lease
        log_decision(f"Namespace/{namespace}", "stands by", _why(holder), level=logging.WARNING)


def _why(holder: str | None) -> str:
    return f"operator {holder} serves it, by Lease {LEASE_NAME}"
