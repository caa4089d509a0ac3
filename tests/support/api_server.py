"""A mock API server that keeps objects in memory: kmock's emulator, and what it lacks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import aiohttp.web
import attrs
import kmock

from backbone.ports.cluster import JsonObject

KINDS = {
    "backbone.emp.dev/v1alpha1/databackbones": "DataBackbone",
    "backbone.emp.dev/v1alpha1/ingestplans": "IngestPlan",
    "backbone.emp.dev/v1alpha1/failoverdrills": "FailoverDrill",
    "batch/v1/jobs": "Job",
    "batch/v1/cronjobs": "CronJob",
    "v1/pods": "Pod",
    "v1/configmaps": "ConfigMap",
    "v1/persistentvolumeclaims": "PersistentVolumeClaim",
    "v1/namespaces": "Namespace",
    "v1/events": "Event",
    "apiextensions.k8s.io/v1/customresourcedefinitions": "CustomResourceDefinition",
    "coordination.k8s.io/v1/leases": "Lease",
}
Key = tuple[kmock.resource, str | None, str]
"""Under what kmock keeps an object."""
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")


@attrs.define(kw_only=True)
class ApiServer(kmock.KubernetesEmulator):
    """kmock's emulator, and what it lacks: identities, PUT, selectors, server-side apply, and faults."""

    faults: list[tuple[Callable[[kmock.Request], bool], int, str]] = attrs.field(factory=list)
    log: list[kmock.Request] = attrs.field(factory=list)
    _uids: Any = attrs.field(factory=lambda: itertools.count(1))

    def serve_kinds(self) -> None:
        """Serve all that the operator asks for."""
        for resource, kind in KINDS.items():
            self.resources[resource] = {
                "namespaced": kind not in {"Namespace", "CustomResourceDefinition"},
                "kind": kind,
                "singular": kind.lower(),
                "verbs": VERBS,
                "shortnames": (),
                "categories": (),
                "subresources": ("status",),
            }

    async def _handle(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        answer = await self._answer(request)
        if not answer.prepared:
            # kopf ends once every task of its loop has: no connection waits there for another request.
            answer.force_close()
        return answer

    async def _answer(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        self.log.append(request)
        for fault in self.faults:
            matches, status, message = fault
            if matches(request):
                self.faults.remove(fault)
                return _refusal(status, "Fault", message)
        if request.name is not None and self._lacks(request):
            return _refusal(404, "NotFound", f"{request.name} not found")
        if request.method == kmock.method.DELETE and not self._is_meant(request):
            return _refusal(409, "Conflict", "another object has the name")
        return await self._serve(request)

    async def _serve(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        if request.method == kmock.method.PUT:
            return await self._replace(request)
        if request.headers.get("Content-Type", "").startswith("application/apply-patch"):
            return await self._apply(request)
        if request.resource is not None and request.method == kmock.method.POST:
            self._identify(request.data)
            about = request.data["metadata"]
            if self._stored((request.resource, request.namespace, about["name"])) is not None:
                return _refusal(409, "AlreadyExists", f"{about['name']} already exists")
            if request.params.get("dryRun"):
                return aiohttp.web.json_response(request.data, status=201)
        if request.method == kmock.method.PATCH:
            stored = self.objects[_key(request)].raw
            request.data.setdefault("metadata", {})["resourceVersion"] = _next_version(stored)
        return await super()._handle(request)

    async def _serve_list(self, request: kmock.Request) -> JsonObject:
        found = await super()._serve_list(request)
        assert isinstance(found, dict)
        fields, labels = (_pairs(request.params.get(f"{kind}Selector", "")) for kind in ("field", "label"))
        items = [
            item
            for item in found["items"]
            if all(_field(item, path) == value for path, value in fields)
            and {*labels} <= {*item["metadata"].get("labels", {}).items()}
        ]
        return {**found, "items": items}

    def _lacks(self, request: kmock.Request) -> bool:
        """Whether an object that only its creation by an apply could make is not there."""
        applied = request.headers.get("Content-Type", "").startswith("application/apply-patch")
        return request.resource is not None and not applied and self._found(request) is None

    def _found(self, request: kmock.Request) -> JsonObject | None:
        return self._stored(_key(request))

    def _stored(self, key: Key) -> JsonObject | None:
        if key not in self.objects or self.objects[key].deleted:
            return None
        found: JsonObject = self.objects[key].raw
        return found

    def _is_meant(self, request: kmock.Request) -> bool:
        """Whether a deletion names the identity of what has the name now, if it names one."""
        wanted = ((request.data or {}).get("preconditions") or {}).get("uid")
        return wanted in {None, (self._found(request) or {"metadata": {}})["metadata"].get("uid")}

    async def _apply(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        key, stored = _key(request), self._found(request)
        version = request.data["metadata"].pop("resourceVersion", None)
        if stored is None:
            self._identify(request.data)
            self.objects[key] = request.data
        elif version not in {None, stored["metadata"]["resourceVersion"]}:
            return _refusal(409, "Conflict", "older")
        elif _covers(stored, request.data):
            return aiohttp.web.json_response(stored)
        else:
            about = {**request.data["metadata"], "resourceVersion": _next_version(stored)}
            self.objects[key].patch({**request.data, "metadata": about})
        new = self.objects[key].raw
        event = "ADDED" if stored is None else "MODIFIED"
        await self._buses[key[0]].put({"type": event, "object": new})
        return aiohttp.web.json_response(new)

    async def _replace(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        key = _key(request)
        stored: JsonObject = self.objects[key].raw
        about = stored["metadata"]
        if request.data["metadata"]["resourceVersion"] != about["resourceVersion"]:
            return _refusal(409, "Conflict", "older")
        if request.subresource == "status":
            new = {**stored, "status": request.data["status"]}
        else:
            kept = {name: about[name] for name in ("uid", "creationTimestamp") if name in about}
            new = {**request.data, "metadata": {**request.data["metadata"], **kept}}
            new |= {"status": stored["status"]} if "status" in stored else {}
        if new == stored:
            return aiohttp.web.json_response(stored)
        new["metadata"] = {**new["metadata"], "resourceVersion": _next_version(stored)}
        self.objects[key].create(new)
        await self._buses[key[0]].put({"type": "MODIFIED", "object": new})
        return aiohttp.web.json_response(new)

    def _identify(self, document: JsonObject) -> None:
        metadata = document["metadata"]
        metadata.setdefault("name", f"{metadata.get('generateName', '')}{next(self._uids)}")
        metadata.setdefault("uid", f"uid-{next(self._uids)}")
        metadata.setdefault("creationTimestamp", "2024-03-01T12:00:00Z")
        metadata.setdefault("resourceVersion", "1")

    def stored(self, resource: str, name: str, namespace: str = "ns") -> JsonObject | None:
        return self._stored((kmock.resource(resource), namespace, name))

    def names(self, resource: str) -> list[str]:
        wanted = kmock.resource(resource)
        return sorted(
            name for (kind, _, name), item in self.objects.items() if kind == wanted and not item.deleted
        )


def _key(request: kmock.Request) -> Key:
    """Under what kmock keeps the object that a request names."""
    assert request.resource is not None
    assert request.name is not None
    return request.resource, request.namespace, request.name


def _next_version(stored: JsonObject) -> str:
    return str(int(stored["metadata"]["resourceVersion"]) + 1)


def _pairs(selector: str) -> list[tuple[str, str]]:
    found = (pair.partition("=") for pair in selector.split(",") if pair)
    return [(name, value) for name, _, value in found]


def _refusal(status: int, reason: str, message: str) -> aiohttp.web.StreamResponse:
    body = {"kind": "Status", "code": status, "reason": reason, "message": message}
    return aiohttp.web.json_response(body, status=status)


def _field(item: JsonObject, path: str) -> object:
    found: Any = item
    for name in path.split("."):
        found = (found or {}).get(name)
    return found


def _covers(stored: object, wanted: object) -> bool:
    if isinstance(stored, dict) and isinstance(wanted, dict):
        return all(key in stored and _covers(stored[key], value) for key, value in wanted.items())
    return stored == wanted
