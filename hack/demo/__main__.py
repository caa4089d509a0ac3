"""The whole thing working, on this machine: `python3 hack/demo up|down|absent`.

Brings up the local cluster, builds and loads the images, installs the chart, applies the bootstrap samples,
waits until they are Ready and shows the data. Repeating it is safe and quick. Standard library only.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from console import Failure, say, step
from deployment import (
    ROOT,
    Kubectl,
    cluster_status,
    demo_marker,
    ensure_cluster,
    ensure_images,
    install,
    program,
    reader_pod,
    running_cluster,
    until,
)

NAMESPACE = "demo"
SAMPLES = ROOT / "manifests" / "samples" / "bootstrap"
READY_DEADLINE = 600.0


def main(arguments: list[str]) -> int:
    """Run one verb; returns the exit code."""
    verbs = {"up": up, "down": down, "absent": absent}
    if len(arguments) != 1 or arguments[0] not in verbs:
        say("usage: python3 hack/demo up|down|absent")
        return 2
    try:
        verbs[arguments[0]]()
    except Failure as failure:
        say(f"\ndemo: {failure}")
        return 1
    return 0


def up() -> None:
    """Everything, from nothing to rows on the screen."""
    started = time.monotonic()
    say("A data backbone on a real Kubernetes, on this machine")
    kubectl = ensure_cluster().of(NAMESPACE)
    demo_marker(running_cluster()).touch()
    images = ensure_images()
    install(kubectl, images)
    with step("samples (manifests/samples/bootstrap)"):
        kubectl.run(
            "apply", "-f", "-", stdin=f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n"
        )
        kubectl.run("apply", "-f", str(SAMPLES))
    wait_ready(kubectl)
    say(f"  ready after {time.monotonic() - started:.0f} s")
    print(f"\n$ kubectl -n {NAMESPACE} get databackbone,ingestplan")
    print(kubectl.run("get", "databackbone,ingestplan").rstrip())
    print("\n" + glance(kubectl, images["worker"].reference).rstrip())
    print("\n" + next_commands())


def wait_ready(kubectl: Kubectl) -> None:
    """Wait for Ready of both objects, telling each change of what they say about themselves."""
    told = ""

    def look() -> list[dict[str, Any]]:
        nonlocal told
        items: list[dict[str, Any]] = kubectl.get("databackbone,ingestplan")["items"]
        line = "; ".join(f"{item['kind']} {state(item)}" for item in items)
        if line != told:
            say(f"    {line}")
            told = line
        return items

    say("  waiting for Ready")
    until(
        look,
        lambda items: bool(items) and all(state(item).startswith("True") for item in items),
        READY_DEADLINE,
        "databackbone and ingestplan Ready",
        pause=1.0,
    )


def state(item: dict[str, Any]) -> str:
    """`True Available`, for example: status and reason of Ready for the current generation."""
    for condition in item.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            current = condition.get("observedGeneration") == item["metadata"]["generation"]
            return f"{condition['status']} {condition['reason']}" if current else "Unknown (older generation)"
    return "Unknown (not visited yet)"


def glance(kubectl: Kubectl, image: str) -> str:
    """What `emp-runtime summary` prints in a pod that mounts the volume read-only."""
    kubectl.run("delete", "pod", "glance", "--ignore-not-found", "--wait", "--grace-period=1")
    with step("a reader pod looks at the data"):
        kubectl.apply(reader_pod("glance", image, ["summary"], claim="market-data"))
        pod = until(
            lambda: kubectl.get("pod", "glance"),
            lambda seen: seen["status"].get("phase") in {"Succeeded", "Failed"},
            120,
            "the reader pod's end",
        )
    if pod["status"]["phase"] == "Failed":
        raise Failure("the reader pod failed:\n" + kubectl.run("logs", "glance"))
    return kubectl.run("logs", "glance")


def next_commands() -> str:
    """Three commands to try, that work as they are printed."""
    return "\n".join(
        (
            "Try next:",
            '  eval "$(python3 hack/cluster env)"   # kubectl of this cluster, in this shell only',
            f"  kubectl -n {NAMESPACE} describe ingestplan sample",
            f"  kubectl -n {NAMESPACE} annotate ingestplan sample --overwrite "
            "backbone.emp.dev/run-now=$(date +%s)",
            f"  kubectl -n {NAMESPACE} logs reader",
            "And `make demo-down` takes everything down again.",
        )
    )


def down() -> None:
    """Take the cluster down, and with it everything the demo started. One that has no demo is left alone."""
    status = cluster_status()
    if status is not None and not demo_marker(status).exists():
        raise Failure(
            "the cluster that runs has no demo on it: perhaps tests use it. "
            "`python3 hack/cluster down` takes it down all the same"
        )
    program("cluster", "down", show=True)


def absent() -> None:
    """Succeed if no demo is up, so that tests do not take it from the person who looks at it."""
    status = cluster_status()
    if status is not None and demo_marker(status).exists():
        raise Failure("a demo is up: `make demo-down` first")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
