"""Metric families on a passed registry. Series of an object go when the object goes."""

from __future__ import annotations

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from .health import Page

STATUSES = ("True", "False", "Unknown")


class Metrics:
    """The operator's own numbers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.leader = Gauge("backbone_operator_leader", "1 while this replica leads.", registry=registry)
        self.visits = Counter(
            "backbone_visits", "Visits of objects by their result.", ["kind", "result"], registry=registry
        )
        self.visit_seconds = Histogram(
            "backbone_visit_seconds",
            "How long a visit takes.",
            ["kind"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=registry,
        )
        self.overdue = Gauge(
            "backbone_visits_overdue_seconds",
            "How long the oldest visit that is due has waited or run.",
            registry=registry,
        )
        self.api_calls = Counter(
            "backbone_api_calls",
            "Calls of the Kubernetes API by verb and result.",
            ["verb", "result"],
            registry=registry,
        )
        self.ready = Gauge(
            "backbone_object_ready",
            "1 for the status that the object's summary condition has, 0 for the others.",
            ["kind", "namespace", "name", "status"],
            registry=registry,
        )
        self.runs = Counter(
            "backbone_runs",
            "Ingest runs that ended, by outcome.",
            ["namespace", "plan", "outcome"],
            registry=registry,
        )

    def show_ready(self, kind: str, namespace: str, name: str, status: str) -> None:
        """Set the series of one object's summary condition."""
        for known in STATUSES:
            self.ready.labels(kind, namespace, name, known).set(known == status)

    def count_call(self, verb: str, result: str) -> None:
        """Count one call of the Kubernetes API."""
        self.api_calls.labels(verb, result).inc()

    def count_run(self, namespace: str, plan: str, outcome: str) -> None:
        """Count one run that ended."""
        self.runs.labels(namespace, plan, outcome).inc()

    def page(self) -> Page:
        """The page /metrics."""
        return Page(200, generate_latest(self.registry), CONTENT_TYPE_LATEST)

    def drop(self, kind: str, namespace: str, name: str) -> None:
        """Forget an object that is gone."""
        self.ready.remove_by_labels({"kind": kind, "namespace": namespace, "name": name})
        if kind == "IngestPlan":
            self.runs.remove_by_labels({"namespace": namespace, "plan": name})
