"""The plans of a namespace, looked at once for many backbones, and never kept past a change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from backbone.databackbone.plans import SHARED_SECONDS, Plans
from backbone.errors import Unreachable
from backbone.ports.cluster import Kind


class Namespace:
    """A cluster in which plans come and go, and that may take its time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.plans: list[dict[str, Any]] = []
        self.looks = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.fault: Exception | None = None

    def add(self, name: str, backbone: str) -> None:
        spec = {"backboneRef": {"name": backbone}}
        self.plans = [*self.plans, {"metadata": {"name": name}, "spec": spec}]

    async def list(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        self.looks += 1
        found = self.plans
        await self.answers.wait()
        if self.fault is not None:
            raise self.fault
        return found


@pytest.fixture
def space() -> Namespace:
    return Namespace()


@pytest.fixture
def plans(space: Namespace) -> Plans:
    return Plans(space, lambda: space.now)  # type: ignore[arg-type]


async def names(plans: Plans, backbone: str) -> list[str]:
    return [plan.name for plan in await plans.of("ns", backbone)]


async def test_backbones_that_are_visited_together_share_one_look(space: Namespace, plans: Plans) -> None:
    space.add("daily", "one")
    space.add("macro", "two")
    found = await asyncio.gather(*(names(plans, backbone) for backbone in ("one", "two", "three")))
    assert found == [["daily"], ["macro"], []]
    assert space.looks == 1


async def test_without_a_watch_a_change_shows_after_a_few_seconds(space: Namespace, plans: Plans) -> None:
    assert await names(plans, "one") == []
    space.add("daily", "one")
    assert await names(plans, "one") == []
    space.now += SHARED_SECONDS + 0.1
    assert await names(plans, "one") == ["daily"]


async def test_a_change_that_was_seen_shows_at_once(space: Namespace, plans: Plans) -> None:
    assert await names(plans, "one") == []
    space.add("daily", "one")
    plans.void("ns")
    assert await names(plans, "one") == ["daily"]


async def test_a_look_that_a_change_overtook_is_not_kept(space: Namespace, plans: Plans) -> None:
    space.answers.clear()
    early = asyncio.create_task(names(plans, "one"))
    await asyncio.sleep(0)
    space.add("daily", "one")
    plans.void("ns")
    space.answers.set()
    assert await early == []
    assert await names(plans, "one") == ["daily"]


async def test_a_look_that_failed_is_not_kept(space: Namespace, plans: Plans) -> None:
    space.fault = Unreachable("gone")
    with pytest.raises(Unreachable):
        await plans.of("ns", "one")
    space.fault = None
    space.add("daily", "one")
    assert await names(plans, "one") == ["daily"]
