"""The long fault schedules: `make soak`. What is done is remembered, so a run that was stopped goes on.

Two parts, each in namespaces of its own and several at a time: the operator killed after every n-th write,
and seeds, each a random order of faults among what users do. What was measured, with what the suite of fault
tests measured last, becomes docs/reliability.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import figures
import schedules
from api_proxy import ApiProxy
from deployment import (
    RELEASE,
    ROOT,
    SYSTEM_NAMESPACE,
    Image,
    Kubectl,
    apply_crds,
    cluster_status,
    demo_marker,
    ensure_cluster,
    ensure_images,
    program,
)
from lifetimes import Lifetimes
from operator_process import OperatorProcess, grant, operator_token

STATE = ROOT / "build" / "soak.json"
FAULTS = ROOT / "build" / "figures" / "faults.json"
PAGE = ROOT / "docs" / "reliability.md"
KILL = "killed after write"
SEED = "seed"


class Progress:
    """What is done, by name; written down each time something is."""

    def __init__(self, images: dict[str, Image]) -> None:
        mark = images["operator"].archive.name
        kept = json.loads(STATE.read_text()) if STATE.exists() else {}
        self.mark = mark
        self.done: dict[str, dict[str, Any]] = kept["done"] if kept.get("operator") == mark else {}
        self._lock = threading.Lock()

    def keep(self, name: str, result: dict[str, Any]) -> None:
        """Remember a result."""
        with self._lock:
            self.done[name] = result
            STATE.parent.mkdir(parents=True, exist_ok=True)
            scratch = STATE.with_suffix(".new")
            scratch.write_text(json.dumps({"operator": self.mark, "done": self.done}, indent=1) + "\n")
            scratch.rename(STATE)
            say(f"{name}: {result}")

    def of(self, part: str) -> dict[int, dict[str, Any]]:
        """Results of one part, by number."""
        return {
            int(name.removeprefix(part)): result
            for name, result in self.done.items()
            if name.startswith(part)
        }


def say(text: str) -> None:
    """A line of progress, with the time."""
    sys.stderr.write(f"  {datetime.now(UTC):%H:%M:%S} {text}\n")


@contextlib.contextmanager
def ground(cluster: Kubectl, images: dict[str, Image], resync: int = 15) -> Iterator[Lifetimes]:
    """A namespace, the way to the API server, and an operator at work; all gone afterwards."""
    kubectl = cluster.of(f"soak-{secrets.token_hex(4)}")
    cluster.run("create", "namespace", kubectl.namespace)
    grant(kubectl)
    with tempfile.TemporaryDirectory() as folder, ApiProxy(kubectl.kubeconfig) as api:
        settings = {"EMP_RESYNC_SECONDS": str(resync)}
        operator = OperatorProcess(
            Path(folder), api.url, operator_token(kubectl), [kubectl.namespace], images, settings=settings
        )
        try:
            yield Lifetimes(kubectl, api, operator.start().wait_leading(), images)
        finally:
            operator.kill()
            cluster.run("delete", "namespace", kubectl.namespace, "--wait=false", "--ignore-not-found")


def every_write(cluster: Kubectl, images: dict[str, Image], progress: Progress, at_once: int) -> None:
    """Kill the operator after its n-th write in each operation, for every n."""
    if f"{KILL} 0" not in progress.done:
        with ground(cluster, images) as lifetimes:
            progress.keep(f"{KILL} 0", {"writes": lifetimes.cycle(0)})
    most = max(progress.done[f"{KILL} 0"]["writes"].values())
    left = [number for number in range(1, most + 1) if f"{KILL} {number}" not in progress.done]

    def one(number: int) -> None:
        with ground(cluster, images) as lifetimes:
            took = time.monotonic()
            lifetimes.cycle(number)
            result = {"deaths": lifetimes.kills, "seconds": round(time.monotonic() - took, 1)}
            progress.keep(f"{KILL} {number}", result)

    in_turns(one, left, at_once)


def seeds(cluster: Kubectl, images: dict[str, Image], progress: Progress, count: int, at_once: int) -> None:
    """Run one random schedule per seed."""
    left = [number for number in range(1, count + 1) if f"{SEED} {number}" not in progress.done]

    def one(number: int) -> None:
        with ground(cluster, images) as lifetimes:
            progress.keep(f"{SEED} {number}", schedules.run(lifetimes, number))

    in_turns(one, left, at_once)


def in_turns(one: Callable[[int], None], numbers: list[int], at_once: int) -> None:
    """Do all, several side by side. Raises the first failure, once those under way have ended."""
    with ThreadPoolExecutor(at_once) as pool:
        for future in [pool.submit(one, number) for number in numbers]:
            try:
                future.result()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def page(progress: Progress) -> str:
    """The page of what was measured."""
    kills, schedule = progress.of(KILL), progress.of(SEED)
    writes = kills[0]["writes"]
    deaths = sum(sum(item["deaths"].values()) for number, item in kills.items() if number)
    slowest = max(item["slowest"] for item in schedule.values())
    tried = {name for item in schedule.values() for name in item["faults"]}
    rows = "\n".join(f"| {item.name} | {item.shown} |" for item in figures.read(FAULTS))
    listed = ", ".join(f"{count} to {name}" for name, count in writes.items())
    faults = sum(sum(item["faults"].values()) for item in schedule.values())
    machine = f"{os.cpu_count()} cores ({platform.machine()}, Linux {platform.release()})"
    return f"""<!-- Written by `make soak`; do not edit. -->

# Reliability, measured

{datetime.now(UTC):%Y-%m-%d}, on {machine}, with a real Kubernetes API server, real pods and recorded market
data. After each fault backbone and plan are True for what their specs say, every row is stored once, no child
was created twice, and no event was posted twice about the same thing.

## Killed after every write

An operation takes these writes to the API, Lease renewals left out: {listed}. The operator was killed
right after write n of each, for every n from 1 to {max(kills)}: **{deaths} deaths, nothing lost, nothing done
twice.**

## Random schedules

{len(schedule)} seeds, {faults} faults of {len(tried)} sorts, in random order among what users do:
{", ".join(sorted(tried))}. The slowest was true again, with a run more, {slowest:.1f} s after its last fault.

## Single faults

As the tests measured them last.

| | |
|---|---|
{rows}
"""


def main() -> int:
    """Run what is left, and write the page."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="random schedules (default 20)")
    parser.add_argument("--at-once", type=int, default=3, help="namespaces side by side (default 3)")
    arguments = parser.parse_args()
    status = cluster_status()
    if status is not None and demo_marker(status).exists():
        sys.stderr.write("soak: a demo is up: make demo-down first\n")
        return 2
    cluster, images = ensure_cluster(), ensure_images()
    try:
        cluster.of(SYSTEM_NAMESPACE).try_run("uninstall", RELEASE, "--wait", tool="helm")
        apply_crds(cluster)
        progress = Progress(images)
        say(f"{len(progress.done)} parts are done already")
        every_write(cluster, images, progress, arguments.at_once)
        seeds(cluster, images, progress, arguments.seeds, arguments.at_once)
        PAGE.write_text(page(progress))
        say(f"{PAGE.relative_to(ROOT)} is written")
    finally:
        if status is None:
            program("cluster", "down")
    return 0


if __name__ == "__main__":
    sys.exit(main())
