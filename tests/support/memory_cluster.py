"""A cluster in memory: versions, server-side apply with field ownership, a collector and a Job controller.

`tests/contract/cluster` holds it to what a real API server does.
"""

from __future__ import annotations

import builtins
import copy
import itertools
from collections.abc import Callable, Mapping
from datetime import timedelta

from backbone.errors import Conflict, Rejected, Waiting
from backbone.ports.cluster import KINDS, JsonObject, Kind
from backbone.vocabulary import FIELD_MANAGER

Key = tuple[str, str, str]
Path = tuple[str, ...]

WITHOUT_STATUS = {"ConfigMap", "Event", "Lease"}
OF_THE_SERVER = ("uid", "creationTimestamp", "resourceVersion", "managedFields")
"""Metadata that a client cannot replace."""


class MemoryCluster:
    """The port `Cluster`. `before_write` is called before each write, with its number from 1."""

    def __init__(self) -> None:
        self.objects: dict[Key, JsonObject] = {}
        self.served = set(KINDS)
        self.writes = 0
        self.log: list[tuple[str, str, str]] = []
        self.before_write: Callable[[int], None] = lambda number: None
        self.refuse: Callable[[str, JsonObject], str | None] = lambda verb, document: None
        self.dry_runs: list[str] = []
        self._numbers = itertools.count(1)

    async def get(self, kind: Kind, namespace: str, name: str) -> JsonObject | None:
        return copy.deepcopy(self.objects.get((kind.kind, namespace, name)))

    async def list(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> builtins.list[JsonObject]:
        return [
            copy.deepcopy(item)
            for (found, space, _), item in self.objects.items()
            if (found, space) == (kind.kind, namespace)
            and labels.items() <= item["metadata"].get("labels", {}).items()
        ]

    async def events(self, namespace: str, uid: str, reason: str) -> builtins.list[JsonObject]:
        return [
            copy.deepcopy(item)
            for item in self.only("Event")
            if item["metadata"]["namespace"] == namespace
            and (item["involvedObject"]["uid"], item["reason"]) == (uid, reason)
        ]

    async def apply(self, document: JsonObject) -> JsonObject:
        key = self._begin("apply", document)
        stored = self.objects.get(key)
        version = document["metadata"].get("resourceVersion")
        if version is not None and stored is not None and stored["metadata"]["resourceVersion"] != version:
            raise Conflict("older")  # what went is made anew
        self._admit(key)
        wanted = copy.deepcopy(document)
        wanted["metadata"].pop("resourceVersion", None)
        paths = set(_leaves(_content(wanted)))
        new = _merge(copy.deepcopy(stored or {}), wanted)
        for path in _owned(stored) - paths:
            if not isinstance(_at(new, path), dict):  # else it holds fields by now
                _remove(new, path)
        new["metadata"]["managedFields"] = [_entry(paths)]
        return self._store(key, stored, new)

    async def create(self, document: JsonObject) -> JsonObject | None:
        key = self._begin("create", document)
        self._admit(key)
        return None if key in self.objects else self._store(key, None, copy.deepcopy(document))

    async def refusal(self, document: JsonObject) -> str | None:
        self.dry_runs.append(document["metadata"]["name"])
        return self.refuse("create", document)

    async def replace(self, document: JsonObject) -> JsonObject:
        key, stored = self._read("replace", document)
        given = copy.deepcopy(document)
        kept = {name: stored["metadata"][name] for name in OF_THE_SERVER if name in stored["metadata"]}
        if document["kind"] not in WITHOUT_STATUS:
            given.pop("status", None)
            given |= {"status": stored["status"]} if "status" in stored else {}
        return self._store(key, stored, {**given, "metadata": {**given["metadata"], **kept}})

    async def replace_status(self, document: JsonObject) -> JsonObject:
        key, stored = self._read("replace_status", document)
        return self._store(key, stored, {**stored, "status": copy.deepcopy(document["status"])})

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str, *, orphan: bool = False) -> None:
        key = self._begin("delete", {"kind": kind.kind, "metadata": {"namespace": namespace, "name": name}})
        stored = self.objects.get(key)
        if stored is None:
            return
        if stored["metadata"]["uid"] != uid:
            raise Conflict("another object has the name")
        del self.objects[key]
        self._collect(uid, orphan=orphan)

    async def serves(self, kind: Kind) -> bool:
        return kind.kind in self.served

    def put(self, document: JsonObject) -> JsonObject:
        """Somebody else writes: what it changes of the operator's fields is the operator's no more."""
        metadata = document["metadata"]
        key = (document["kind"], metadata["namespace"], metadata["name"])
        stored, new = self.objects.get(key), copy.deepcopy(document)
        if stored is not None and _owned(stored):
            kept = {path for path in _owned(stored) if _at(new, path) == _at(stored, path)}
            new["metadata"]["managedFields"] = [_entry(kept)]
        return self._store(key, stored, new)

    def only(self, kind: str) -> builtins.list[JsonObject]:
        return [item for (found, _, _), item in sorted(self.objects.items()) if found == kind]

    def finish_jobs(self, words: Callable[[str], str]) -> None:
        """The Job controller and the kubelet: every Job under way ends, and its pod leaves these words."""
        for job in self.only("Job"):
            if job.get("status", {}).get("conditions"):
                continue
            name, space = job["metadata"]["name"], job["metadata"]["namespace"]
            labels = {**job["spec"]["template"]["metadata"]["labels"], "batch.kubernetes.io/job-name": name}
            ended = {"exitCode": 0, "message": words(name), "finishedAt": "2024-03-01T12:01:00Z"}
            owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"]}
            self.put(
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {
                        "name": f"{name}-x",
                        "namespace": space,
                        "labels": labels,
                        "ownerReferences": [{**owner, "controller": True}],
                    },
                    "status": {
                        "phase": "Succeeded",
                        "containerStatuses": [{"state": {"terminated": ended}}],
                    },
                }
            )
            end = {"type": "Complete", "status": "True", "lastTransitionTime": "2024-03-01T12:01:00Z"}
            self.put({**job, "status": {"startTime": "2024-03-01T12:00:00Z", "conditions": [end]}})

    def _read(self, verb: str, document: JsonObject) -> tuple[Key, JsonObject]:
        """The object as it is stored. Raises Conflict unless it is the version that was read."""
        key = self._begin(verb, document)
        stored = self.objects.get(key)
        if stored is None or stored["metadata"]["resourceVersion"] != document["metadata"]["resourceVersion"]:
            raise Conflict("older")
        return key, stored

    def _begin(self, verb: str, document: JsonObject) -> Key:
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

    def _admit(self, key: Key) -> None:
        """Nothing new in a namespace that is being deleted."""
        space = self.objects.get(("Namespace", "", key[1]), {"metadata": {}})
        if key not in self.objects and "deletionTimestamp" in space["metadata"]:
            raise Waiting(f"namespace {key[1]} is being terminated", timedelta(seconds=30))

    def _store(self, key: Key, stored: JsonObject | None, new: JsonObject) -> JsonObject:
        if stored == new:
            return copy.deepcopy(stored)
        metadata = dict(new["metadata"])
        metadata.setdefault("uid", f"uid-{next(self._numbers)}")
        metadata.setdefault("creationTimestamp", "2024-03-01T12:00:00Z")
        version = int(stored["metadata"]["resourceVersion"]) if stored else 0
        metadata["resourceVersion"] = str(version + 1)
        self.objects[key] = {**new, "metadata": metadata}
        return copy.deepcopy(self.objects[key])

    def _collect(self, uid: str, *, orphan: bool) -> None:
        """What only the deleted object owned goes too, unless it is to stay without that owner."""
        for key, item in [*self.objects.items()]:
            owners = item["metadata"].get("ownerReferences", [])
            left = [owner for owner in owners if owner["uid"] != uid]
            if left == owners or key not in self.objects:
                continue
            if orphan or left:
                self._store(key, item, {**item, "metadata": {**item["metadata"], "ownerReferences": left}})
            else:
                del self.objects[key]
                self._collect(item["metadata"]["uid"], orphan=False)


