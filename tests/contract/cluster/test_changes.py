"""Server-side apply, creation, replacement and deletion: what each does, and what it is refused for."""

from __future__ import annotations

from typing import Any

import pytest
from support.children import backbone, config_map, job, owned_by
from support.clusters import Place, Promise, able

from backbone.errors import Conflict
from backbone.ports.cluster import CONFIG_MAP, DATA_BACKBONE, JOB, JsonObject


def version(item: JsonObject) -> str:
    return str(item["metadata"]["resourceVersion"])


async def stored(place: Place, name: str = "market-binding") -> Any:
    return await place.cluster.get(CONFIG_MAP, place.namespace, name)


async def test_an_apply_creates_what_is_not_there(place: Place) -> None:
    made = await place.cluster.apply(config_map(place.namespace, labels={"team": "data"}))
    assert made["data"] == {"tier": "Bootstrap"}
    assert made["metadata"]["uid"]
    assert await stored(place) == made


async def test_an_apply_of_the_same_again_changes_nothing(place: Place) -> None:
    document = config_map(place.namespace, labels={"team": "data"})
    made = await place.cluster.apply(document)
    assert await place.cluster.apply(document) == made


async def test_an_apply_changes_what_differs_and_keeps_the_identity(place: Place) -> None:
    made = await place.cluster.apply(config_map(place.namespace))
    changed = await place.cluster.apply({**config_map(place.namespace), "data": {"tier": "Institutional"}})
    assert changed["data"] == {"tier": "Institutional"}
    assert changed["metadata"]["uid"] == made["metadata"]["uid"]
    assert version(changed) != version(made)
    assert await stored(place) == changed


async def test_an_apply_takes_over_what_somebody_changed_and_leaves_their_own(
    place: Place,
) -> None:
    made = await place.cluster.apply(config_map(place.namespace))
    await place.somebody({**made, "data": {"tier": "Institutional", "note": "mine"}})
    again = await place.cluster.apply(config_map(place.namespace))
    assert again["data"] == {"tier": "Bootstrap", "note": "mine"}


@pytest.mark.parametrize("place", able(Promise.OWNERSHIP), indirect=True)
async def test_a_field_that_is_applied_no_longer_goes(place: Place) -> None:
    labels = {"app.kubernetes.io/name": "market", "team": "data"}
    await place.cluster.apply(config_map(place.namespace, labels=labels))
    fewer = await place.cluster.apply(config_map(place.namespace, labels={"team": "data"}))
    assert fewer["metadata"]["labels"] == {"team": "data"}
    none = await place.cluster.apply(config_map(place.namespace))
    assert "labels" not in none["metadata"]
    assert none["data"] == {"tier": "Bootstrap"}


@pytest.mark.parametrize("place", able(Promise.OWNERSHIP), indirect=True)
async def test_a_field_that_somebody_has_changed_since_stays_when_it_is_applied_no_longer(
    place: Place,
) -> None:
    made = await place.cluster.apply(config_map(place.namespace, labels={"team": "data"}))
    theirs = {**made, "metadata": {**made["metadata"], "labels": {"team": "trading"}}}
    await place.somebody(theirs)
    without = await place.cluster.apply(config_map(place.namespace))
    assert without["metadata"]["labels"] == {"team": "trading"}


@pytest.mark.parametrize("place", able(Promise.OWNERSHIP), indirect=True)
async def test_somebody_elses_change_takes_fields_from_what_the_operator_owns(place: Place) -> None:
    made = await place.cluster.apply(config_map(place.namespace))
    await place.somebody({**made, "data": {"tier": "Institutional"}})

    def owned(item: JsonObject) -> list[Any]:
        entries = [entry for entry in item["metadata"]["managedFields"] if entry["operation"] == "Apply"]
        return [entry["fieldsV1"] for entry in entries]

    assert owned(made)
    assert owned(await stored(place)) != owned(made)
    assert owned(await place.cluster.apply(config_map(place.namespace))) == owned(made)


@pytest.mark.parametrize("place", able(Promise.OWNERSHIP), indirect=True)
async def test_an_owner_that_is_applied_no_longer_is_no_owner(place: Place) -> None:
    owner = await place.cluster.apply(backbone(place.namespace))
    await place.cluster.apply(config_map(place.namespace, **owned_by(owner)))
    freed = await place.cluster.apply(config_map(place.namespace))
    assert "ownerReferences" not in freed["metadata"]


async def test_an_apply_to_a_version_that_is_no_more_is_a_conflict(place: Place) -> None:
    made = await place.cluster.apply(config_map(place.namespace))
    await place.somebody({**made, "data": {"tier": "Institutional"}})
    with pytest.raises(Conflict):
        await place.cluster.apply(config_map(place.namespace, resourceVersion=version(made)))
    assert (await stored(place))["data"] == {"tier": "Institutional"}


async def test_an_apply_to_a_version_of_what_went_makes_it_anew(place: Place) -> None:
    made = await place.cluster.apply(config_map(place.namespace))
    await place.cluster.delete(CONFIG_MAP, place.namespace, "market-binding", made["metadata"]["uid"])
    again = await place.cluster.apply(config_map(place.namespace, resourceVersion=version(made)))
    assert again["metadata"]["uid"] != made["metadata"]["uid"]


