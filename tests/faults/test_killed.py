"""The operator killed after its n-th write to the API: five n here, every n under `make soak`."""

from __future__ import annotations

import random

import pytest

from api_proxy import ApiProxy
from deployment import Image, Kubectl
from figures import Figure
from lifetimes import Lifetimes, starts_a_job
from operator_process import OperatorProcess

WRITES = 32
"""What it takes to create a backbone and its plan, or a few fewer where two changes are seen at once."""
FEWEST = 28
SEED = 20_240_301
SAMPLE = sorted(random.Random(SEED).sample(range(1, WRITES + 1), 5))


def test_create_update_run_and_delete_without_a_death_take_the_writes_that_deaths_are_drawn_from(
    kubectl: Kubectl,
    api: ApiProxy,
    operator: OperatorProcess,
    images: dict[str, Image],
    figure: Figure,
) -> None:
    writes = Lifetimes(kubectl, api, operator, images).cycle(0)
    assert FEWEST <= writes["create"] <= WRITES + 4, f"draw the deaths from another number: {writes}"
    assert max(writes.values()) == writes["create"]
    figure("writes to create a backbone and its plan", writes["create"])


@pytest.mark.parametrize("number", SAMPLE, ids=lambda number: f"after write {number}")
def test_killed_after_its_nth_write_in_create_update_run_and_delete(
    kubectl: Kubectl, api: ApiProxy, operator: OperatorProcess, images: dict[str, Image], number: int
) -> None:
    lifetimes = Lifetimes(kubectl, api, operator, images)
    lifetimes.cycle(number)
    assert lifetimes.kills.get("create") == 1 or number > FEWEST


def test_killed_before_it_knows_that_a_job_was_started_it_starts_no_other(
    kubectl: Kubectl, api: ApiProxy, operator: OperatorProcess, images: dict[str, Image]
) -> None:
    lifetimes = Lifetimes(kubectl, api, operator, images)
    lifetimes.cycle_until(starts_a_job)
    assert lifetimes.kills == {"create": 1, "run": 1}
