"""The operator killed after its n-th write to the API: five n here, every n under `make soak`."""

from __future__ import annotations

import random

from api_proxy import ApiProxy
from deployment import Image, Kubectl
from figures import Figure
from lifetimes import Lifetimes
from operator_process import OperatorProcess

SAMPLED = 5
SEED = 20_240_301


def test_killed_after_its_nth_write_in_create_update_run_and_delete(
    kubectl: Kubectl,
    api: ApiProxy,
    operator: OperatorProcess,
    images: dict[str, Image],
    figure: Figure,
) -> None:
    lifetimes = Lifetimes(kubectl, api, operator, images)
    whole = lifetimes.cycle(0)
    most = max(whole.values())
    sample = sorted(random.Random(SEED).sample(range(1, most + 1), SAMPLED))
    for number in sample:
        lifetimes.cycle(number)
    assert lifetimes.kills["create"] >= SAMPLED - 1
    figure(
        f"deaths after write {', '.join(map(str, sample))} of at most {most}", sum(lifetimes.kills.values())
    )
