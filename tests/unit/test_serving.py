"""A namespace has one operator: who serves, who stands by, and when that changes."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from backbone import serving as module
from backbone.errors import Conflict, Rejected, Unreachable
from backbone.serving import ASK_EVERY, GOOD_FOR, LASTS, LEASE_NAME, Serving


class Leases:
    """A cluster that holds Leases; `broken` is raised by every call."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.broken: Exception | None = None
        self.calls = 0

    async def get(self, kind: object, namespace: str, name: str) -> dict[str, Any] | None:
        self._called(name)
        return self.kept.get(namespace)

    async def create(self, document: dict[str, Any]) -> dict[str, Any] | None:
        namespace = document["metadata"]["namespace"]
        self._called(document["metadata"]["name"])
        return None if namespace in self.kept else self._keep(namespace, document, 1)

    async def replace(self, document: dict[str, Any]) -> dict[str, Any]:
        namespace = document["metadata"]["namespace"]
        self._called(document["metadata"]["name"])
        version = self.kept.get(namespace, {"metadata": {"resourceVersion": None}})["metadata"][
            "resourceVersion"
        ]
        if document["metadata"]["resourceVersion"] != version:
            raise Conflict("older")
        return self._keep(namespace, document, int(version) + 1)

    def holder(self, namespace: str = "ns") -> str:
        return str(self.kept[namespace]["spec"]["holderIdentity"])

    def _called(self, name: str) -> None:
        assert name == LEASE_NAME
        self.calls += 1
        if self.broken is not None:
            raise self.broken

    def _keep(self, namespace: str, document: dict[str, Any], version: int) -> dict[str, Any]:
        metadata = {**document["metadata"], "resourceVersion": str(version)}
        self.kept[namespace] = {**document, "metadata": metadata}
        return self.kept[namespace]


class World:
    """Leases, a clock that the test turns, and what was told."""

    def __init__(self) -> None:
        self.leases, self.now = Leases(), 0.0
        self.told: list[tuple[str, str, str]] = []

    def operator(self, release: str) -> Serving:
        def tell(body: Any, notice: Any) -> None:
            self.told.append((body["metadata"]["name"], notice.reason, notice.message))

        return Serving(self.leases, release, lambda: self.now, tell)  # type: ignore[arg-type]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(module, "RENEW_EVERY", 0.001)
    return World()


async def renewed(operator: Serving, *namespaces: str) -> None:
    """A while of renewals for namespaces with objects."""
    task = asyncio.create_task(operator.renew(lambda: namespaces))
    await asyncio.sleep(0.02)
    task.cancel()


async def test_the_first_serves_and_the_second_stands_by_and_says_so_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = world.operator("a/operator"), world.operator("b/operator")
    with caplog.at_level(logging.INFO):
        assert await first.serves("ns")
        for _ in range(3):
            assert not await second.serves("ns")
            world.now += ASK_EVERY
    assert world.leases.holder() == "a/operator"
    assert (first.standing_by(), second.standing_by()) == (0, 1)
    why = f"operator a/operator serves it, by Lease {LEASE_NAME}"
    assert world.told == [
        (LEASE_NAME, "StandingBy", f"Operator b/operator stands by in namespace ns: {why}.")
    ]
    assert [record.getMessage() for record in caplog.records] == ["Namespace/ns: stands by"]


async def test_each_namespace_is_a_matter_of_its_own(world: World) -> None:
    everywhere, one = world.operator("a/operator"), world.operator("b/operator")
    assert await one.serves("markets")
    assert not await everywhere.serves("markets")
    assert await everywhere.serves("research")


async def test_a_second_one_asks_no_more_often_than_it_has_to(world: World) -> None:
    first, second = world.operator("a/operator"), world.operator("b/operator")
    await first.serves("ns")
    await second.serves("ns")
    calls = world.leases.calls
    for _ in range(100):
        assert not await second.serves("ns")
    assert world.leases.calls == calls


async def test_a_holder_that_is_silent_is_followed(world: World) -> None:
    first, second = world.operator("a/operator"), world.operator("b/operator")
    await first.serves("ns")
    await second.serves("ns")
    world.now = LASTS - 0.1
    assert not await second.serves("ns")
    world.now = LASTS + ASK_EVERY
    assert await second.serves("ns")
    assert second.standing_by() == 0
    assert not await first.serves("ns"), "who was silent for so long serves no longer"


async def test_a_holder_that_renews_is_not_followed(world: World) -> None:
    first, second = world.operator("a/operator"), world.operator("b/operator")
    await first.serves("ns")
    for _ in range(5):
        world.now += ASK_EVERY + 1
        await renewed(first, "ns")
        assert not await second.serves("ns")
    assert await first.serves("ns")


async def test_the_next_leader_of_the_same_release_goes_on_at_once(world: World) -> None:
    assert await world.operator("a/operator").serves("ns")
    assert await world.operator("a/operator").serves("ns")
    assert world.told == []


async def test_who_could_not_renew_stops_before_another_one_may_begin(world: World) -> None:
    first = world.operator("a/operator")
    await first.serves("ns")
    world.leases.broken = Unreachable("no answer")
    world.now = GOOD_FOR - 0.1
    await renewed(first, "ns")
    assert await first.serves("ns")
    world.now = GOOD_FOR
    with pytest.raises(Unreachable):
        await first.serves("ns")
    assert GOOD_FOR < LASTS


async def test_a_lease_that_somebody_deleted_is_made_again(world: World) -> None:
    first = world.operator("a/operator")
    await first.serves("ns")
    world.leases.kept.clear()
    await renewed(first, "ns")
    assert world.leases.holder() == "a/operator"


async def test_a_namespace_without_objects_is_let_go(world: World) -> None:
    first, second = world.operator("a/operator"), world.operator("b/operator")
    await first.serves("ns")
    await second.serves("ns")
    await renewed(first)
    calls = world.leases.calls
    await renewed(first)
    assert world.leases.calls == calls
    world.now = LASTS + ASK_EVERY
    assert await second.serves("ns")


async def test_a_lease_that_is_refused_is_no_bug(world: World) -> None:
    world.leases.broken = Rejected("exceeded quota: count/leases")
    with pytest.raises(Unreachable, match="exceeded quota"):
        await world.operator("a/operator").serves("ns")
