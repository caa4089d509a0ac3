"""A cluster in memory for the tests of visits, and objects as it hands them out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.memory_cluster import MemoryCluster

from backbone.ports.cluster import JsonObject


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
