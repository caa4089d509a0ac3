"""A new version of the operator beside a database that the version before migrated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.plans import BACKBONE, DELIVERED, SEEN, plan
from support.readings import NOW

from backbone.evaluation import Start
from backbone.ingestplan.evaluate import evaluate
from backbone.migrations import newest
from backbone.ports.readings import BackboneReading


def raw(active: str, migration: int | None) -> dict[str, Any]:
    database = {"migration": migration} if migration is not None else None
    status = {"tier": {"active": active}, "database": database}
    return {"metadata": {"name": "market", "uid": "b"}, "spec": {}, "status": status}


@pytest.mark.parametrize("behind", [1, newest()])
def test_no_run_starts_before_the_database_is_where_its_worker_needs_it(behind: int) -> None:
    backbone = replace(BACKBONE, migration=newest() - behind)
    asked = plan(DELIVERED, token="again")
    found = evaluate(asked, replace(SEEN, backbone=backbone), (), NOW)
    [ready] = [item for item in found.conditions if item.type == "Ready"]
    assert (ready.status, ready.reason) == ("Unknown", "BackboneNotReady")
    assert f"migration {newest() - behind}" in ready.message
    assert str(newest()) in ready.message
    assert not [item for item in found.actions if isinstance(item, Start)]


@pytest.mark.parametrize("ahead", [0, 1])
def test_a_database_at_this_version_or_a_later_one_holds_no_run(ahead: int) -> None:
    backbone = replace(BACKBONE, migration=newest() + ahead)
    asked = plan(DELIVERED, token="again")
    found = evaluate(asked, replace(SEEN, backbone=backbone), (), NOW)
    assert [item for item in found.actions if isinstance(item, Start)]


@pytest.mark.parametrize(
    ("active", "migration", "seen"),
    [("Institutional", 8, 8), ("Institutional", None, None), ("Bootstrap", 8, None)],
)
def test_only_a_database_that_serves_counts(active: str, migration: int | None, seen: int | None) -> None:
    assert BackboneReading.read(raw(active, migration)).migration == seen
