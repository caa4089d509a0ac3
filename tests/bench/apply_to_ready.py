"""Benchmark `apply-to-ready`: how long the operator itself takes until a new backbone is Ready."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from statistics import quantiles

from console import Failure, say
from measurements import Aim, Figure
from operator_process import OperatorProcess
from registry import Benchmark
from served_cluster import Ground, ground
from sightings import Life, Sightings

BACKBONES = 100
AT_ONCE = 2
PAUSE = 0.05
DEADLINE = 900.0
TELL_EVERY = 20
RESYNC_SECONDS = 300
"""The chart's default."""

AIM = Aim("below", 2.0, of="value")


def measure() -> Iterator[Figure]:
    """Backbones one after another, each a little before the last one is Ready."""
    with (
        ground() as place,
        place.running(OperatorProcess, EMP_RESYNC_SECONDS=str(RESYNC_SECONDS)),
        closing(Sightings(place)) as sightings,
    ):
        say(f"  {BACKBONES} backbones, {AT_ONCE} at a time")
        lives = one_after_another(place, sightings, BACKBONES)
    for name, words, aim, values in (
        ("own", "the operator's own time", AIM, [life.own for life in lives]),
        ("pods", "the probe's: volume, scheduling and pod", None, [life.pods for life in lives]),
        ("all", "from applied to Ready", None, [life.own + life.pods for life in lives]),
    ):
        half, most = percentiles(values)
        yield Figure(f"apply-to-ready/{name}/p50", f"{words}, p50", half, "s")
        yield Figure(f"apply-to-ready/{name}/p95", f"{words}, p95", most, "s", aim=aim)


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The 50th and the 95th."""
    cuts = quantiles(values, n=20, method="inclusive")
    return cuts[9], cuts[18]


def one_after_another(place: Ground, sightings: Sightings, count: int) -> list[Life]:
    """Create backbones, a few at a time, until all are Ready. Raises Failure after the deadline."""
    begun = time.monotonic()
    waiting: set[str] = set()
    for number in range(count):
        while len(waiting) >= AT_ONCE:
            waiting -= {name for name in waiting if sightings.life(name).ready}
            if time.monotonic() - begun > DEADLINE:
                raise Failure(f"not Ready after {DEADLINE:.0f} s: {', '.join(sorted(waiting))}")
            time.sleep(PAUSE)
        name = f"market-{number:03}"
        place.create_backbone(name)
        waiting.add(name)
        if number % TELL_EVERY == TELL_EVERY - 1:
            say(f"    {number + 1} applied after {time.monotonic() - begun:.0f} s")
    while any(not sightings.life(name).ready for name in waiting):
        if time.monotonic() - begun > DEADLINE:
            raise Failure(f"not Ready after {DEADLINE:.0f} s: {', '.join(sorted(waiting))}")
        time.sleep(PAUSE)
    return list(sightings.lives.values())


ABOUT = f"""
A `DataBackbone` of the bootstrap tier, applied to a real API server, until it is Ready: the operator
creates the claim, the binding and a probe Job that writes and reads the volume, and tells what it found.
Its own time is from the object's appearance to the Job's and from the Job's end to Ready, on the clock of
one client that watches both; what lies between is the time of scheduler, volume and pod. {BACKBONES}
backbones, {AT_ONCE} at a time, with the operator as a process of this machine that shares its cores with
the whole cluster.
"""

BENCHMARK = Benchmark("apply-to-ready", "From kubectl apply to Ready", ABOUT, measure)
