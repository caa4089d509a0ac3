"""Whose a database is, by a table of values."""

from __future__ import annotations

import pytest

from backbone.authority.owner import Guard, Owner, Standing, judge

US = Owner("cluster-1", "traders", "market")
OURS = Guard(US, "mark-1")
OTHERS = {
    "another cluster": Owner("cluster-2", "traders", "market"),
    "another namespace": Owner("cluster-1", "research", "market"),
    "another name": Owner("cluster-1", "traders", "other"),
}

CASES = [
    # guard, expected mark, empty, how it stands
    pytest.param(None, None, True, Standing.FREE, id="an empty one, and there are no rows yet"),
    pytest.param(None, None, False, Standing.FREE, id="one that was migrated and belongs to nobody"),
    pytest.param(OURS, None, False, Standing.OURS, id="ours, of an object that was created again"),
    pytest.param(OURS, "mark-1", False, Standing.OURS, id="the one with our rows"),
    pytest.param(OURS, "", False, Standing.OURS, id="ours, by a status without its mark"),
    pytest.param(None, "", False, Standing.FREE, id="the one of an earlier version, which had no owner"),
    pytest.param(None, "", True, Standing.REPLACED, id="an empty one where rows were, of an earlier version"),
    pytest.param(None, "mark-1", True, Standing.REPLACED, id="an empty one where rows were"),
    pytest.param(None, "mark-1", False, Standing.REPLACED, id="a migrated one of nobody where rows were"),
    pytest.param(Guard(US, "mark-2"), "mark-1", False, Standing.REPLACED, id="another one of ours"),
]


@pytest.mark.parametrize(("guard", "expected", "empty", "standing"), CASES)
def test_how_a_database_stands_to_a_backbone(
    guard: Guard | None, expected: str | None, standing: Standing, *, empty: bool
) -> None:
    assert judge(US, guard, expected, empty=empty) is standing


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("expected", [None, "", "mark-1", "mark-2"])
def test_another_backbones_database_is_taken_whatever_else_is_true(other: str, expected: str | None) -> None:
    assert judge(US, Guard(OTHERS[other], "mark-1"), expected, empty=False) is Standing.TAKEN


def test_who_owns_it_is_told_by_what_differs() -> None:
    told = {name: owner.told_to(US) for name, owner in OTHERS.items()}
    assert told == {
        "another cluster": "DataBackbone traders/market of another cluster or data folder (cluster-2)",
        "another namespace": "DataBackbone research/market of this cluster (cluster-1)",
        "another name": "DataBackbone traders/other of this cluster (cluster-1)",
    }
    assert Owner("folder", "", "market").told_to(US).startswith("DataBackbone market of another")