def _entry(paths: set[Path]) -> JsonObject:
    fields = {"paths": [[*path] for path in sorted(paths)]}
    return {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields}


def _owned(stored: JsonObject | None) -> set[Path]:
    """What the operator applied last, less what somebody else changed since."""
    entries = (stored or {"metadata": {}})["metadata"].get("managedFields", [])
    return {tuple(path) for entry in entries for path in entry["fieldsV1"]["paths"]}


def _content(document: JsonObject) -> JsonObject:
    """What of a document can be owned: not what names the object."""
    metadata = {key: value for key, value in document["metadata"].items() if key not in {"name", "namespace"}}
    rest = {key: value for key, value in document.items() if key not in {"apiVersion", "kind"}}
    return {**rest, "metadata": metadata}


def _merge(old: JsonObject, new: JsonObject) -> JsonObject:
    """One object over the other; lists are taken whole."""
    return {
        **old,
        **{
            key: _merge(old[key], value)
            if isinstance(value, dict) and isinstance(old.get(key), dict)
            else copy.deepcopy(value)
            for key, value in new.items()
        },
    }


def _leaves(value: object, path: Path = ()) -> builtins.list[Path]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*path, key))]
    return [path]


def _at(document: JsonObject, path: Path) -> object:
    found: object = document
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _remove(document: JsonObject, path: Path) -> None:
    """Take a field out, and what holds nothing without it."""
    *above, name = path
    holder = _at(document, tuple(above))
    if isinstance(holder, dict):
        holder.pop(name, None)
        if above and not holder:
            _remove(document, tuple(above))
