"""Runs that meet a node or a store in a bad way on a real cluster, each on a backbone of its own."""

from __future__ import annotations

from typing import Any

import pytest

from deployment import Image, Kubectl, until
from documents import backbone, conditions, message, plan, run_again
from volume_pods import run_on_the_volume


@pytest.mark.long
def test_a_worker_whose_sandbox_cannot_be_made_is_named_while_it_waits(
    kubectl: Kubectl, wait_condition: Any
) -> None:
    none = {"limits": {"memory": "1Mi"}, "requests": {"memory": "1Mi"}}
    kubectl.apply(backbone(), plan(worker={"resources": none}))
    seen = wait_condition("ingestplan/daily", "Ready", "False", "ContainerNotStarted", deadline=240)
    assert "memory limit" in message(seen, "Ready")


def damage(kubectl: Kubectl, images: dict[str, Image], *folders: str) -> None:
    """Write over the beginning of the store's files in these folders of the volume, and ask for a run."""
    code = "; ".join(
        f"open('/data/{name}/backbone.duckdb', 'r+b').write(b'\\xff' * 65536)" for name in folders
    )
    run_on_the_volume(kubectl, images["worker"].reference, "vandal", code)
    until(
        lambda: kubectl.get("pod", "vandal")["status"]["phase"],
        lambda phase: phase == "Succeeded",
        60,
        "damage",
    )
    run_again(kubectl, "after-damage")


def test_a_corrupt_store_is_set_aside_and_both_files_are_named(
    kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]
) -> None:
    kubectl.apply(backbone(), plan())
    wait_condition("ingestplan/daily", "Ready", "True")
    damage(kubectl, images, "working")
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


def test_a_store_that_began_again_empty_is_told_until_it_is_acknowledged(
    kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]
) -> None:
    kubectl.apply(backbone(), plan())
    wait_condition("ingestplan/daily", "Ready", "True")
    damage(kubectl, images, "working", "published")
    seen = wait_condition("ingestplan/daily", "StoreIntact", "False", "StoreEmptied", deadline=120)
    assert seen["status"]["storeRecovery"]["continuedFrom"] == "empty"
    assert conditions(seen)["Ready"] == ("False", "StoreEmptied")
    assert "backbone.emp.dev/acknowledge=StoreEmptied:" in message(seen, "StoreIntact")
    former = seen["status"]["lastRun"]["id"]
    run_again(kubectl, "once-more")
    until(
        lambda: kubectl.get("ingestplan", "daily")["status"]["lastRun"]["id"],
        lambda found: found != former,
        120,
        "a later run",
    )
    assert conditions(kubectl.get("ingestplan", "daily"))["StoreIntact"] == ("False", "StoreEmptied")
    kubectl.run("annotate", "ingestplan", "daily", "backbone.emp.dev/acknowledge=StoreEmptied:1")
    wait_condition("ingestplan/daily", "StoreIntact", "True", "Acknowledged")
    seen = wait_condition("ingestplan/daily", "Ready", "True", "Delivered")
    assert seen["status"]["acknowledgements"] == ["StoreEmptied:1"]
