"""Rows in quarantine on a real cluster: told in status by reason, released by an annotation, once."""

from __future__ import annotations

from typing import Any

import pytest

from deployment import Image, Kubectl, until
from documents import plan
from local_cluster import wait_until_stands

SEED = """
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
import pyarrow as pa
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.dimensions import DAILY_BARS
from backbone.providers.protocol import Delivery, Query, Slice

class Wrong:
    def fetch(self, query):
        rows = [{"source": "test/bars", "symbol": "AAPL", "session_date": date(2024, 3, day), "open": 9.0,
                 "high": 9.5, "low": 8.5, "close": 9.0 + day / 100, "adjusted_close": None, "volume": day,
                 "price_basis": "asTraded", "revision": 0} for day in range(4, 11)]
        facts = pa.Table.from_pylist(rows, schema=DAILY_BARS.facts)
        return Delivery((Slice("test/bars", datetime(2024, 3, 10, tzinfo=UTC), facts),))

now = lambda: datetime.now(UTC)
tasks = (Task("Test", Query(DAILY_BARS, ("AAPL",)), True),)
report = IngestRun(RunRequest("seed", "daily", 1, tasks, timedelta(minutes=1)), {"Test": Wrong()},
                   DuckDBStore(Path(os.environ["EMP_DATA_DIR"])), clock=now, progress=print,
                   checkpoint=lambda: None).execute()
print(report.encode().decode())
"""
"""A run whose provider dates two of seven bars on a weekend."""


def in_a_pod(kubectl: Kubectl, image: Image, name: str, command: list[str]) -> str:
    """What a command prints that runs with the backbone's volume, as a worker does."""
    user = 65532
    container: dict[str, Any] = {
        "name": "tool",
        "image": image.reference,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "env": [{"name": "EMP_DATA_DIR", "value": "/data"}, {"name": "TMPDIR", "value": "/tmp"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/tmp"}],
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": "market-data"}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
    ended = until(
        lambda: kubectl.get("pod", name)["status"]["phase"],
        lambda phase: phase in {"Succeeded", "Failed"},
        120,
        f"the end of pod {name}",
    )
    told = kubectl.run("logs", name)
    assert ended == "Succeeded", told
    return told


@pytest.fixture(scope="module")
def with_bad_rows(market: Kubectl, images: dict[str, Image]) -> Kubectl:
    """A plan whose rows are partly in quarantine; its tests release them or do not."""
    market.apply(plan())
    wait_until_stands(market, "ingestplan/daily", "Ready", "True", "Delivered")
    assert "OffSession" in in_a_pod(market, images["worker"], "seed", ["python3", "-c", SEED])
    return market


def release_jobs(kubectl: Kubectl) -> list[str]:
    jobs = kubectl.get("jobs", "-l", "app.kubernetes.io/component=quarantine")["items"]
    return [job["metadata"]["name"] for job in jobs]


def released(kubectl: Kubectl, token: str) -> dict[str, Any]:
    """The release that a value of the annotation asks for, at its end."""
    kubectl.run(
        "annotate", "ingestplan", "daily", "--overwrite", f"backbone.emp.dev/quarantine-release={token}"
    )
    status = until(
        lambda: kubectl.get("ingestplan", "daily")["status"],
        lambda seen: (
            seen.get("release", {}).get("token") == token and seen["release"].get("outcome") is not None
        ),
        120,
        f"the end of release {token}",
    )
    found: dict[str, Any] = status["release"]
    return found


def test_rows_are_released_once_per_value_of_the_annotation(
    with_bad_rows: Kubectl, images: dict[str, Image]
) -> None:
    kubectl = with_bad_rows
    run = kubectl.get("ingestplan", "daily")["status"]["lastRun"]["id"]
    first = released(kubectl, "dailyBars/OffSession:one")
    assert (first["outcome"], first["rows"]) == ("Succeeded", 2)
    second = released(kubectl, "all:two")
    assert (second["outcome"], second["rows"]) == ("Succeeded", 0)
    status = kubectl.get("ingestplan", "daily")["status"]
    assert status["triggers"]["quarantineRelease"] == "all:two"
    assert status["lastRun"]["id"] == run, "a release is no run of the plan"
    read = ["emp-runtime", "read", "daily-bars", "AAPL", "--source", "test/bars", "-o", "csv"]
    told = in_a_pod(kubectl, images["worker"], "reader", read)
    assert told.count("Released") == 2
    assert release_jobs(kubectl) == [second["job"]], "the newest Job stays to be looked at"


def test_what_nobody_can_understand_is_refused_in_status_and_starts_nothing(with_bad_rows: Kubectl) -> None:
    before = release_jobs(with_bad_rows)
    refused = released(with_bad_rows, "OffSession")
    assert refused["outcome"] == "ReleaseRefused"
    assert "has no token" in refused["message"]
    assert release_jobs(with_bad_rows) == before
    ready = with_bad_rows.get("ingestplan", "daily")["status"]["conditions"]
    assert next(item["status"] for item in ready if item["type"] == "Ready") == "True"
