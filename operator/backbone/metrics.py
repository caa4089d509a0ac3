"""Metric families on a passed registry. Series of an object go when the object goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

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

from .health import Look, Page, Progress
from .measures import Family, Form, Measure

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
        elsewhere = "Namespaces with objects in which another operator serves, and this one stands by."
        self.standing_by = Gauge("backbone_operator_namespaces_standing_by", elsewhere, registry=registry)
        self.visits = Counter(
            "backbone_visits",
            "Visits by result: done, gone, waiting, conflict, standing by, or the reason of a failure.",
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
        self._families: dict[str, dict[Family, Counter | Gauge | _Ages]] = {}
        """By kind, what its room has declared."""

    def show_ready(self, kind: str, namespace: str, name: str, status: str) -> None:
        """Set the series of one object's summary condition."""
        for known in STATUSES:
            self.ready.labels(kind, namespace, name, known).set(known == status)

    def declare(self, kind: str, families: Iterable[Family]) -> None:
        """Register the families of a kind's objects, once; without a measure they have no series."""
        known = self._families.setdefault(kind, {})
        for family in families:
            if family not in known:
                known[family] = _REGISTER[family.form](family, self.registry)

    def show(self, kind: str, namespace: str, name: str, measure: Measure) -> None:
        """Show a value of one object."""
        family = measure.family
        collector, labels = self._families[kind][family], (namespace, name, *measure.labels)
        if measure.value is None:
            collector.remove_by_labels(dict(zip(family.labels, labels, strict=True)))
        elif isinstance(collector, Counter):
            collector.labels(*labels).inc(measure.value)
        elif isinstance(collector, Gauge):
            collector.labels(*labels).set(measure.value)
        else:
            collector.moments[labels] = measure.value

    def count_call(self, verb: str, resource: str, result: str) -> None:
        """Count one call of the Kubernetes API."""
        self.api_calls.labels(verb, resource, result).inc()

    def follow(self, progress: Look) -> None:
        """Show how the visits get on, each time somebody asks."""
        self.registry.register(_ProgressCollector(progress))

    def page(self) -> Page:
        """The page /metrics."""
        return Page(200, generate_latest(self.registry), CONTENT_TYPE_LATEST)

    def drop(self, kind: str, namespace: str, name: str) -> None:
        """Forget an object that is gone."""
        self.ready.remove_by_labels({"kind": kind, "namespace": namespace, "name": name})
        for family, collector in self._families.get(kind, {}).items():
            collector.remove_by_labels(dict(zip(family.labels, (namespace, name), strict=False)))


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


class _Ages(Collector):
    """How long ago moments were, by the clock of the moment that asks."""

    def __init__(self, family: Family, registry: CollectorRegistry) -> None:
        self._family = family
        self.moments: dict[tuple[str, ...], float] = {}
        registry.register(self)

    def remove_by_labels(self, labels: Mapping[str, str]) -> None:
        """Forget the moments whose labels have these values."""
        for values in list(self.moments):
            if labels.items() <= dict(zip(self._family.labels, values, strict=True)).items():
                del self.moments[values]

    def collect(self) -> Iterator[Metric]:
        """The family with the moments that are known now."""
        (family,), now = self.describe(), time.time()
        for values, moment in list(self.moments.items()):
            family.add_metric(values, max(now - moment, 0.0))
        yield family

    def describe(self) -> list[GaugeMetricFamily]:
        """The family without values, so that registering asks for none."""
        return [GaugeMetricFamily(self._family.name, self._family.help, labels=self._family.labels)]


_REGISTER: dict[Form, Callable[[Family, CollectorRegistry], Counter | Gauge | _Ages]] = {
    Form.GAUGE: lambda family, registry: Gauge(family.name, family.help, family.labels, registry=registry),
    Form.COUNTER: lambda family, registry: Counter(
        family.name, family.help, family.labels, registry=registry
    ),
    Form.AGE: _Ages,
}
