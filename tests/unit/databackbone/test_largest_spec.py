"""The largest spec that the API takes: it fits an apply, its status, and what is made of it."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest
import yaml
from support import plans
from support.evaluations import applied, fields, message
from support.readings import NOW
from support.topics import SEEN, backbone, checks

import kafka_examples
from backbone.crds.definition import definition
from backbone.databackbone.accepted import ROOM
from backbone.databackbone.api import RESOURCE, DataBackboneSpec
from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.kafka_spec import MOST_TOPICS
from backbone.ingestplan.children import plan_file
from backbone.parts.kafka.topics import OURS
from example_objects import Document
from largest_backbone import as_kubectl_keeps, largest

ANNOTATIONS_BYTES = 262_144
"""What the API server takes of annotations; `kubectl apply` keeps the object in one of them."""
CONFIG_MAP_BYTES = 1_048_576
ETCD_BYTES = 1_572_864

SCHEMA = definition(RESOURCE)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]


LARGEST = largest()
SPEC = DataBackboneSpec.model_validate(LARGEST["spec"], by_alias=True, by_name=False)


def len_of(document: Document) -> int:
    return len(as_kubectl_keeps(document).encode())


def test_the_schema_takes_it() -> None:
    jsonschema.validate(LARGEST["spec"], SCHEMA["spec"])
    assert len(LARGEST["spec"]["kafka"]["topics"]) == MOST_TOPICS


@pytest.mark.parametrize("where", ["name", "config"])
def test_a_letter_more_is_refused(where: str) -> None:
    document = kafka_examples.largest()
    entry = document["spec"]["kafka"]["topics"][0]
    if where == "name":
        entry["name"] += "x"
    else:
        entry["config"]["retention.bytes"] += "9"
    with pytest.raises(ValueError, match="128000 characters"):
        DataBackboneSpec.model_validate(document["spec"])


def test_as_much_text_weighs_the_same_wherever_it_stands() -> None:
    """So the largest of names alone and the largest of configs alone are no larger than this one."""
    base = len_of(kafka_examples.topics(1000, 8, config={"k" * 20: "v" * 94}))
    assert len_of(kafka_examples.topics(1000, 108, config={"k": "v" * 13})) == base
    pairs = {f"{number:02}": "v" * 12 for number in range(6)}
    assert len_of(kafka_examples.topics(1000, 8, config=pairs)) == base


def test_it_fits_an_apply_with_everything_else_at_its_limit() -> None:
    assert len_of(LARGEST) < ANNOTATIONS_BYTES


def test_its_status_keeps_the_spec_and_a_check_of_its_topics_starts() -> None:
    result = evaluate(backbone(spec=SPEC), SEEN, (), NOW)
    status = fields(result)
    jsonschema.validate(status, SCHEMA["status"])
    assert len(status["acceptedSpec"]) <= ROOM
    assert status["topics"]["counts"] == {"Planned": MOST_TOPICS + len(OURS)}
    assert len(checks(result)) == 1
    whole = json.dumps({**LARGEST, "status": status}).encode()
    assert len(whole) + len_of(LARGEST) < ETCD_BYTES / 2


def test_a_change_of_one_topic_is_told_and_no_change_is_not() -> None:
    status = fields(evaluate(backbone(spec=SPEC), SEEN, (), NOW))
    assert "lastChange" not in fields(evaluate(backbone(status, SPEC), SEEN, (), NOW))
    document = largest()["spec"]
    document["kafka"]["topics"][500]["partitions"] = 3
    changed = DataBackboneSpec.model_validate(document)
    [change] = fields(evaluate(backbone(status, changed), SEEN, (), NOW))["lastChange"]["changes"]
    assert change["path"] == "kafka.topics"
    assert change["before"].startswith("1,000 entries, sha256 ")


def test_what_deletion_leaves_is_told() -> None:
    spec = SPEC.model_copy(update={"deletion_policy": "Delete"})
    said = message(evaluate(backbone(spec=spec), SEEN, (), NOW), "Validated")
    assert "no topic of Kafka does" in said


def test_the_document_of_its_job_fits_a_config_map_and_has_every_topic() -> None:
    made = applied(evaluate(backbone(spec=SPEC), SEEN, (), NOW), "ConfigMap")
    assert made is not None
    text = made["data"]["databackbone.yaml"]
    assert len(text.encode()) < CONFIG_MAP_BYTES
    written = yaml.safe_load(text)
    assert yaml.safe_dump(written, sort_keys=False, allow_unicode=True) == text, "C or not, one text"
    read = DataBackboneSpec.model_validate(written["spec"])
    assert read.kafka == SPEC.kafka


def test_the_documents_of_plans_leave_topics_out_and_name_all_else_of_kafka() -> None:
    spec = SPEC.model_dump(mode="json", by_alias=True, exclude_none=True)
    reading = replace(plans.BACKBONE, spec=spec)
    made = plan_file(plans.plan(), reading)
    read = yaml.safe_load(made["data"]["databackbone.yaml"])["spec"]
    left_out = {"topics", "consumerGroups", "lag"}
    assert read["kafka"] == {name: value for name, value in spec["kafka"].items() if name not in left_out}
    assert len(json.dumps(made).encode()) < 20_000
    fewer = {**spec, "kafka": {**spec["kafka"], "topics": []}}
    assert plan_file(plans.plan(), replace(reading, spec=fewer)) == made
