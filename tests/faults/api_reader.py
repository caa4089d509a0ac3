"""kubectl whose looks are requests on a kept connection.

Tests look several times a second while they wait. A process for each look, with its handshakes, would take
the two cores away from the operator and the pods that are waited for.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from kubernetes import client, config

from console import Failure
from deployment import Kubectl

SHORT = {"pvc": "persistentvolumeclaims"}
PATHS = {
    "/api/v1": {"configmaps", "events", "namespaces", "persistentvolumeclaims", "pods"},
    "/apis/apps/v1": {"deployments"},
    "/apis/backbone.emp.dev/v1alpha1": {"databackbones", "failoverdrills", "ingestplans"},
    "/apis/batch/v1": {"cronjobs", "jobs"},
    "/apis/coordination.k8s.io/v1": {"leases"},
    "/apis/rbac.authorization.k8s.io/v1": {"roles"},
}
CONNECT_AND_READ = (5, 30)
"""Seconds that one request may take to connect, and to be answered."""


class ApiReader(Kubectl):
    """kubectl, whose `get` and `find` know the kinds of PATHS by their plural, singular or short name."""

    def of(self, namespace: str) -> ApiReader:
        """The same cluster, another default namespace."""
        return replace(self, namespace=namespace)

    def get(self, *arguments: str) -> dict[str, Any]:
        """An object, or a list of one kind or several. Raises Failure, also on what does not exist."""
        found = self.find(*arguments)
        if found is None:
            raise Failure(f"get {' '.join(arguments)}: there is none in namespace {self.namespace}")
        return found

    def find(self, *arguments: str) -> dict[str, Any] | None:
        """Like get, with None for what does not exist."""
        what, *rest = arguments
        kinds, _, name = what.partition("/")
        match rest:
            case []:
                selector = ""
            case ["-l", selector]:
                pass
            case [name]:
                selector = ""
            case _:
                raise ValueError(f"not an argument of get: {rest}")
        if name:
            return self._ask(self._path(kinds, name))
        items: list[dict[str, Any]] = []
        for kind in kinds.split(","):
            items += self._list(kind, selector)
        return {"items": items}

    def _list(self, kind: str, selector: str) -> list[dict[str, Any]]:
        answer = self._ask(self._path(kind), labelSelector=selector)
        if answer is None:
            raise Failure(f"get {kind}: the API server does not serve it")
        known = {"apiVersion": answer["apiVersion"], "kind": answer["kind"].removesuffix("List")}
        return [{**known, **item} for item in answer["items"]]

    def _path(self, kind: str, name: str = "") -> str:
        plural = SHORT.get(kind, kind if kind.endswith("s") else f"{kind}s")
        root = next(path for path, plurals in PATHS.items() if plural in plurals)
        space = "" if plural == "namespaces" else f"/namespaces/{self.namespace}"
        return f"{root}{space}/{plural}" + (f"/{name}" if name else "")

    def _ask(self, path: str, **query: str) -> dict[str, Any] | None:
        reader = connection(self.kubeconfig)
        request = reader.param_serialize(
            "GET", path, query_params=list(query.items()), auth_settings=["BearerToken"]
        )
        answer = reader.call_api(*request, _request_timeout=CONNECT_AND_READ)
        text = answer.read()
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status != HTTPStatus.OK:
            raise Failure(f"GET {path}: {answer.status} {text.decode()}")
        found: dict[str, Any] = json.loads(text)
        return found


@cache
def connection(kubeconfig: Path) -> client.ApiClient:
    """The Python client of the cluster; its connections are shared by threads."""
    return config.new_client_from_config(str(kubeconfig))
