"""The Lease: who may take it, and when a holder has to give up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backbone import leadership as module
from backbone.errors import Conflict, Unreachable
from backbone.leadership import Leadership, Sighting, may_take

SEEN_AT_100 = Sighting(("somebody", "t"), 100.0)


@pytest.mark.parametrize(
    ("spec", "now", "expected"),
    [
        pytest.param({}, 100, True, id="a Lease without a holder may be taken"),
        pytest.param({"holderIdentity": ""}, 100, True, id="so may one that was given up"),
        pytest.param({"holderIdentity": "me"}, 100, True, id="so may our own"),
        pytest.param(
            {"holderIdentity": "you", "leaseDurationSeconds": 15}, 114, False, id="a holder is waited for"
        ),
        pytest.param(
            {"holderIdentity": "you", "leaseDurationSeconds": 15},
            115,
            True,
            id="a holder that was silent for as long as it said may be followed",
        ),
        pytest.param({"holderIdentity": "you"}, 114, False, id="a holder that said nothing has 15 seconds"),
    ],
)
def test_who_may_take_the_lease(spec: dict[str, Any], now: float, expected: bool) -> None:
    assert may_take(spec, "me", SEEN_AT_100, now) is expected


class OneLease:
    """A cluster that holds one Lease; `broken` says which calls go wrong."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.broken: Exception | None = None

    async def get(self, kind: object, namespace: str, name: str) -> dict[str, Any] | None:
        if self.broken:
            raise self.broken
        return self.lease

    async def create(self, document: dict[str, Any]) -> dict[str, Any] | None:
        if self.lease is not None:
            return None
        self.lease = {**document, "metadata": {**document["metadata"], "resourceVersion": "1"}}
        return self.lease

    async def replace(self, document: dict[str, Any]) -> dict[str, Any]:
        assert self.lease is not None
        version = self.lease["metadata"]["resourceVersion"]
        if document["metadata"]["resourceVersion"] != version:
            raise Conflict("older")
        metadata = {**document["metadata"], "resourceVersion": str(int(version) + 1)}
        self.lease = {**document, "metadata": metadata}
        return self.lease

    @property
    def holder(self) -> str:
        assert self.lease is not None
        return str(self.lease["spec"]["holderIdentity"])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.001)


@pytest.fixture
def cluster() -> OneLease:
    return OneLease()


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def leadership(cluster: OneLease, identity: str, clock: Clock) -> Leadership:
    return Leadership(cluster, "ns", "lease", identity, clock)  # type: ignore[arg-type]


async def test_the_first_one_makes_the_lease_and_the_second_waits_until_it_runs_out(
    cluster: OneLease,
) -> None:
    clock = Clock()
    await leadership(cluster, "first", clock).acquire()
    waiting = asyncio.create_task(leadership(cluster, "second", clock).acquire())
    await asyncio.sleep(0.02)
    assert cluster.holder == "first"
    clock.now = 14.0
    await asyncio.sleep(0.02)
    assert not waiting.done()
    clock.now = 15.0
    await asyncio.wait_for(waiting, 5)
    assert cluster.holder == "second"
    assert cluster.lease is not None
    assert cluster.lease["spec"]["leaseTransitions"] == 2


async def test_a_lease_that_is_renewed_is_not_taken_whatever_its_times_say(cluster: OneLease) -> None:
    clock = Clock()
    await leadership(cluster, "first", clock).acquire()
    waiting = asyncio.create_task(leadership(cluster, "second", clock).acquire())
    for number in range(5):
        clock.now += 14.0
        assert cluster.lease is not None
        spec = {**cluster.lease["spec"], "renewTime": f"1970-01-01T00:00:0{number}Z"}
        cluster.lease = {**cluster.lease, "spec": spec}
        await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()


async def test_a_lease_that_was_given_up_is_taken_at_once(cluster: OneLease) -> None:
    clock = Clock()
    first = leadership(cluster, "first", clock)
    await first.acquire()
    await first.release()
    await asyncio.wait_for(leadership(cluster, "second", clock).acquire(), 5)
    assert cluster.holder == "second"


async def test_a_renewal_still_on_its_way_does_not_keep_the_lease(cluster: OneLease) -> None:
    leader = leadership(cluster, "first", Clock())
    await leader.acquire()
    asked = cluster.get

    async def get_while_renewed(*where: Any) -> dict[str, Any] | None:
        seen = await asked(*where)
        assert cluster.lease is not None
        cluster.get = asked  # type: ignore[method-assign]
        await cluster.replace(cluster.lease)
        return seen

    cluster.get = get_while_renewed  # type: ignore[method-assign]
    await leader.release()
    assert cluster.holder == ""


async def test_only_the_holder_gives_the_lease_up(cluster: OneLease) -> None:
    clock = Clock()
    await leadership(cluster, "first", clock).acquire()
    await leadership(cluster, "second", clock).release()
    assert cluster.holder == "first"


async def test_a_leader_that_cannot_renew_for_ten_seconds_gives_up(cluster: OneLease) -> None:
    clock = Clock()
    leader = leadership(cluster, "first", clock)
    await leader.acquire()
    holding = asyncio.create_task(leader.hold())
    cluster.broken = Unreachable("no answer")
    clock.now = 9.9
    await asyncio.sleep(0.02)
    assert not holding.done()
    cluster.broken = None
    await asyncio.sleep(0.02)
    cluster.broken = Unreachable("no answer")
    clock.now = 19.8
    await asyncio.sleep(0.02)
    assert not holding.done(), "it was renewed in between"
    clock.now = 20.0
    await asyncio.wait_for(holding, 5)


async def test_a_leader_that_was_frozen_gives_up_when_another_one_leads(cluster: OneLease) -> None:
    clock = Clock()
    frozen = leadership(cluster, "first", clock)
    await frozen.acquire()
    assert cluster.lease is not None
    spec = {**cluster.lease["spec"], "holderIdentity": "second", "renewTime": "later"}
    cluster.lease = {**cluster.lease, "spec": spec}
    await asyncio.wait_for(frozen.hold(), 5)
    assert cluster.holder == "second"


async def test_a_term_counts_from_before_the_write_that_began_it(cluster: OneLease) -> None:
    clock = Clock()
    leader = leadership(cluster, "first", clock)
    created = cluster.create

    async def answered_late(*what: Any) -> Any:
        made = await created(*what)
        clock.now = 9.0
        return made

    cluster.create = answered_late  # type: ignore[method-assign]
    await leader.acquire()
    cluster.broken = Unreachable("no answer")
    clock.now = 10.0
    await asyncio.wait_for(leader.hold(), 5)
