"""The plans of a namespace by backbone: listed once, and kept up to date by the watch."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from backbone.databackbone.plans import RELIST_SECONDS, SHARED_SECONDS, IndexedPlan, Plans
from backbone.errors import Unreachable
from backbone.ports.cluster import Kind


class Namespace:
    """A cluster in which plans come and go, and that may take its time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.plans: list[dict[str, Any]] = []
        self.version = 8
        self.looks = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.fault: Exception | None = None

    def add(self, name: str, backbone: str, outcome: str | None = None) -> IndexedPlan:
        """A plan is made, or changes; how the watch tells of it."""
        self.version += 1
        plan = {
            "metadata": {"name": name, "resourceVersion": str(self.version)},
            "spec": {"backboneRef": {"name": backbone}},
            "status": {"lastRun": {"outcome": outcome}},
        }
        self.plans = [*(item for item in self.plans if item["metadata"]["name"] != name), plan]
        return IndexedPlan.read(plan, "MODIFIED")

    def remove(self, name: str) -> IndexedPlan:
        """A plan is deleted; how the watch tells of it."""
        self.version += 1
        plan = next(item for item in self.plans if item["metadata"]["name"] == name)
        self.plans = [item for item in self.plans if item is not plan]
        metadata = {**plan["metadata"], "resourceVersion": str(self.version)}
        return IndexedPlan.read({**plan, "metadata": metadata}, "DELETED")

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


async def names(plans: Plans, backbone: str, within: float = RELIST_SECONDS) -> list[str]:
    return [plan.name for plan in await plans.of("ns", backbone, within)]


async def test_backbones_that_are_visited_together_share_one_look(space: Namespace, plans: Plans) -> None:
    space.add("daily", "one")
    space.add("macro", "two")
    found = await asyncio.gather(*(names(plans, backbone) for backbone in ("one", "two", "three")))
    assert found == [["daily"], ["macro"], []]
    assert space.looks == 1


@pytest.mark.parametrize("within", [SHARED_SECONDS, RELIST_SECONDS])
async def test_without_a_watch_a_change_shows_once_the_list_is_as_old_as_it_may_be(
    space: Namespace, plans: Plans, within: float
) -> None:
    assert await names(plans, "one", within) == []
    space.add("daily", "one")
    assert await names(plans, "one", within) == []
    space.now += within + 0.1
    assert await names(plans, "one", within) == ["daily"]


async def test_what_the_watch_tells_shows_at_once_and_asks_for_no_list(
    space: Namespace, plans: Plans
) -> None:
    assert await names(plans, "one") == []
    plans.note("ns", space.add("daily", "one"))
    assert await names(plans, "one") == ["daily"]
    plans.note("ns", space.add("daily", "one", "Succeeded"))
    assert [plan.last_outcome for plan in await plans.of("ns", "one")] == ["Succeeded"]
    plans.note("ns", space.remove("daily"))
    assert await names(plans, "one") == []
    assert space.looks == 1


async def test_of_two_versions_of_a_plan_the_later_one_stays_in_whatever_order_they_come(
    space: Namespace, plans: Plans
) -> None:
    early = space.add("daily", "one", "Failed")
    space.add("daily", "one", "Succeeded")
    assert await names(plans, "one") == ["daily"]
    plans.note("ns", early)
    assert [plan.last_outcome for plan in await plans.of("ns", "one")] == ["Succeeded"]


async def test_what_the_watch_tells_while_a_list_is_under_way_is_kept(space: Namespace, plans: Plans) -> None:
    space.add("macro", "one")
    space.answers.clear()
    early = asyncio.create_task(names(plans, "one"))
    await asyncio.sleep(0)
    plans.note("ns", space.add("daily", "one"))
    plans.note("ns", space.remove("macro"))
    space.answers.set()
    assert await early == ["daily"]
    assert await names(plans, "one") == ["daily"]
    assert space.looks == 1


async def test_an_end_that_the_watch_missed_shows_with_the_next_list(space: Namespace, plans: Plans) -> None:
    space.add("daily", "one")
    assert await names(plans, "one") == ["daily"]
    space.remove("daily")
    space.now += RELIST_SECONDS + 0.1
    assert await names(plans, "one") == []


async def test_a_namespace_that_nobody_listed_is_not_taken_for_known(space: Namespace, plans: Plans) -> None:
    space.add("macro", "one")
    plans.note("ns", space.add("daily", "one"))
    assert await names(plans, "one") == ["macro", "daily"]
    assert space.looks == 1


async def test_a_look_that_failed_is_not_kept(space: Namespace, plans: Plans) -> None:
    space.fault = Unreachable("gone")
    with pytest.raises(Unreachable):
        await plans.of("ns", "one")
    space.fault = None
    space.add("daily", "one")
    assert await names(plans, "one") == ["daily"]
