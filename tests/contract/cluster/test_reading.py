"""What is read: one object, those with labels, events about an object, and which kinds there are."""

from __future__ import annotations

import pytest
from support.children import backbone, config_map, event, job
from support.clusters import CANNOT, REAL, Place, Promise, able

from backbone.adapters import kubernetes
from backbone.ports.cluster import CONFIG_MAP, DATA_BACKBONE, JOB, JsonObject, Kind


def names(items: list[JsonObject]) -> list[str]:
    return sorted(item["metadata"]["name"] for item in items)


def test_the_real_one_keeps_every_promise_but_those_of_other_programs() -> None:
    assert [*CANNOT[REAL]] == [Promise.COLLECTION]


async def test_nothing_there_is_none(place: Place) -> None:
    assert await place.cluster.get(CONFIG_MAP, place.namespace, "nothing") is None
    assert await place.cluster.list(CONFIG_MAP, place.namespace, {"team": "nobody"}) == []


async def test_an_object_is_read_whole(place: Place) -> None:
    made = await place.cluster.create(backbone(place.namespace))
    found = await place.cluster.get(DATA_BACKBONE, place.namespace, "market")
    assert found == made
    assert (found or {})["kind"] == "DataBackbone"


async def test_a_list_has_what_carries_all_labels_with_its_kind(place: Place) -> None:
    both = {"app.kubernetes.io/managed-by": "databackbone-operator", "team": "data"}
    await place.cluster.create(job(place.namespace, "both", labels=both))
    await place.cluster.create(job(place.namespace, "one", labels={"team": "data"}))
    await place.cluster.create(job(place.namespace, "neither"))
    await place.cluster.create(config_map(place.namespace, "another-kind", labels=both))
    found = await place.cluster.list(JOB, place.namespace, both)
    assert names(found) == ["both"]
    assert (found[0]["apiVersion"], found[0]["kind"]) == ("batch/v1", "Job")
    assert names(await place.cluster.list(JOB, place.namespace, {"team": "data"})) == ["both", "one"]
    assert names(await place.cluster.list(JOB, place.namespace, {})) == ["both", "neither", "one"]
    assert await place.cluster.list(JOB, f"{place.namespace}-other", {}) == []


@pytest.mark.parametrize("place", able(Promise.PAGES), indirect=True)
async def test_a_list_is_read_to_its_last_page(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes, "PAGE", 2)
    for number in range(5):
        await place.cluster.create(config_map(place.namespace, f"m{number}", labels={"team": "data"}))
    found = await place.cluster.list(CONFIG_MAP, place.namespace, {"team": "data"})
    assert names(found) == ["m0", "m1", "m2", "m3", "m4"]


async def test_events_are_of_one_object_and_reason(place: Place) -> None:
    for name, uid, reason in (("a", "u1", "FailedCreate"), ("b", "u2", "FailedCreate"), ("c", "u1", "Other")):
        await place.cluster.create(event(place.namespace, name, uid, reason))
    found = await place.cluster.events(place.namespace, "u1", "FailedCreate")
    assert [(item["kind"], item["metadata"]["name"], item["message"]) for item in found] == [
        ("Event", "a", "what happened")
    ]


async def test_a_kind_is_served_or_not(place: Place) -> None:
    assert await place.cluster.serves(DATA_BACKBONE) is True
    assert await place.cluster.serves(Kind("v1", "Nothing", "nothings")) is False
    assert await place.cluster.serves(Kind("nowhere.emp.dev/v1", "Nothing", "nothings")) is False
