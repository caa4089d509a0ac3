"""One of two replicas acts, whatever happens to the other: killed, or frozen and awake again."""

from __future__ import annotations

import pytest

import frozen_leader
import truth
from api_proxy import ApiProxy, Harm
from deployment import Image, Kubectl
from figures import Figure
from ground import Ground
from operator_process import OperatorProcess, Replica

FROZEN = 30.0
"""Seconds; two minutes under `make soak`."""


@pytest.fixture
def pair(replica: Replica) -> tuple[OperatorProcess, OperatorProcess]:
    """A leader and its standby."""
    return frozen_leader.pair(replica)


def test_a_standby_is_healthy_and_ready_and_takes_over_from_a_leader_that_is_killed(
    kubectl: Kubectl,
    api: ApiProxy,
    pair: tuple[OperatorProcess, OperatorProcess],
    images: dict[str, Image],
    figure: Figure,
) -> None:
    leader, standby = pair
    assert standby.page("/readyz") == (200, "standing by\n")
    assert (leader.metric("backbone_operator_leader"), standby.metric("backbone_operator_leader")) == (1, 0)
    api.harm = Harm(after_write=lambda number, _: leader.kill_now() if number == 4 else None)
    truth.create(kubectl)
    assert leader.wait_end() == -9
    took = truth.seconds(standby.wait_leading)
    truth.wait_delivered(kubectl)
    assert standby.metric("backbone_operator_leader") == 1
    assert truth.stored_rows(kubectl, images) == {"dailyBars": truth.DAILY_ROWS}
    assert len(truth.runs(kubectl)) == 1
    truth.nothing_twice(api)
    truth.told_once(kubectl)
    assert took < truth.TRUE_AGAIN
    figure("a standby leads after its leader was killed", took, "s")


def test_a_leader_frozen_for_twice_as_long_as_its_lease_lasts_does_no_harm_when_it_wakes(
    place: Ground, pair: tuple[OperatorProcess, OperatorProcess], figure: Figure
) -> None:
    woken = frozen_leader.freeze(place, pair, FROZEN)
    figure("a standby leads after its leader was frozen", woken.took_over, "s")
    figure(f"writes of a leader awake after {FROZEN:.0f} s that were refused", woken.refused)
