"""Volumes that take no writes, on a real cluster: one at a time, since a claim takes whichever fits."""

from __future__ import annotations

from typing import Any

import pytest

from deployment import Kubectl, program
from documents import backbone, plan


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        pytest.param(["6"], "VolumeFull", id="a full volume"),
        pytest.param(["64", "--read-only"], "VolumeReadOnly", id="a read-only volume"),
    ],
)
def test_a_volume_that_takes_no_writes_is_named(
    kubectl: Kubectl, wait_condition: Any, request: pytest.FixtureRequest, flags: list[str], reason: str
) -> None:
    program("cluster", "tiny-volume", kubectl.namespace, *flags)
    request.addfinalizer(lambda: program("cluster", "tiny-volume", kubectl.namespace, "--remove"))
    storage = {"storageClassName": "tiny", "size": f"{flags[0]}Mi"}
    trades = {"provider": "Sample", "symbols": ["ES"]}
    kubectl.apply(backbone(bootstrap={"storage": storage}), plan(intradayTrades=trades))
    if reason == "VolumeReadOnly":
        wait_condition("databackbone/market", "StorageAvailable", "False", reason)
        return
    wait_condition("databackbone/market", "StorageAvailable", "True", "VolumeProbed")
    wait_condition("ingestplan/daily", "Ready", "False", reason, deadline=180)
