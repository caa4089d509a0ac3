"""Our objects as the documents that `emp-runtime` reads, in a pod as from a user's files."""

from __future__ import annotations

import json
from typing import Any

import yaml

from .vocabulary import API_VERSION

BACKBONE_FILE = "databackbone.yaml"
PLAN_FILE = "ingestplan.yaml"
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The one in C, which writes the same five times as fast: a visit may have a thousand topics to write."""


def document(
    kind: str,
    metadata: dict[str, Any],
    spec: dict[str, Any],
    tier: dict[str, Any] | None = None,
    stream: dict[str, Any] | None = None,
) -> str:
    """One object as YAML.

    `tier` is a backbone's status.tier, which says where its workers store; `stream` its
    status.streamReadiness.
    """
    content: dict[str, Any] = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
    if tier is not None:
        content["status"] = {"tier": tier, **({"streamReadiness": stream} if stream is not None else {})}
    # By way of JSON: tuples and enums are no YAML.
    plain = json.loads(json.dumps(content))
    return yaml.dump(plain, Dumper=_DUMPER, sort_keys=False, allow_unicode=True)
