"""Runs that meet a node or a store in a bad way on a real cluster, each on a backbone of its own."""

from __future__ import annotations

from typing import Any

import pytest

from deployment import Image, Kubectl, until
from documents import backbone, conditions, message, plan
from volume_pods import run_on_the_volume


@pytest.mark.long
def test_a_worker_whose_sandbox_cannot_be_made_is_named_while_it_waits(
    kubectl: Kubectl, wait_condition: Any
) -> None:
    none = {"limits": {"memory": "1Mi"}, "requests": {"memory": "1Mi"}}
    kubectl.apply(backbone(), plan(worker={"resources": none}))
    seen = wait_condition("ingestplan/daily", "Ready", "False", "ContainerNotStarted", deadline=240)
    assert "memory limit" in message(seen, "Ready")


def test_a_corrupt_store_is_set_aside_and_both_files_are_named(
    kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]
) -> None:
    kubectl.apply(backbone(), plan())
    wait_condition("ingestplan/daily", "Ready", "True")
    code = "f = open('/data/working/backbone.duckdb', 'r+b'); f.write(b'\\xff' * 65536)"
    run_on_the_volume(kubectl, images["worker"].reference, "vandal", code)
    until(
        lambda: kubectl.get("pod", "vandal")["status"]["phase"],
        lambda phase: phase == "Succeeded",
        60,
        "damage",
    )
    kubectl.run("annotate", "ingestplan", "daily", "backbone.emp.dev/run-now=after-damage")
    seen = until(
        lambda: kubectl.get("ingestplan", "daily")["status"],
        lambda status: status.get("storeRecovery") is not None,
        120,
        "the recovery in status",
    )
    assert seen["storeRecovery"]["setAside"].startswith("working/backbone.duckdb.corrupt-")
    assert seen["storeRecovery"]["continuedFrom"] == "published/backbone.duckdb"
    seen = wait_condition("ingestplan/daily", "Ready", "True", "Delivered")
    assert seen["status"]["dimensions"][0]["changed"] == 0, "the published copy held every row"
    assert conditions(seen)["Complete"][0] == "True"
