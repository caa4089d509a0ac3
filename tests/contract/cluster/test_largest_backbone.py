"""The largest backbone on a real API server, as `kubectl apply` sends it, and all that a visit writes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support import readings
from support.clusters import REAL, Place
from support.evaluations import fields
from support.topics import NOW, SEEN, checks

from backbone.conditions import transition
from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.kafka_spec import MOST_GROUPS, MOST_TOPICS
from backbone.evaluation import Apply, Start, Subject
from backbone.jobs.pods import claim_name
from backbone.ports.cluster import CONFIG_MAP
from backbone.vocabulary import LABEL_BACKBONE
from largest_backbone import LAST_APPLIED, as_kubectl_keeps, largest


@pytest.mark.parametrize("place", [REAL], indirect=True)
async def test_the_largest_backbone_is_taken_and_so_is_what_a_visit_writes(place: Place) -> None:
    document = largest()
    document["metadata"] |= {"namespace": place.namespace}
    kept = {LAST_APPLIED: as_kubectl_keeps(document)}
    made = await place.cluster.create({**document, "metadata": {**document["metadata"], "annotations": kept}})
    about, spec = made["metadata"], DataBackboneSpec.model_validate(made["spec"])
    subject = Subject(place.namespace, about["name"], about["uid"], 1, {}, spec, {})

    labels = readings.marked(LABEL_BACKBONE, about["name"])
    seen = replace(SEEN, claim=readings.claim(name=claim_name(about["name"]), labels=labels), binding=None)
    result = evaluate(subject, seen, (), NOW)
    assert len(checks(result)) == 1
    conditions = [item.to_json() for item in transition((), result.conditions, NOW)]
    written = await place.cluster.replace_status(
        {**made, "status": {**fields(result), "conditions": conditions}}
    )
    assert written is not None
    assert written["status"]["topics"]["counts"] == {"Planned": MOST_TOPICS + 6}
    assert written["status"]["acceptedSpec"] == fields(result)["acceptedSpec"]
    for action in result.actions:
        if isinstance(action, Apply):
            await place.cluster.apply(action.document)
        elif isinstance(action, Start):
            await place.cluster.create(action.document)
    binding = await place.cluster.get(CONFIG_MAP, place.namespace, f"{about['name']}-binding")
    assert binding is not None
    assert binding["data"]["databackbone.yaml"].count("- name: ") == MOST_TOPICS + MOST_GROUPS
