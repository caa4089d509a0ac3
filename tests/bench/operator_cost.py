"""Benchmark `operator-cost`: what the operator takes while nothing changes, beside a bare kopf operator."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from api_proxy import ApiProxy
from console import Failure, say, step
from deployment import RELEASE, until
from measurements import Aim, Figure
from operator_process import OperatorProcess
from registry import Benchmark
from served_cluster import Ground, ground
from sightings import has

PERIOD = 45
"""Seconds between two visits without a cause, of ours and of the bare operator's timer."""
WINDOW = 45.0
"""Seconds that are measured: each object that is visited without a cause is so once."""
QUIET = 2.0
SETTLED_WITHIN = 120.0
LIVE_WITHIN = 900.0
MIB = 1 << 20

EMPTY, FEW, MANY, LIVE = "0", "100-suspended", "500-suspended", "100-live"
SUSPENDED = {FEW: 100, MANY: 500}
TITLES = {EMPTY: "no object", FEW: "100 suspended", MANY: "500 suspended", LIVE: "100 live"}
OBJECTS = {EMPTY: 0, FEW: 100, MANY: 500, LIVE: 100}

AIM = Aim("at most", 2.0)


class BareOperator(OperatorProcess):
    """bare_operator.py with the same token, the same proxy and the same interpreter."""

    def start(self) -> BareOperator:
        """Begin a life; returns at once."""
        program = Path(__file__).with_name("bare_operator.py")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, program, self.namespaces[0], str(PERIOD)],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        return self

    def wait_leading(self, deadline: float = 60.0) -> BareOperator:
        """It asks nobody for leave."""
        return self


VISIT: dict[type[OperatorProcess], tuple[str, str]] = {
    OperatorProcess: ("GET", "databackbones"),
    BareOperator: ("PATCH", "databackbones/status"),
}
"""The request that each makes once in a visit."""

VISITED = (0.8, 1.3)
"""How often every object may be visited in the window, lest a machine that is too busy give a figure."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one operator over one minute."""

    cpu: float
    """Seconds of processor time."""
    memory: float
    """Bytes held at the end."""
    requests: float
    """Of the API server, without watches and the renewals of the Lease."""


def measure() -> Iterator[Figure]:
    """Ours, then the bare one, on the same objects; then more of them."""
    with ground() as place:
        _let_patch(place)
        for population in (EMPTY, FEW, MANY, LIVE):
            _populate(place, population)
            ours = _cost(place, OperatorProcess, population)
            bare = _cost(place, BareOperator, population)
            place.release_backbones()
            yield from _figures(population, ours, bare)


def _let_patch(place: Ground) -> None:
    """Grant what a kopf operator needs beyond ours: it patches its objects, for finalizer and annotations."""
    kinds = "--resource=databackbones.backbone.emp.dev,databackbones.backbone.emp.dev/status"
    place.kubectl.run("create", "role", "bare", "--verb=patch", kinds)
    account = f"--serviceaccount={place.namespace}:{RELEASE}"
    place.kubectl.run("create", "rolebinding", "bare", "--role=bare", account)


def _figures(population: str, ours: Cost, bare: Cost) -> Iterator[Figure]:
    title, count = TITLES[population], OBJECTS[population]

    def figure(name: str, words: str, unit: str, pair: tuple[float, float], aim: Aim | None = None) -> Figure:
        full = f"operator-cost/{population}/{name}"
        return Figure(full, f"{title}: {words}", pair[0], unit, "bare kopf", pair[1], aim)

    # Without objects the bare one does nothing at all, and ours renews its Lease.
    yield figure("cpu", "processor", "s/min", (ours.cpu, bare.cpu), AIM if count else None)
    yield figure("memory", "memory", "MiB", (ours.memory / MIB, bare.memory / MIB), AIM)
    each = count or 1
    unit = "per minute and object" if count else "per minute"
    yield figure("requests", "API requests", unit, (ours.requests / each, bare.requests / each))


def _populate(place: Ground, population: str) -> None:
    """Bring the namespace to the objects of a population, and let ours finish what they need."""
    have = {item["metadata"]["name"] for item in place.list_backbones()}
    if population in SUSPENDED:
        with step(f"{SUSPENDED[population]} suspended backbones"):
            for number in range(len(have), SUSPENDED[population]):
                place.create_backbone(f"market-{number:03}", suspend=True)
    elif population == LIVE:
        with place.running(OperatorProcess), step("100 live backbones, 400 fewer"):
            for number, name in enumerate(sorted(have)):
                if number < OBJECTS[LIVE]:
                    place.patch_backbone(name, {"spec": {"suspend": False}})
                else:
                    place.delete_backbone(name)
            until(
                lambda: sum(has(item, "Ready") for item in place.list_backbones()),
                lambda ready: ready == OBJECTS[LIVE],
                LIVE_WITHIN,
                f"{OBJECTS[LIVE]} Ready",
                2.0,
            )


def _cost(place: Ground, kind: type[OperatorProcess], population: str) -> Cost:
    """One operator, started on the objects as they are, over one minute after it has settled."""
    with place.running(kind, EMP_RESYNC_SECONDS=str(PERIOD)) as (process, api):
        with step(f"{TITLES[population]}: {kind.__name__} over {WINDOW:.0f} s"):
            _settle(api, max(OBJECTS[population], 1))
            api.reset()
            cpu, begun = process.cpu_seconds(), time.monotonic()
            time.sleep(WINDOW)
            minutes = (time.monotonic() - begun) / 60
            cost = Cost(
                (process.cpu_seconds() - cpu) / minutes,
                process.resident_bytes(),
                _asked(api) / minutes,
            )
        asked = api.counted(watch=False)
    for (method, resource), count in sorted(asked.items()):
        say(f"    {method} {resource}: {count}")
    visits = asked[VISIT[kind]] / max(OBJECTS[population], 1)
    if population in SUSPENDED and not VISITED[0] <= visits <= VISITED[1]:
        raise Failure(f"every object had {visits:.2f} visits in the window and not one: the machine is busy")
    return cost


def _settle(api: ApiProxy, first: int) -> None:
    """Wait until each object had its first visit, so many requests at the least, and then for quiet."""
    begun = time.monotonic()
    while time.monotonic() - begun < SETTLED_WITHIN:
        seen = _asked(api)
        time.sleep(QUIET)
        if seen >= first and _asked(api) == seen:
            return


def _asked(api: ApiProxy) -> int:
    asked = api.counted(watch=False)
    return sum(count for (_, resource), count in asked.items() if resource != "leases")


ABOUT = f"""
Processor time, memory and requests while nothing changes, after the operator has settled, over {WINDOW:.0f}
s. Each object is visited once in that time (a resync of {PERIOD} s where the chart has 300 s). The peer is
the least that a kopf operator can be: it watches the same objects with events off, and a timer of the same
period repeats one unchanging patch of the status. It compares nothing and has no children; a visit of ours
looks at claim, binding, Jobs and plans, at pods where a Job has news, and compares all of it with what should
be. Both run alone, one after the other, on the same objects. Requests are counted by a proxy; watches and the
renewals of the Lease are left out.
"""

BENCHMARK = Benchmark("operator-cost", "What the operator costs at rest", ABOUT, measure)
