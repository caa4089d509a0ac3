"""The models take and refuse what the API server does; the other half is tests/e2e/test_api_examples.py."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from api_examples import ACCEPTED, REJECTED
from backbone.crds.files import RESOURCES
from backbone.errors import Rejected
from backbone.manifest.objects import read_manifest
from backbone.schema import ObjectName
from example_objects import Document, Example, backbone

BY_KIND = {resource.kind: resource for resource in RESOURCES}
LEFT_TO_THE_OPERATOR = ("a day that never comes", "a zone that does not exist")


def refusal(document: Document) -> str:
    """What the models say about a document, each complaint behind its place; empty if they take it."""
    try:
        TypeAdapter(ObjectName).validate_python(document["metadata"]["name"])
        BY_KIND[document["kind"]].spec.model_validate(document.get("spec"), by_alias=True, by_name=False)
    except ValidationError as error:
        return "\n".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()
        )
    return ""


def read(folder: Path, document: Document) -> None:
    """Let the command line read a document, beside the backbone that it may refer to."""
    (folder / "document.yaml").write_text(yaml.safe_dump(document))
    if document["kind"] != "DataBackbone":
        (folder / "backbone.yaml").write_text(yaml.safe_dump(backbone({})))
    read_manifest([folder])


@pytest.mark.parametrize("example", ACCEPTED, ids=str)
def test_model_accepts(example: Example) -> None:
    assert refusal(example.document) == ""


@pytest.mark.parametrize("example", REJECTED, ids=str)
def test_model_refuses_what_needs_no_past(example: Example) -> None:
    said = refusal(example.document)
    if example.before is not None and not example.model:
        assert said == "", "only the object's past forbids this, and a model has none"
    else:
        assert example.model in said
        assert said != ""


@pytest.mark.parametrize("example", ACCEPTED, ids=str)
def test_command_line_accepts_what_makes_sense_without_a_cluster(example: Example, tmp_path: Path) -> None:
    if example.title.startswith(LEFT_TO_THE_OPERATOR):
        with pytest.raises(Rejected):
            read(tmp_path, example.document)
    else:
        read(tmp_path, example.document)


@pytest.mark.parametrize("example", [item for item in REJECTED if not item.before], ids=str)
def test_command_line_refuses(example: Example, tmp_path: Path) -> None:
    with pytest.raises(Rejected):
        read(tmp_path, example.document)


@pytest.mark.parametrize("example", [item for item in REJECTED if item.before], ids=str)
def test_the_past_of_an_example_is_valid(example: Example) -> None:
    assert refusal(example.before or {}) == ""


def test_every_kind_has_examples_of_both_sorts() -> None:
    for examples in (ACCEPTED, REJECTED):
        assert {example.document["kind"] for example in examples} == set(BY_KIND)


def test_every_refusal_is_the_servers_too() -> None:
    assert [str(example) for example in REJECTED if not example.server] == []
    assert [str(example) for example in ACCEPTED if example.server or example.model] == []


def test_titles_name_one_example_each() -> None:
    titles = [str(example) for example in ACCEPTED + REJECTED]
    assert len(titles) == len(set(titles))
