"""Exports of plans that a real API server takes and refuses; tests/unit has the models."""

from __future__ import annotations

import pytest
from support.clusters import REAL, Place

from backbone.errors import Rejected, Unreachable
from backbone.ports.cluster import JsonObject
from example_objects import Example
from export_examples import ACCEPTED, REJECTED

pytestmark = pytest.mark.parametrize("place", [REAL], indirect=True)


async def apply(place: Place, document: JsonObject) -> None:
    metadata = {**document["metadata"], "namespace": place.namespace}
    spec = {key: value for key, value in document["spec"].items() if value is not None}
    await place.cluster.apply({**document, "metadata": metadata, "spec": spec})


async def test_what_the_models_take_is_taken(place: Place) -> None:
    for example in ACCEPTED:
        for document in (example.before, example.document):
            if document is not None:
                named = {**document, "metadata": {"name": f"plan-{ACCEPTED.index(example)}"}}
                await apply(place, named)


async def test_what_the_models_refuse_is_refused_and_so_is_what_needs_the_past(place: Place) -> None:
    told = {example.title: await refusal(place, example) for example in REJECTED}
    words = {example.title: example.server.removesuffix(" value").casefold() for example in REJECTED}
    assert {title: text for title, text in told.items() if words[title] not in text} == {}


async def refusal(place: Place, example: Example) -> str:
    if example.before is not None:
        await apply(place, example.before)
    # A list that is a map by name answers a server-side apply of two entries of one name with status 500.
    with pytest.raises((Rejected, Unreachable)) as caught:
        await apply(place, example.document)
    return str(caught.value).casefold()
