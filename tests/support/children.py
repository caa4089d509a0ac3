"""Objects of each kind that the operator writes, small and valid, for tests of the API server."""

from __future__ import annotations

from backbone.ports.cluster import JsonObject


def config_map(namespace: str, name: str = "market-binding", **metadata: object) -> JsonObject:
    """A ConfigMap with one key."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "data": {"tier": "Bootstrap"},
    }


def job(namespace: str, name: str = "market-probe", **metadata: object) -> JsonObject:
    """A Job of one container."""
    container = {"name": "worker", "image": "worker:1"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }


def backbone(namespace: str, name: str = "market", **spec: object) -> JsonObject:
    """A DataBackbone."""
    return {
        "apiVersion": "backbone.emp.dev/v1alpha1",
        "kind": "DataBackbone",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"mode": "Bootstrap", **spec},
    }


def event(namespace: str, name: str, uid: str, reason: str) -> JsonObject:
    """An event about the Job of this identity."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": {"kind": "Job", "namespace": namespace, "name": "market-probe", "uid": uid},
        "reason": reason,
        "message": "what happened",
        "type": "Warning",
    }


def owned_by(owner: JsonObject) -> JsonObject:
    """Metadata of what an object owns."""
    about = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
    return {"ownerReferences": [{**about, "uid": owner["metadata"]["uid"]}]}
