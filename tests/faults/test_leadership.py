"""One of two replicas acts, whatever happens to the other: killed, or frozen and awake again."""

from __future__ import annotations

import json
import time

import pytest

import truth
from api_proxy import ApiProxy, Harm
from deployment import Image, Kubectl, until
from figures import Figure
from operator_process import OperatorProcess, Replica

FROZEN = 120.0
EXIT_NO_LEASE = 3


@pytest.fixture
def pair(replica: Replica) -> tuple[OperatorProcess, OperatorProcess]:
    """A leader and its standby."""
    leader = replica("first").start().wait_leading()
    standby = replica("second").start()
    until(lambda: standby.page("/healthz"), lambda seen: "standing by" in seen[1], 30, "the standby says so")
    return leader, standby


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
    api.harm = Harm(after_write=lambda number: leader.kill_now() if number == 4 else None)
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


def test_a_leader_frozen_for_two_minutes_does_no_harm_when_it_wakes(
    kubectl: Kubectl,
    api: ApiProxy,
    pair: tuple[OperatorProcess, OperatorProcess],
    images: dict[str, Image],
    figure: Figure,
) -> None:
    leader, standby = pair
    # Frozen between two writes of one visit, with the rest of that visit still to come when it wakes.
    api.harm = Harm(after_write=lambda number: leader.freeze() if number == 3 else None)
    truth.create(kubectl)
    until(lambda: api.writes, lambda count: count >= 3, 30, "the third write")
    frozen = time.monotonic()
    took = truth.seconds(standby.wait_leading)
    truth.wait_delivered(kubectl)
    patch = {"spec": {"schedule": "15 3 29 2 *"}}
    kubectl.run("patch", "ingestplan", "daily", "--type=merge", "-p", json.dumps(patch))
    truth.annotate(kubectl, "meanwhile")
    truth.wait_run(kubectl, "meanwhile")
    before = truth.runs(kubectl)
    time.sleep(max(FROZEN - (time.monotonic() - frozen), 0))

    seen = len(api.requests)
    leader.thaw()
    assert leader.wait_end() == EXIT_NO_LEASE
    time.sleep(5)

    truth.wait_delivered(kubectl)
    assert kubectl.get("cronjob", "daily")["spec"]["schedule"] == "15 3 29 2 *"
    assert truth.runs(kubectl) == before
    assert truth.stored_rows(kubectl, images) == {"dailyBars": truth.DAILY_ROWS}
    assert standby.alive
    truth.nothing_twice(api)
    truth.told_once(kubectl)
    refused = sum(item.status == 409 for item in api.requests[seen:])
    figure("a standby leads after its leader was frozen", took, "s")
    figure("writes of a leader awake after two minutes that were refused", refused)
