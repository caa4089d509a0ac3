"""Which files of the repository are generated, and what stands in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ..databackbone.api import RESOURCE as DATABACKBONE
from ..failoverdrill.api import RESOURCE as FAILOVERDRILL
from ..ingestplan.api import RESOURCE as INGESTPLAN
from ..parts.exports.manifest import json_schema
from .definition import definition
from .reference import kind_page, reasons_page, tokens_page

RESOURCES = (DATABACKBONE, INGESTPLAN, FAILOVERDRILL)

COMMAND = "make generate"
NOTICE = f"Generated from operator/backbone/*/api.py by `{COMMAND}`: do not edit."
MANIFEST_NOTICE = NOTICE.replace("*/api.py", "parts/exports/manifest.py")

CRD_FOLDERS = ("crds", "charts/databackbone/crds")
REFERENCE_FOLDER = "docs/reference"
SAMPLES_FOLDER = "manifests/samples"


class _Plain(yaml.SafeDumper):
    """YAML without anchors: what is equal is written twice, as every other tool does it."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def generated(root: Path) -> dict[str, str]:
    """Return the generated files of a checkout, path to text.

    Raises SchemaError where a model says too little, and LookupError where a kind has no sample.
    """
    files = {
        f"{REFERENCE_FOLDER}/reasons.md": f"<!-- {NOTICE} -->\n{reasons_page()}",
        f"{REFERENCE_FOLDER}/tokens.md": f"<!-- {NOTICE} -->\n{tokens_page()}",
        f"{REFERENCE_FOLDER}/export-manifest.schema.json": _schema(json_schema()),
    }
    for resource in RESOURCES:
        document = definition(resource)
        written = yaml.dump(document, Dumper=_Plain, sort_keys=False, width=110, allow_unicode=True)
        for folder in CRD_FOLDERS:
            files[f"{folder}/{resource.plural}.yaml"] = f"# {NOTICE}\n{written}"
        schema = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        page = kind_page(resource, schema, _sample(root, resource.kind))
        files[f"{REFERENCE_FOLDER}/{resource.singular}.md"] = f"<!-- {NOTICE} -->\n{page}"
    return files


def _schema(schema: Mapping[str, Any]) -> str:
    """A JSON Schema as text, with the notice in the first line: JSON has no comments."""
    written = json.dumps({"$comment": MANIFEST_NOTICE, **schema}, indent=2, ensure_ascii=False)
    return written.replace("{\n  ", "{ ", 1) + "\n"


def drift(root: Path) -> list[str]:
    """Name the generated files of a checkout that differ from what would be written, left-overs included."""
    wanted = generated(root)
    folders = (*CRD_FOLDERS, REFERENCE_FOLDER)
    found = {path.relative_to(root).as_posix() for folder in folders for path in (root / folder).glob("*.*")}
    differing = {name for name, text in wanted.items() if name not in found or _read(root / name) != text}
    return sorted(differing | (found - wanted.keys()))


def write(root: Path) -> list[str]:
    """Bring the generated files of a checkout up to date and name those that were not."""
    wanted = generated(root)
    changed = drift(root)
    for name in changed:
        path = root / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _documents(path: Path) -> Iterator[str]:
    return (text for text in re.split(r"^---\s*$", _read(path), flags=re.MULTILINE) if text.strip())


def _sample(root: Path, kind: str) -> str:
    """Return the first sample of a kind, comments included."""
    for path in sorted((root / SAMPLES_FOLDER).rglob("*.yaml")):
        for text in _documents(path):
            if (yaml.safe_load(text) or {}).get("kind") == kind:
                return text
    raise LookupError(f"{SAMPLES_FOLDER} has no {kind}")
