"""Documents that the end-to-end tests apply."""

from __future__ import annotations

from typing import Any

from backbone.naming import schedule_name
from deployment import Kubectl

API_VERSION = "backbone.emp.dev/v1alpha1"
LEAP_DAY = "0 0 29 2 *"
"""A schedule that does not fire while a test runs."""


def backbone(name: str = "market", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": "DataBackbone", "metadata": {"name": name}, "spec": spec}


def plan(name: str = "daily", backbone_name: str = "market", **spec: Any) -> dict[str, Any]:
    """A small plan: three symbols of daily bars, started only by its creation or a token."""
    body = {
        "backboneRef": {"name": backbone_name},
        "schedule": LEAP_DAY,
        "dailyBars": {"provider": "Sample", "symbols": ["AAPL", "IBM", "MSFT"]},
        **spec,
    }
    body = {key: value for key, value in body.items() if value is not None}
    return {"apiVersion": API_VERSION, "kind": "IngestPlan", "metadata": {"name": name}, "spec": body}


def drill(
    name: str = "rehearsal", backbone_name: str = "market", scenario: str = "RedisOutage"
) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "FailoverDrill",
        "metadata": {"name": name},
        "spec": {"backboneRef": {"name": backbone_name}, "scenario": scenario},
    }


def conditions(item: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Status and reason by condition type."""
    return {
        entry["type"]: (entry["status"], entry["reason"])
        for entry in item.get("status", {}).get("conditions", [])
    }


def message(item: dict[str, Any], kind: str) -> str:
    """The message of one condition."""
    return next(entry["message"] for entry in item["status"]["conditions"] if entry["type"] == kind)


def run_again(kubectl: Kubectl, token: str) -> None:
    """Ask for one run more of the plan `daily`."""
    kubectl.run("annotate", "ingestplan", "daily", f"backbone.emp.dev/run-now={token}", "--overwrite")


def cron_job(kubectl: Kubectl, name: str = "daily") -> str:
    """Name of a plan's CronJob, which has the plan's identity in it; of one that is not there, nobody's."""
    found = kubectl.find("ingestplan", name)
    return schedule_name(name, found["metadata"]["uid"] if found else "")
