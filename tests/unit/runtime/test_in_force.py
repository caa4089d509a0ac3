"""Whether a run goes on where the operator of another version keeps the schedule."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from backbone.manifest.objects import read_manifest
from backbone.naming import schedule_name, slot_name
from backbone.runtime.ingesting import in_force

NAME = schedule_name("bars", "u-1")
FIRE = datetime(2024, 3, 1, 22, 0, tzinfo=UTC)
SCHEDULE = {"backbone.emp.dev/schedule": NAME}


def document(kind: str, metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "backbone.emp.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


@pytest.mark.parametrize(
    ("metadata", "run", "goes_on"),
    [
        pytest.param({"uid": "u-1", "annotations": SCHEDULE}, slot_name(NAME, FIRE), True, id="its own"),
        pytest.param({"uid": "u-1"}, slot_name(NAME, FIRE), False, id="its own, after a rollback"),
        pytest.param({"uid": "u-1"}, slot_name("bars", FIRE), True, id="the other version's"),
        pytest.param({"uid": "u-1"}, "bars-0123456789", True, id="a token's"),
        pytest.param({}, slot_name(NAME, FIRE), True, id="outside a cluster"),
    ],
)
def test_a_run_of_a_schedule_that_nobody_keeps_is_none(
    tmp_path: Path, metadata: dict[str, Any], run: str, goes_on: bool
) -> None:
    spec = {
        "backboneRef": {"name": "market"},
        "schedule": "0 22 * * *",
        "dailyBars": {"provider": "Sample", "symbols": ["AAPL"]},
    }
    texts = [
        document("DataBackbone", {"name": "market"}, {}),
        document("IngestPlan", {"name": "bars", **metadata}, spec),
    ]
    (tmp_path / "both.yaml").write_text(yaml.safe_dump_all(texts))
    (plan,) = read_manifest([tmp_path]).plans
    assert in_force(plan, run) is goes_on
