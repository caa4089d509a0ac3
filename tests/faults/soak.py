"""The long fault schedules: `make soak`. Each leaves a line in build/soak.jsonl, so a stopped run goes on.

First, by itself, the version before hands over to this one. What `make test` has room for only in part is
whole here, several schedules at a time and each in a namespace of its own: the operator killed after every
n-th write, a leader frozen for two minutes, a thousand generated specs, and seeds, each a random order of
faults among what users do. What was measured, with what the suite of fault tests measured last, becomes
docs/reliability.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime

import figures
import former_version
import frozen_leader
import hostile_rounds
import schedules
from api_reader import ApiReader
from deployment import (
    RELEASE,
    ROOT,
    SYSTEM_NAMESPACE,
    apply_crds,
    cluster_status,
    demo_marker,
    ensure_cluster,
    ensure_images,
    program,
)
from ground import Ground, ground
from lifetimes import Lifetimes
from record import Record, Result

LINES = ROOT / "build" / "soak.jsonl"
FAULTS = ROOT / "build" / "figures" / "faults.json"
PAGE = ROOT / "docs" / "reliability.md"

KILL, SEED, FREEZE, SPECS = "killed after write", "seed", "frozen for seconds", "generated specs"
FORMER = "from the version before"
FROZEN = 120
MANY = 1000
SPECS_SEED = 20_240_301
SPECS_QUIET = 15.0
"""Seconds in which no object may ask for a visit after all were created."""


def lifetimes(at: Ground) -> Lifetimes:
    """One operator at work, that can be killed and started again."""
    return Lifetimes(at.kubectl, at.api, at.replica().start().wait_leading(), at.images)


def killed(at: Ground, number: int) -> Result:
    """Create, update, run and delete, with a death after the n-th write of each."""
    lives = lifetimes(at)
    return {"writes": lives.cycle(number), "deaths": lives.kills}


def seeded(at: Ground, number: int) -> Result:
    """One random schedule."""
    return schedules.run(lifetimes(at), number)


def frozen(at: Ground, seconds: int) -> Result:
    """A leader frozen for so long."""
    replicas = frozen_leader.pair(at.replica)
    return asdict(frozen_leader.freeze(at, replicas, seconds))


def generated(at: Ground, count: int) -> Result:
    """So many generated specs."""
    each = count // hostile_rounds.ROUNDS
    return asdict(hostile_rounds.run(at, SPECS_SEED, each, SPECS_QUIET))


PARTS: dict[str, Callable[[Ground, int], Result]] = {
    KILL: killed,
    SEED: seeded,
    FREEZE: frozen,
    SPECS: generated,
}


def left(record: Record, seeds: int) -> list[tuple[str, int]]:
    """What the record does not have yet; its life without a death says how many deaths there are."""
    most = max(record.of(KILL)[0]["writes"].values())
    wanted = [(SPECS, MANY), (FREEZE, FROZEN)]
    wanted += [(KILL, number) for number in range(1, most + 1)]
    wanted += [(SEED, number) for number in range(1, seeds + 1)]
    return [schedule for schedule in wanted if schedule not in record.done]


def in_turns(one: Callable[[str, int], None], wanted: list[tuple[str, int]], at_once: int) -> None:
    """Do all, several side by side. Raises the first failure, once those under way have ended."""
    with ThreadPoolExecutor(at_once) as pool:
        for future in [pool.submit(one, *schedule) for schedule in wanted]:
            try:
                future.result()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def page(record: Record) -> str:
    """The page of what was measured."""
    kills, schedule = record.of(KILL), record.of(SEED)
    former = record.of(FORMER)[1]
    woken, specs = record.of(FREEZE)[FROZEN], record.of(SPECS)[MANY]
    writes = kills[0]["writes"]
    deaths = sum(sum(item["deaths"].values()) for number, item in kills.items() if number)
    slowest = max(item["slowest"] for item in schedule.values())
    tried = {name for item in schedule.values() for name in item["faults"]}
    rows = "\n".join(f"| {item.name} | {item.shown} |" for item in figures.read(FAULTS))
    listed = ", ".join(f"{count} to {name}" for name, count in writes.items())
    faults = sum(sum(item["faults"].values()) for item in schedule.values())
    kept = ", ".join(f"{item['rows']:,} rows on {name}" for name, item in former.items())
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

## From the version before

Its chart, images and workers filled a backbone on each tier, and this version took over: {kept}. The
next run of each changed no row, and both journals went on.

## Random schedules

{len(schedule)} seeds, {faults} faults of {len(tried)} sorts, in random order among what users do:
{", ".join(sorted(tried))}. The slowest was true again, with a run more, {slowest:.1f} s after its last fault.

## A leader frozen for two minutes

Frozen between two writes of one visit for {FROZEN} s: its standby led after {woken["took_over"]:.1f} s. What
the leader wrote when it woke did no harm, {woken["refused"]} writes were refused, and it ended.

## Generated specs

{MANY:,} objects drawn over the schemas and beyond them: {specs["refused"]} were refused with a reason, and
{specs["reconciled"]} reconciled. The second half added {specs["grown_mib"]:.1f} MiB to the operator's memory.

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
        record = Record(LINES, images["operator"].archive.name)
        if (FORMER, 1) not in record.done:
            # By itself, since its CRDs are the former ones for a while.
            record.attempt(FORMER, 1, lambda: former_version.taken_over(cluster))
        apply_crds(cluster)
        reader = ApiReader(cluster.bin_dir, cluster.kubeconfig)

        def one(part: str, number: int) -> None:
            def act() -> Result:
                with ground(reader, images, "soak") as at:
                    return PARTS[part](at, number)

            record.attempt(part, number, act)

        if (KILL, 0) not in record.done:
            one(KILL, 0)
        wanted = left(record, arguments.seeds)
        sys.stderr.write(f"  {len(record.done)} schedules are done already, {len(wanted)} are left\n")
        in_turns(one, wanted, arguments.at_once)
        PAGE.write_text(page(record))
        sys.stderr.write(f"  {PAGE.relative_to(ROOT)} is written\n")
    finally:
        if status is None:
            program("cluster", "down")
    return 0


if __name__ == "__main__":
    sys.exit(main())
