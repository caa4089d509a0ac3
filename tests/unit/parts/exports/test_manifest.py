"""Manifests: what they say, and that one that was edited or cut is not taken for a whole one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from backbone.errors import Rejected
from backbone.parts.exports.document import read, written
from backbone.parts.exports.manifest import Manifest, json_schema

FILE = {
    "path": "data/dailyBars/yahoo/2026/bars-1-1.parquet",
    "rows": 3,
    "bytes": 2048,
    "sha256": "a" * 64,
    "hash": "b" * 32,
    "least": {"source": "yahoo", "symbol": "A", "session_date": "2026-01-02"},
    "greatest": {"source": "yahoo", "symbol": "C", "session_date": "2026-03-09"},
}
FIELDS: dict[str, Any] = {
    "format": 1,
    "number": 2,
    "replaces": 1,
    "export": "bars",
    "owner": "uid-1",
    "engine": "Worker",
    "writtenAt": "2026-03-09T22:30:00Z",
    "store": "store-1",
    "watermark": 7,
    "confirmedFrom": "2025-01-01",
    "dimension": "dailyBars",
    "schemaVersion": 3,
    "partitionBy": "Year",
    "sources": ["yahoo"],
    "licenceRules": "c" * 64,
    "columns": [{"name": "source", "type": "string", "nullable": False}],
    "key": ["source", "symbol", "session_date"],
    "hashed": ["source"],
    "runs": [
        {"runId": "run-1", "sequence": 7, "plan": "bars", "planGeneration": 1, "provider": "yahoo"},
        {"runId": "run-0"},
    ],
    "partitions": [
        {
            "source": "yahoo",
            "period": "2026",
            "files": [FILE],
            "runs": ["run-0", "run-1"],
            "priceBases": ["Raw"],
            "licences": ["public domain"],
            "leftOut": [{"source": "yahoo", "name": "X", "licence": "", "rows": 4}],
        }
    ],
}


def manifest(**changes: Any) -> Manifest:
    return Manifest.model_validate({**FIELDS, **changes})


def test_a_manifest_reads_back_as_it_was_written() -> None:
    assert Manifest.decode(manifest().encode(), "2.json") == manifest()


def test_a_written_manifest_is_valid_by_the_schema() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(manifest().encode())
    jsonschema.validate(document, schema)
    assert document == {**FIELDS, "digest": document["digest"]}


@pytest.mark.parametrize("name", ["digest", "watermark", "partitions", "owner"])
def test_the_schema_finds_what_is_missing(name: str) -> None:
    document = json.loads(manifest().encode())
    del document[name]
    with pytest.raises(jsonschema.ValidationError, match=name):
        jsonschema.validate(document, json_schema())


def test_the_schema_describes_every_field() -> None:
    schema = json_schema()
    for model in [schema, *schema["$defs"].values()]:
        for name, field in model.get("properties", {}).items():
            assert field.get("description"), name


def test_a_manifest_that_was_edited_is_not_whole() -> None:
    edited = manifest().encode().replace(b'"watermark": 7', b'"watermark": 8')
    assert edited != manifest().encode()
    with pytest.raises(Rejected, match=r"2\.json is not as it was written"):
        Manifest.decode(edited, "2.json")


def test_a_manifest_without_its_end_is_not_whole() -> None:
    content = manifest().encode().rstrip()
    for size in (0, 1, len(content) // 2, len(content) - 1):
        with pytest.raises(Rejected, match="is not JSON"):
            Manifest.decode(content[:size], "2.json")


@pytest.mark.parametrize("content", [b"[]", b"1", b"null", b"{}", b"\xff\xfe"], ids=repr)
def test_other_content_is_no_manifest(content: bytes) -> None:
    with pytest.raises(Rejected, match=r"^2\.json is not"):
        Manifest.decode(content, "2.json")


def test_spaces_and_the_order_of_fields_are_no_part_of_the_digest() -> None:
    fields = json.loads(manifest().encode())
    again = json.dumps(dict(reversed(fields.items()))).encode()
    assert Manifest.decode(again, "2.json") == manifest()


def test_another_format_is_named() -> None:
    with pytest.raises(Rejected, match="format 2, and this version reads format 1"):
        read(written({**FIELDS, "format": 2}), "2.json")


def test_a_field_of_a_later_version_is_ignored() -> None:
    assert Manifest.decode(written({**FIELDS, "icebergMetadata": "x"}), "2.json") == manifest()


def test_a_field_that_is_wrong_is_named() -> None:
    with pytest.raises(Rejected, match=r"2\.json is not a manifest: watermark: "):
        Manifest.decode(written({**FIELDS, "watermark": "x"}), "2.json")


@pytest.mark.parametrize(
    "path", ["/data/x.parquet", "data/../../x.parquet", "manifests/1.json", "../data/x", "x"]
)
def test_a_file_is_below_the_folder_of_data(path: str) -> None:
    partition = {**FIELDS["partitions"][0], "files": [{**FILE, "path": path}]}
    with pytest.raises(ValidationError, match="is not a path below data/"):
        manifest(partitions=[partition])


def test_partitions_and_files_are_named_once() -> None:
    one = FIELDS["partitions"][0]
    with pytest.raises(ValidationError, match="a partition is named twice"):
        manifest(partitions=[one, one])
    with pytest.raises(ValidationError, match="a file is named twice"):
        manifest(partitions=[one, {**one, "period": "2025"}])


def test_each_run_of_a_partition_is_among_the_runs() -> None:
    with pytest.raises(ValidationError, match="run run-0 is not among the runs"):
        manifest(runs=FIELDS["runs"][:1])


def test_the_shipped_schema_is_that_of_the_model() -> None:
    reference = Path(__file__).parents[4] / "docs" / "reference" / "export-manifest.schema.json"
    shipped = json.loads(reference.read_text())
    del shipped["$comment"]
    assert shipped == json_schema()
