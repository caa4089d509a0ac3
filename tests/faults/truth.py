"""What must be true after a fault: converged, no row lost or doubled, nothing created or told twice."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from api_proxy import ApiProxy
from console import Failure
from deployment import Image, Kubectl, reader_pod, until
from documents import backbone, conditions, plan
from operator_process import OperatorProcess

QUIET = 0.5
"""Seconds after which nothing more comes of what happened, if meanwhile nothing was written and no visit was
owed, under way or ended."""

LOOK_EVERY = 0.2
"""Seconds between two looks at what is waited for."""

TRUE_AGAIN = 60.0
"""Seconds from the end of a fault until `kubectl get` is true."""

DAILY_ROWS = 12_509
"""Rows that documents.plan() brings: every recorded daily bar of AAPL, IBM and MSFT, of all their sources."""

RUNS = "backbone.emp.dev/plan=daily"


def create(kubectl: Kubectl, **more: Any) -> None:
    """Apply a backbone and its plan; `more` is of the plan's spec."""
    kubectl.apply(backbone(), plan(**more))


def annotate(kubectl: Kubectl, token: str) -> None:
    """Ask for one run more."""
    kubectl.run("annotate", "ingestplan", "daily", f"backbone.emp.dev/run-now={token}", "--overwrite")


def current(item: dict[str, Any] | None, kind: str = "Ready") -> tuple[str, str]:
    """Status and reason of a condition that speaks of the present generation, else two empty texts."""
    if item is None or item.get("status", {}).get("observedGeneration") != item["metadata"]["generation"]:
        return "", ""
    return conditions(item).get(kind, ("", ""))


def wait_delivered(kubectl: Kubectl, deadline: float = 120.0) -> dict[str, Any]:
    """Wait until backbone and plan are Ready for what their specs say now; the plan."""

    def look() -> tuple[Any, ...]:
        market, daily = kubectl.find("databackbone", "market"), kubectl.find("ingestplan", "daily")
        return current(market), current(daily), daily

    seen = until(
        look,
        lambda found: found[:2] == (("True", "Available"), ("True", "Delivered")),
        deadline,
        "market is Available and daily is Delivered",
        LOOK_EVERY,
    )
    found: dict[str, Any] = seen[2]
    return found


def wait_run(kubectl: Kubectl, token: str, deadline: float = 120.0) -> dict[str, Any]:
    """Wait until the run of a token has ended and is the last one; the plan."""
    return until(
        lambda: kubectl.get("ingestplan", "daily"),
        lambda seen: ran(seen, token) and current(seen) == ("True", "Delivered"),
        deadline,
        f"the run of token {token}",
        LOOK_EVERY,
    )


def ran(seen: dict[str, Any], token: str) -> bool:
    """Whether the last run is the one of this token."""
    status = seen.get("status", {})
    triggers, last = status.get("triggers", {}), status.get("lastRun", {})
    return triggers.get("runNow") == token and last.get("id") == triggers.get("runNowJob")


def wait_quiet(
    operator: OperatorProcess, api: ApiProxy, quiet: float = QUIET, deadline: float = 60.0
) -> None:
    """Wait until the operator has had nothing to do for a while, or has died; Failure if it never has."""
    seen: tuple[float | None, int] = (None, -1)
    since = started = time.monotonic()
    while operator.alive:
        look, now = (operator.visits_at_rest(), api.writes), time.monotonic()
        if look[0] is None or look != seen:
            seen, since = look, now
        elif now - since >= quiet:
            return
        if now - started > deadline:
            raise Failure(f"the operator did not come to rest within {deadline:.0f} s: {seen}")
        time.sleep(0.05)


def runs(kubectl: Kubectl) -> list[str]:
    """Names of the plan's Jobs."""
    return sorted(job["metadata"]["name"] for job in kubectl.get("jobs", "-l", RUNS)["items"])


def worker_pod(kubectl: Kubectl, phase: str = "Running") -> str | None:
    """A pod of the plan's runs in this phase."""
    pods = kubectl.get("pods", "-l", RUNS)["items"]
    return next((pod["metadata"]["name"] for pod in pods if pod["status"].get("phase") == phase), None)


def stored_rows(kubectl: Kubectl, images: dict[str, Image], name: str = "counter") -> dict[str, int]:
    """Rows by dimension that a reader counts in the published copy."""
    kubectl.apply(
        reader_pod(name, images["worker"].reference, ["summary", "--output", "json"], "market-data")
    )
    until(
        lambda: kubectl.get("pod", name)["status"].get("phase"),
        lambda phase: phase in {"Succeeded", "Failed"},
        120,
        "the reader's end",
        LOOK_EVERY,
    )
    (found,) = json.loads(kubectl.run("logs", name))["backbones"]
    kubectl.run("delete", "pod", name, "--grace-period=1", "--wait=false")
    rows: Counter[str] = Counter()
    for holding in found["holdings"]:
        rows[holding["dimension"]] += holding["rows"]
    return dict(rows)


def nothing_twice(api: ApiProxy) -> None:
    """No child was created a second time, in whichever life of the operator."""
    twice = {child: count for child, count in api.created().items() if count > 1}
    assert twice == {}, twice


def told_once(kubectl: Kubectl) -> None:
    """No event of ours was posted twice about the same thing."""
    events = kubectl.get("events")["items"]
    ours = Counter(
        (event["involvedObject"]["kind"], event["involvedObject"]["uid"], event["reason"], event["message"])
        for event in events
        if event.get("reportingComponent") == "databackbone-operator"
    )
    twice = {story: count for story, count in ours.items() if count > 1}
    assert twice == {}, twice


def seconds(action: Callable[[], object]) -> float:
    """How long something took."""
    started = time.monotonic()
    action()
    return time.monotonic() - started
