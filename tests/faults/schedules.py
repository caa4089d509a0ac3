"""Random orders of faults and of what users do, the same for the same seed."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import truth
from api_proxy import Harm
from deployment import Kubectl
from documents import cron_job
from lifetimes import Lifetimes

STEPS = 8
CALM_AFTER = 20.0
"""Seconds that a fault with a duration lasts at most."""

Step = Callable[[Lifetimes, random.Random], None]


def run(lifetimes: Lifetimes, seed: int) -> dict[str, Any]:
    """One schedule: what happened, and how long until it was true again. Raises AssertionError or Failure."""
    dice = random.Random(seed)
    kubectl, api = lifetimes.kubectl, lifetimes.api
    api.reset()
    truth.create(kubectl)
    happened: Counter[str] = Counter()
    for number in range(STEPS):
        name = dice.choice(sorted(FAULTS))
        happened[name] += 1
        FAULTS[name](lifetimes, dice)
        act = dice.choice(sorted(ACTS))
        ACTS[act](kubectl, f"{seed}-{number}")
        time.sleep(dice.uniform(0, 3))
        heal(lifetimes)
    # One that could not renew its Lease ends by itself, and may take a moment to.
    with lifetimes.operator.restarted():
        started = time.monotonic()
        settle(kubectl, f"{seed}-last")
        slowest = time.monotonic() - started
        verify(lifetimes, f"{seed}-check")
    return {"faults": dict(happened), "slowest": round(slowest, 1)}


def heal(lifetimes: Lifetimes) -> None:
    """End every fault that lasts; a dead operator begins another life."""
    lifetimes.api.harm = Harm()
    if lifetimes.operator.alive:
        lifetimes.operator.thaw()
        time.sleep(0.5)
    if not lifetimes.operator.alive:
        lifetimes.operator.start()


def settle(kubectl: Kubectl, token: str) -> None:
    """Bring the specs to rest and ask for one run more; wait until all of it is true."""
    for target in ("databackbone/market", "ingestplan/daily"):
        kubectl.run("patch", target, "--type=merge", "-p", '{"spec":{"suspend":false}}')
    truth.annotate(kubectl, token)
    truth.wait_run(kubectl, token, deadline=180)
    truth.wait_delivered(kubectl, deadline=truth.TRUE_AGAIN)


def verify(lifetimes: Lifetimes, token: str) -> None:
    """Every row is stored once, and a run more changes none."""
    kubectl = lifetimes.kubectl
    truth.annotate(kubectl, token)
    status = truth.wait_run(kubectl, token)["status"]
    assert sum(item["changed"] for item in status["dimensions"]) == 0, status["dimensions"]
    stored = truth.stored_rows(kubectl, lifetimes.images)
    assert stored == {"dailyBars": truth.DAILY_ROWS}, stored
    jobs = Counter(job["metadata"]["name"] for job in kubectl.get("jobs")["items"])
    assert max(jobs.values()) == 1


def _kill_after_writes(lifetimes: Lifetimes, dice: random.Random) -> None:
    lifetimes.api.writes, last = 0, dice.randint(1, 6)
    strike = lifetimes.operator.kill_now
    lifetimes.api.harm = Harm(after_write=lambda count, _: strike() if count == last else None)


def _freeze(lifetimes: Lifetimes, dice: random.Random) -> None:
    if lifetimes.operator.alive:
        lifetimes.operator.freeze()
        time.sleep(dice.uniform(1, CALM_AFTER))


def _slow(lifetimes: Lifetimes, dice: random.Random) -> None:
    lifetimes.api.harm = Harm(delay=dice.uniform(0.2, 2))


def _away(lifetimes: Lifetimes, dice: random.Random) -> None:
    lifetimes.api.harm = Harm(refuse=True)
    time.sleep(dice.uniform(1, CALM_AFTER))


def _blind(lifetimes: Lifetimes, dice: random.Random) -> None:
    lifetimes.api.harm = Harm(refuse_watches=True)
    lifetimes.api.cut_watches()


def _worker(lifetimes: Lifetimes, dice: random.Random) -> None:
    pod = truth.worker_pod(lifetimes.kubectl)
    if pod is not None:
        lifetimes.kubectl.try_run("delete", "pod", pod, "--grace-period=0", "--force", "--wait=false")


def _delete_child(lifetimes: Lifetimes, dice: random.Random) -> None:
    schedule = f"cronjob/{cron_job(lifetimes.kubectl)}"
    target = dice.choice([schedule, "configmap/daily-plan", "configmap/market-binding"])
    lifetimes.kubectl.run("delete", target, "--ignore-not-found", "--wait=false")


def _edit_child(lifetimes: Lifetimes, dice: random.Random) -> None:
    target, patch = dice.choice(
        [
            (f"cronjob/{cron_job(lifetimes.kubectl)}", {"spec": {"suspend": True, "schedule": "1 1 1 1 1"}}),
            ("configmap/daily-plan", {"data": {"ingestplan.yaml": "nothing"}}),
            ("configmap/market-binding", {"data": {"epoch": "99"}}),
        ]
    )
    lifetimes.kubectl.try_run("patch", target, "--type=merge", "-p", json.dumps(patch))


def _revoke(lifetimes: Lifetimes, dice: random.Random) -> None:
    kubectl = lifetimes.kubectl
    rules = kubectl.get("role", "databackbone-operator")["rules"]
    less = [rule for rule in rules if rule["resources"] != dice.choice(rules)["resources"]]
    _patch_rules(kubectl, less)
    time.sleep(dice.uniform(1, CALM_AFTER / 2))
    _patch_rules(kubectl, rules)


def _patch_rules(kubectl: Kubectl, rules: list[dict[str, Any]]) -> None:
    kubectl.run("patch", "role", "databackbone-operator", "--type=merge", "-p", json.dumps({"rules": rules}))


FAULTS: dict[str, Step] = {
    "the operator killed after a write": _kill_after_writes,
    "the operator frozen": _freeze,
    "a slow API server": _slow,
    "no API server": _away,
    "no watches": _blind,
    "a worker killed": _worker,
    "a child deleted": _delete_child,
    "a child edited": _edit_child,
    "a right revoked and given back": _revoke,
}


def _token(kubectl: Kubectl, mark: str) -> None:
    truth.annotate(kubectl, mark)


def _reschedule(kubectl: Kubectl, mark: str) -> None:
    minute = sum(mark.encode()) % 60
    patch = {"spec": {"schedule": f"{minute} 3 29 2 *"}}
    kubectl.run("patch", "ingestplan", "daily", "--type=merge", "-p", json.dumps(patch))


def _pause(kubectl: Kubectl, mark: str) -> None:
    target = "databackbone/market" if sum(mark.encode()) % 2 else "ingestplan/daily"
    kubectl.run("patch", target, "--type=merge", "-p", '{"spec":{"suspend":true}}')
    time.sleep(0.5)
    kubectl.run("patch", target, "--type=merge", "-p", '{"spec":{"suspend":false}}')


def _policy(kubectl: Kubectl, mark: str) -> None:
    policy = "Delete" if sum(mark.encode()) % 2 else "Retain"
    patch = {"spec": {"deletionPolicy": policy}}
    kubectl.run("patch", "databackbone", "market", "--type=merge", "-p", json.dumps(patch))


def _nothing(kubectl: Kubectl, mark: str) -> None:
    del kubectl, mark


ACTS: dict[str, Callable[[Kubectl, str], None]] = {
    "a token": _token,
    "another schedule": _reschedule,
    "a pause": _pause,
    "another policy": _policy,
    "nothing": _nothing,
}
