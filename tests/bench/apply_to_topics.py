"""Benchmark `apply-to-topics`: how long it takes from a new backbone with Kafka to its topics."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from apply_to_ready import AT_ONCE, PAUSE, RESYNC_SECONDS, percentiles
from backbone.parts.kafka.topics import OURS
from console import Failure, say
from deployment import running_cluster
from measurements import Aim, Figure
from operator_process import OperatorProcess
from registry import Benchmark
from served_cluster import Ground, ground
from services.kafka_server import KafkaServer
from sightings import Sightings

BACKBONES = 20
DEADLINE = 900.0
AIM = Aim("below", 20.0, of="value")


def measure() -> Iterator[Figure]:
    """Backbones one after another, each with topics of its own on one broker."""
    with (
        ground() as place,
        tempfile.TemporaryDirectory() as folder,
        KafkaServer(Path(folder) / "kafka", host=str(running_cluster()["host_address"])) as kafka,
        place.running(OperatorProcess, EMP_RESYNC_SECONDS=str(RESYNC_SECONDS)),
        closing(Sightings(place)) as sightings,
    ):
        place.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "kafka"},
                "stringData": {"bootstrapServers": kafka.uri()},
            }
        )
        say(f"  {BACKBONES} backbones with {len(OURS)} topics each, {AT_ONCE} at a time")
        taken = one_after_another(place, sightings)
    half, most = percentiles(taken)
    title = f"from applied to {len(OURS)} topics Ready"
    yield Figure("apply-to-topics/p50", f"{title}, p50", half, "s")
    yield Figure("apply-to-topics/p95", f"{title}, p95", most, "s", aim=AIM)


def one_after_another(place: Ground, sightings: Sightings) -> list[float]:
    """Seconds from applied to TopicsProvisioned, of each. Raises Failure after the deadline."""
    begun = time.monotonic()
    names = [f"market-{number:03}" for number in range(BACKBONES)]
    waiting: set[str] = set()
    for name in [*names, None]:
        while len(waiting) >= (AT_ONCE if name else 1):
            waiting -= {item for item in waiting if sightings.life(item).provisioned}
            if time.monotonic() - begun > DEADLINE:
                raise Failure(f"no topics after {DEADLINE:.0f} s: {', '.join(sorted(waiting))}")
            time.sleep(PAUSE)
        if name:
            kafka = {"connection": {"secretName": "kafka"}, "topicPrefix": f"{name}."}
            place.create_backbone(name, kafka=kafka)
            waiting.add(name)
    return [sightings.life(name).topics for name in names]


ABOUT = f"""
A `DataBackbone` of the bootstrap tier with `spec.kafka`, applied to a real API server, until
TopicsProvisioned is True: the operator plans its {len(OURS)} topics and creates a Job, whose pod creates
them on one broker, reads them back and reports. On the clock of one client that watches; {BACKBONES}
backbones, {AT_ONCE} at a time, each with a prefix of its own, with the operator and the broker as processes
of the machine that the cluster runs on.
"""

BENCHMARK = Benchmark("apply-to-topics", "From kubectl apply to topics", ABOUT, measure)
