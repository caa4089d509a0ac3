"""A thousand generated specs, whether an API server would take them or not: no visit stumbles over one."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import hostile
from backbone.databackbone import handlers as databackbone
from backbone.databackbone.plans import Plans
from backbone.failoverdrill import handlers as failoverdrill
from backbone.handling import Reconciler
from backbone.ingestplan import handlers as ingestplan
from backbone.jobs.looks import Pace
from backbone.jobs.pods import WorkerImages
from backbone.metrics import Metrics

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
IMAGES = WorkerImages("worker:1", "sample:1", "IfNotPresent")
SEEDS, EACH = (20_240_301, 20_240_302), 500
"""Those of tests/faults, where an API server stands before the operator."""
VISITS = 5
"""After so many an object that nobody changes has come to rest."""
KEPT = 1
"""Blocks of memory per object that a second round may leave; an object itself has some hundreds."""


async def rest(cluster: Any, reconciler: Reconciler[Any, Any], document: hostile.Document) -> str:
    """Visit a new object until it rests, take it away again; the reason that it gives."""
    kind, metadata = document["kind"], {**document["metadata"], "namespace": "ns", "generation": 1}
    name = metadata["name"]
    cluster.put({**document, "metadata": metadata})
    for _ in range(VISITS):
        written = cluster.writes
        visited = await reconciler.visit("ns", name)
        if cluster.writes == written:
            break
    assert cluster.writes == written, "what a visit writes wakes the next one"
    assert visited.after is None or visited.after >= timedelta(seconds=1), visited
    status = cluster.objects[kind, "ns", name]["status"]
    summary = next(item for item in status["conditions"] if item["type"] == reconciler.room.summary)
    cluster.objects.clear()
    assert (await reconciler.visit("ns", name)).gone
    return str(summary["reason"])


async def test_each_has_its_answer_comes_to_rest_and_leaves_nothing(
    cluster: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = Metrics(CollectorRegistry())
    rooms: list[Any] = [
        databackbone.room(cluster, Plans(cluster), IMAGES, Pace(timedelta(hours=1)), lambda: NOW),
        ingestplan.room(cluster, IMAGES, lambda: NOW),
        failoverdrill.room(cluster),
    ]
    reconcilers = {
        room.kind.kind: Reconciler(room, cluster, metrics, lambda: NOW, lambda body, notice: None)
        for room in rooms
    }
    answers: Counter[str] = Counter()
    kept: list[int] = []
    for documents in [hostile.documents(seed, EACH) for seed in SEEDS]:
        for document in documents:
            if isinstance(document["spec"], dict):
                answers[await rest(cluster, reconcilers[document["kind"]], document)] += 1
        cluster.log.clear()
        gc.collect()
        kept.append(sys.getallocatedblocks())
    assert kept[1] - kept[0] < KEPT * EACH, kept
    assert b'name="h' not in metrics.page().body, "series go with their object"
    assert answers.keys().isdisjoint({"Pending", "InternalError"}), answers
    assert answers.total() >= 9 * len(SEEDS) * EACH // 10
    with capsys.disabled():
        sys.stdout.write(f" {answers} {kept} ")