async def test_a_creation_makes_what_is_not_there_and_leaves_alone_what_is(place: Place) -> None:
    made = await place.cluster.create(config_map(place.namespace))
    assert made is not None
    assert await stored(place) == made
    other = {**config_map(place.namespace), "data": {"tier": "Institutional"}}
    assert await place.cluster.create(other) is None
    assert await stored(place) == made


async def test_a_creation_leaves_alone_what_another_owns(place: Place) -> None:
    owner = await place.cluster.create(config_map(place.namespace, "owner"))
    assert owner is not None
    theirs = await place.cluster.create(config_map(place.namespace, **owned_by(owner)))
    assert await place.cluster.create(config_map(place.namespace)) is None
    assert await stored(place) == theirs


async def test_a_replacement_takes_the_version_that_was_read_and_no_other(place: Place) -> None:
    made = await place.cluster.create(config_map(place.namespace, labels={"team": "data"}))
    assert made is not None
    changed = await place.cluster.replace(
        {**made, "metadata": {**made["metadata"], "labels": {"team": "trading"}}, "data": {"tier": "x"}}
    )
    assert (changed["data"], changed["metadata"]["labels"]) == ({"tier": "x"}, {"team": "trading"})
    assert changed["metadata"]["uid"] == made["metadata"]["uid"]
    with pytest.raises(Conflict):
        await place.cluster.replace({**made, "data": {"tier": "y"}})
    assert await stored(place) == changed


async def test_a_replacement_of_what_went_is_a_conflict(place: Place) -> None:
    made = await place.cluster.create(config_map(place.namespace))
    assert made is not None
    await place.cluster.delete(CONFIG_MAP, place.namespace, "market-binding", made["metadata"]["uid"])
    with pytest.raises(Conflict):
        await place.cluster.replace(made)
    assert await stored(place) is None


async def test_a_status_is_replaced_for_the_version_that_was_read_and_no_other(place: Place) -> None:
    made = await place.cluster.create(backbone(place.namespace))
    assert made is not None
    told = await place.cluster.replace_status({**made, "status": {"plans": 1}})
    assert told["status"] == {"plans": 1}
    with pytest.raises(Conflict):
        await place.cluster.replace_status({**made, "status": {"plans": 2}})
    assert await place.cluster.get(DATA_BACKBONE, place.namespace, "market") == told


async def test_a_status_of_what_went_is_a_conflict(place: Place) -> None:
    made = await place.cluster.create(backbone(place.namespace))
    assert made is not None
    await place.cluster.delete(DATA_BACKBONE, place.namespace, "market", made["metadata"]["uid"])
    with pytest.raises(Conflict):
        await place.cluster.replace_status({**made, "status": {"plans": 1}})


async def test_a_status_and_the_rest_are_replaced_apart(place: Place) -> None:
    made = await place.cluster.create(backbone(place.namespace))
    assert made is not None
    spec = {**made["spec"], "suspend": True}
    told = await place.cluster.replace_status({**made, "spec": spec, "status": {"plans": 1}})
    assert told["spec"] == made["spec"]
    changed = await place.cluster.replace({**told, "spec": spec, "status": {"plans": 2}})
    assert (changed["spec"]["suspend"], changed["status"]) == (True, {"plans": 1})
    same = await place.cluster.replace_status(changed)
    assert version(same) == version(changed), "the same status again is no change"


async def test_a_deletion_is_of_one_identity(place: Place) -> None:
    made = await place.cluster.create(job(place.namespace))
    assert made is not None
    with pytest.raises(Conflict):
        await place.cluster.delete(JOB, place.namespace, "market-probe", "of-an-earlier-one")
    assert await place.cluster.get(JOB, place.namespace, "market-probe") is not None
    uid = made["metadata"]["uid"]
    await place.cluster.delete(JOB, place.namespace, "market-probe", uid)
    assert await place.cluster.get(JOB, place.namespace, "market-probe") is None
    await place.cluster.delete(JOB, place.namespace, "market-probe", uid)


@pytest.mark.parametrize("place", able(Promise.COLLECTION), indirect=True)
@pytest.mark.parametrize("orphan", [True, False])
async def test_what_a_deleted_object_owned_goes_too_unless_it_is_to_stay(place: Place, orphan: bool) -> None:
    owner = await place.cluster.create(job(place.namespace))
    assert owner is not None
    await place.cluster.create(config_map(place.namespace, **owned_by(owner)))
    uid = owner["metadata"]["uid"]
    await place.cluster.delete(JOB, place.namespace, "market-probe", uid, orphan=orphan)
    assert await place.cluster.get(JOB, place.namespace, "market-probe") is None
    left = await stored(place)
    assert (left is not None) is orphan
    assert not orphan or left["metadata"]["ownerReferences"] == []


@pytest.mark.parametrize("place", able(Promise.ORPHANS), indirect=True)
async def test_the_collector_is_told_what_is_to_stay(place: Place) -> None:
    made = await place.cluster.create(job(place.namespace))
    assert made is not None
    uid = made["metadata"]["uid"]
    await place.cluster.delete(JOB, place.namespace, "market-probe", uid, orphan=True)
    leaving = await place.cluster.get(JOB, place.namespace, "market-probe")
    assert leaving is not None
    assert leaving["metadata"]["finalizers"] == ["orphan"]
    assert leaving["metadata"]["deletionTimestamp"]
