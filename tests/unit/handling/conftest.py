"""A cluster in memory: versions, server-side apply with field ownership, and a Job controller."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from backbone.errors import Conflict, Rejected
from backbone.ports.cluster import KINDS, JsonObject, Kind

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
MANAGER = "databackbone-operator"


class MemoryCluster:
    """The port `Cluster`. `before_write` is called before each write, with its number from 1."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], JsonObject] = {}
        self.writes = 0
        self.log: list[tuple[str, str, str]] = []
        self.before_write: Callable[[int], None] = lambda number: None
        self.refuse: Callable[[str, JsonObject], str | None] = lambda verb, document: None
        self._numbers = itertools.count(1)

    async def get(self, kind: Kind, namespace: str, name: str) -> JsonObject | None:
        return copy.deepcopy(self.objects.get((kind.kind, namespace, name)))

    async def list(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[JsonObject]:
        return [
            copy.deepcopy(item)
            for (found, space, _), item in self.objects.items()
            if (found, space) == (kind.kind, namespace)
            and labels.items() <= item["metadata"].get("labels", {}).items()
        ]

    async def apply(self, document: JsonObject) -> JsonObject:
        key = self._begin("apply", document)
        stored = self.objects.get(key)
        version = document["metadata"].get("resourceVersion")
        if version is not None and (stored is None or stored["metadata"]["resourceVersion"] != version):
            raise Conflict("older")
        wanted = copy.deepcopy(document)
        wanted["metadata"].pop("resourceVersion", None)
        owned = {"manager": MANAGER, "operation": "Apply", "fieldsV1": _paths(wanted)}
        new = _merge(stored or {}, wanted)
        if stored is not None and "ownerReferences" not in wanted["metadata"]:
            new["metadata"].pop("ownerReferences", None)
        new["metadata"]["managedFields"] = [owned]
        return self._store(key, stored, new)

    async def create(self, document: JsonObject) -> JsonObject | None:
        key = self._begin("create", document)
        return None if key in self.objects else self._store(key, None, copy.deepcopy(document))

    async def replace(self, document: JsonObject) -> JsonObject:
        return self._replace("replace", document, document)

    async def replace_status(self, document: JsonObject) -> JsonObject:
        return self._replace("replace_status", document, {"status": document["status"]})

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        stored = self.objects.get((kind.kind, namespace, name))
        self._begin("delete", {"kind": kind.kind, "metadata": {"namespace": namespace, "name": name}})
        if stored is not None and stored["metadata"]["uid"] == uid:
            del self.objects[kind.kind, namespace, name]

    async def serves(self, kind: Kind) -> bool:
        return True

    def put(self, document: JsonObject) -> JsonObject:
        """Somebody else writes."""
        metadata = document["metadata"]
        key = (document["kind"], metadata["namespace"], metadata["name"])
        return self._store(key, self.objects.get(key), copy.deepcopy(document))

    def only(self, kind: str) -> list[JsonObject]:
        return [item for (found, _, _), item in sorted(self.objects.items()) if found == kind]

    def finish_jobs(self, words: Callable[[str], str]) -> None:
        """The Job controller and the kubelet: every Job under way ends, and its pod leaves these words."""
        for job in self.only("Job"):
            if job.get("status", {}).get("conditions"):
                continue
            name, space = job["metadata"]["name"], job["metadata"]["namespace"]
            labels = {**job["spec"]["template"]["metadata"]["labels"], "batch.kubernetes.io/job-name": name}
            ended = {"exitCode": 0, "message": words(name), "finishedAt": "2024-03-01T12:01:00Z"}
            self.put(
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {"name": f"{name}-x", "namespace": space, "labels": labels},
                    "status": {
                        "phase": "Succeeded",
                        "containerStatuses": [{"state": {"terminated": ended}}],
                    },
                }
            )
            end = {"type": "Complete", "status": "True", "lastTransitionTime": "2024-03-01T12:01:00Z"}
            self.put({**job, "status": {"startTime": "2024-03-01T12:00:00Z", "conditions": [end]}})

    def _replace(self, verb: str, document: JsonObject, changed: JsonObject) -> JsonObject:
        key = self._begin(verb, document)
        stored = self.objects.get(key)
        if stored is None or stored["metadata"]["resourceVersion"] != document["metadata"]["resourceVersion"]:
            raise Conflict("older")
        return self._store(key, stored, {**stored, **copy.deepcopy(changed), "metadata": stored["metadata"]})

    def _begin(self, verb: str, document: JsonObject) -> tuple[str, str, str]:
        metadata = document["metadata"]
        key = (document["kind"], metadata["namespace"], metadata["name"])
        assert document["kind"] in KINDS
        refusal = self.refuse(verb, document)
        if refusal is not None:
            raise Rejected(refusal)
        self.writes += 1
        self.before_write(self.writes)
        self.log.append((verb, document["kind"], metadata["name"]))
        return key

    def _store(self, key: tuple[str, str, str], stored: JsonObject | None, new: JsonObject) -> JsonObject:
        if stored == new:
            return copy.deepcopy(stored)
        metadata = dict(new["metadata"])
        metadata.setdefault("uid", f"uid-{next(self._numbers)}")
        metadata.setdefault("creationTimestamp", "2024-03-01T12:00:00Z")
        version = int(stored["metadata"]["resourceVersion"]) if stored else 0
        metadata["resourceVersion"] = str(version + 1)
        self.objects[key] = {**new, "metadata": metadata}
        return copy.deepcopy(self.objects[key])


def _merge(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: _merge(old.get(key), value) for key, value in new.items()}}
    return copy.deepcopy(new)


def _paths(document: JsonObject) -> dict[str, Any]:
    fields = {key: value for key, value in document.items() if key not in {"apiVersion", "kind"}}
    return {"paths": sorted(_leaves(fields, ""))}


def _leaves(value: Any, path: str) -> list[str]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _leaves(item, f"{path}/{key}")]
    return [path]


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster()


@pytest.fixture
def custom() -> Callable[..., JsonObject]:
    """An object of ours as the API server hands it out."""

    def make(kind: str, name: str, spec: JsonObject, **metadata: Any) -> JsonObject:
        return json.loads(
            json.dumps(
                {
                    "apiVersion": "backbone.emp.dev/v1alpha1",
                    "kind": kind,
                    "metadata": {"name": name, "namespace": "ns", "generation": 1, **metadata},
                    "spec": spec,
                }
            )
        )

    return make
