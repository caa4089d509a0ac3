"""Metric families on a passed registry. Series of an object go when the object goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from .evaluation import Ended, Measure
from .health import Look, Page, Progress

STATUSES = ("True", "False", "Unknown")

PROGRESS: tuple[tuple[str, str, Callable[[Progress], float]], ...] = (
    ("backbone_objects", "Objects that are visited.", lambda seen: seen.objects),
    ("backbone_visits_queued", "Visits that are owed and have not begun.", lambda seen: seen.queued),
    ("backbone_visits_under_way", "Visits that have begun and not ended.", lambda seen: seen.under_way),
    (
        "backbone_visits_overdue_seconds",
        "How long the oldest visit that is owed has waited and run.",
        lambda seen: seen.overdue,
    ),
    (
        "backbone_visits_longest_seconds",
        "How long the oldest visit under way has run.",
        lambda seen: seen.longest,
    ),
    (
        "backbone_heartbeat_age_seconds",
        "How long no visit has ended while one is owed; the liveness probe fails on it.",
        lambda seen: seen.silent,
    ),
    (
        "backbone_status_oldest_seconds",
        "Age of the status that was found or made true longest ago.",
        lambda seen: seen.oldest_status,
    ),
)
"""Families by kind that are read when somebody asks."""


class Metrics:
    """The operator's own numbers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.leader = Gauge("backbone_operator_leader", "1 while this replica leads.", registry=registry)
        self.visits = Counter(
            "backbone_visits",
            "Visits of objects by their result: done, gone, waiting, conflict, or the reason of a failure.",
            ["kind", "result"],
            registry=registry,
        )
        self.visit_seconds = Histogram(
            "backbone_visit_seconds",
            "How long a visit takes.",
            ["kind"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=registry,
        )
        self.api_calls = Counter(
            "backbone_api_calls",
            "Calls of the Kubernetes API by verb, resource and result: a status code, or unreachable.",
            ["verb", "resource", "result"],
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
        self.cache = Gauge(
            "backbone_cache_ratio",
            "Of the shared cache, between two looks: hits per fetch, room in use, evictions per miss.",
            ["namespace", "name", "of"],
            registry=registry,
        )
        of_plan = ["namespace", "plan"]
        requests = "Requests that runs which ended have sent to providers."
        self.requests = Counter("backbone_provider_requests", requests, of_plan, registry=registry)
        retries = "Questions that runs which ended have asked providers again."
        self.retries = Counter("backbone_provider_retries", retries, of_plan, registry=registry)

    def show_ready(self, kind: str, namespace: str, name: str, status: str) -> None:
        """Set the series of one object's summary condition."""
        for known in STATUSES:
            self.ready.labels(kind, namespace, name, known).set(known == status)

    def show_cache(self, namespace: str, name: str, measure: Measure) -> None:
        """Set a share of one backbone's cache; what nobody could measure has no series."""
        labels = {"namespace": namespace, "name": name, "of": measure.of}
        if measure.value is None:
            self.cache.remove_by_labels(labels)
        else:
            self.cache.labels(**labels).set(measure.value)

    def count_call(self, verb: str, resource: str, result: str) -> None:
        """Count one call of the Kubernetes API."""
        self.api_calls.labels(verb, resource, result).inc()

    def count_run(self, namespace: str, plan: str, run: Ended) -> None:
        """Count one run that ended."""
        self.runs.labels(namespace, plan, run.outcome).inc()
        self.requests.labels(namespace, plan).inc(run.requests)
        self.retries.labels(namespace, plan).inc(run.retried)

    def follow(self, progress: Look) -> None:
        """Show how the visits get on, each time somebody asks."""
        self.registry.register(_ProgressCollector(progress))

    def page(self) -> Page:
        """The page /metrics."""
        return Page(200, generate_latest(self.registry), CONTENT_TYPE_LATEST)

    def drop(self, kind: str, namespace: str, name: str) -> None:
        """Forget an object that is gone."""
        self.ready.remove_by_labels({"kind": kind, "namespace": namespace, "name": name})
        if kind == "DataBackbone":
            self.cache.remove_by_labels({"namespace": namespace, "name": name})
        if kind == "IngestPlan":
            for family in (self.runs, self.requests, self.retries):
                family.remove_by_labels({"namespace": namespace, "plan": name})


class _ProgressCollector(Collector):
    def __init__(self, progress: Look) -> None:
        self._progress = progress

    def collect(self) -> Iterator[Metric]:
        """The families of PROGRESS, as they are now."""
        seen = self._progress()
        for name, meaning, value in PROGRESS:
            family = GaugeMetricFamily(name, meaning, labels=["kind"])
            for kind, progress in seen.items():
                family.add_metric([kind], value(progress))
            yield family

    def describe(self) -> list[Metric]:
        """The families without values, so that registering asks for none."""
        return [GaugeMetricFamily(name, meaning, labels=["kind"]) for name, meaning, _ in PROGRESS]
