"""The local cluster as the operator's benchmarks need it: no operator of the chart, a namespace of their own.

Operators run as processes of this machine and reach the API server through the proxy that counts.
"""

from __future__ import annotations

import logging
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes

from api_proxy import ApiProxy
from backbone.vocabulary import GROUP
from console import Failure, step
from deployment import (
    SYSTEM_NAMESPACE,
    Image,
    Kubectl,
    apply_crds,
    cluster_status,
    demo_marker,
    ensure_cluster,
    ensure_images,
    program,
    until,
)
from operator_process import OperatorProcess, grant, operator_token

VERSION = "v1alpha1"
PLURAL = "databackbones"
GONE_WITHIN = 300.0


@dataclass(frozen=True, slots=True)
class Ground:
    """A namespace on the cluster with the operator's rights in it, and a client of the cluster's admin."""

    kubectl: Kubectl
    images: Mapping[str, Image]
    folder: Path
    client: kubernetes.client.ApiClient

    @property
    def namespace(self) -> str:
        """Its name."""
        return self.kubectl.namespace

    @property
    def backbones(self) -> tuple[str, str, str, str]:
        """Where its DataBackbones are, as CustomObjectsApi is told."""
        return GROUP, VERSION, self.namespace, PLURAL

    @property
    def _objects(self) -> Any:
        return kubernetes.client.CustomObjectsApi(self.client)

    def create_backbone(self, name: str, **spec: Any) -> None:
        """Create one."""
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "DataBackbone",
            "metadata": {"name": name},
            "spec": {"bootstrap": {"storage": {"size": "64Mi"}}, **spec},
        }
        self._objects.create_namespaced_custom_object(*self.backbones, body)

    def patch_backbone(self, name: str, change: dict[str, Any]) -> None:
        """Change one by a merge patch."""
        self._objects.patch_namespaced_custom_object(*self.backbones, name, change)

    def delete_backbone(self, name: str) -> None:
        """Delete one."""
        self._objects.delete_namespaced_custom_object(*self.backbones, name)

    def release_backbones(self) -> None:
        """Take the finalizers off that a kopf operator with timers leaves behind."""
        for item in self.list_backbones():
            if item["metadata"].get("finalizers"):
                self.patch_backbone(item["metadata"]["name"], {"metadata": {"finalizers": []}})

    def list_backbones(self) -> list[dict[str, Any]]:
        """All of them."""
        found: Any = self._objects.list_namespaced_custom_object(*self.backbones)
        return list(found["items"])

    @contextmanager
    def running(
        self, kind: type[OperatorProcess], **settings: str
    ) -> Iterator[tuple[OperatorProcess, ApiProxy]]:
        """An operator at work in this namespace, alone, and the proxy that counts what it asks for."""
        token = operator_token(self.kubectl)
        with ApiProxy(self.kubectl.kubeconfig) as api:
            name = f"{kind.__name__.lower()}-{secrets.token_hex(2)}"
            process = kind(
                self.folder, api.url, token, [self.namespace], self.images, name=name, settings=settings
            )
            process.start().wait_leading()
            try:
                yield process, api
            finally:
                process.stop()


@contextmanager
def ground() -> Iterator[Ground]:
    """The cluster, brought up and taken down again if none runs, and a namespace that is gone afterwards."""
    # An operator that ends cuts its requests off, which the proxy's server would tell at length.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    status = cluster_status()
    if status is not None and demo_marker(status).exists():
        raise Failure("a demo is up: `make demo-down` first")
    cluster = ensure_cluster()
    try:
        with step("images"):
            images = ensure_images()
        cluster.of(SYSTEM_NAMESPACE).try_run("uninstall", "databackbone", "--wait", tool="helm")
        apply_crds(cluster)
        kubectl = cluster.of(f"b-{secrets.token_hex(4)}")
        kubectl.run("create", "namespace", kubectl.namespace)
        try:
            grant(kubectl)
            configuration: Any = kubernetes.config
            client = configuration.new_client_from_config(str(kubectl.kubeconfig))
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                place = Ground(kubectl, images, Path(folder), client)
                try:
                    yield place
                finally:
                    place.release_backbones()
        finally:
            _clear(kubectl)
    finally:
        if status is None:
            program("cluster", "down", show=True)


def _clear(kubectl: Kubectl) -> None:
    """Delete the namespace, and wait for its volumes: what cleans up would disturb what is measured next."""
    with step("clearing up"):
        kubectl.run(
            "delete", "namespace", kubectl.namespace, f"--timeout={GONE_WITHIN:.0f}s", deadline=GONE_WITHIN
        )
        claimed = "jsonpath={.items[*].spec.claimRef.namespace}"
        until(
            lambda: kubectl.run("get", "pv", "-o", claimed).split(),
            lambda seen: kubectl.namespace not in seen,
            GONE_WITHIN,
            "the volumes are gone",
        )
