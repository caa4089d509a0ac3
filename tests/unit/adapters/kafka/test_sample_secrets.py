"""Each sample on Kafka comes with Secrets that we would take, and names topics that Kafka would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from backbone.adapters.kafka.settings import from_keys
from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.kafka_spec import Kafka
from backbone.parts.kafka.topics import planned, refused_names

SAMPLES = Path(__file__).resolve().parents[4] / "manifests" / "samples"
PROTOCOLS = {"kafka": "PLAINTEXT", "kafka-sasl": "SASL_SSL", "institutional": "SASL_SSL"}


def documents(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.rglob("*.yaml")):
        yield from filter(None, yaml.safe_load_all(path.read_text()))


def section(sample: str) -> Kafka:
    (found,) = (item for item in documents(SAMPLES / sample) if item["kind"] == "DataBackbone")
    kafka = DataBackboneSpec.model_validate(found["spec"]).kafka
    assert kafka is not None
    return kafka


@pytest.mark.parametrize(("sample", "protocol"), PROTOCOLS.items(), ids=PROTOCOLS)
def test_the_secrets_of_a_sample_are_of_the_form_that_we_take(sample: str, protocol: str) -> None:
    kafka = section(sample)
    found = {item["metadata"]["name"]: item for item in documents(SAMPLES / sample)}
    for name in {kafka.connection.secret_name, kafka.provisioner.secret_name}:
        settings = from_keys(name, found[name]["stringData"])
        assert settings.protocol == protocol
        assert settings.password in {None, "CHANGE-ME"}, "no sample has a password"


@pytest.mark.parametrize("sample", PROTOCOLS)
def test_kafka_takes_the_names_of_a_sample(sample: str) -> None:
    kafka = section(sample)
    assert refused_names(planned(kafka.entries, kafka.topic_prefix)) == {}


def test_every_sample_on_kafka_is_in_the_table() -> None:
    on_kafka = {
        path.relative_to(SAMPLES).parts[0]
        for path in SAMPLES.rglob("*.yaml")
        for item in filter(None, yaml.safe_load_all(path.read_text()))
        if item["kind"] == "DataBackbone" and "kafka" in item["spec"]
    }
    assert on_kafka == set(PROTOCOLS)
