"""A leader that is frozen in the middle of a visit, and wakes when another has led for long."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from http import HTTPStatus

import truth
from api_proxy import Harm
from deployment import until
from documents import cron_job
from ground import Ground
from operator_process import OperatorProcess, Replica

EXIT_NO_LEASE = 3


@dataclass(frozen=True, slots=True)
class Woken:
    """What was measured."""

    took_over: float
    """Seconds until the standby led."""
    refused: int
    """Writes of the leader, awake again, that the API server refused."""


def pair(replica: Replica) -> tuple[OperatorProcess, OperatorProcess]:
    """A leader and its standby, at work."""
    leader = replica("first").start().wait_leading()
    standby = replica("second").start()
    until(lambda: standby.page("/healthz"), lambda seen: "standing by" in seen[1], 30, "the standby says so")
    return leader, standby


def freeze(at: Ground, replicas: tuple[OperatorProcess, OperatorProcess], seconds: float) -> Woken:
    """Freeze the leader for so long; raises AssertionError where it does harm when it wakes."""
    kubectl, api = at.kubectl, at.api
    leader, standby = replicas
    # Frozen between two writes of one visit, with the rest of that visit still to come when it wakes.
    api.harm = Harm(after_write=lambda number, _: leader.freeze() if number == 3 else None)
    truth.create(kubectl)
    until(lambda: api.writes, lambda count: count >= 3, 30, "the third write")
    frozen = time.monotonic()
    took_over = truth.seconds(standby.wait_leading)
    truth.wait_delivered(kubectl)
    patch = {"spec": {"schedule": "15 3 29 2 *"}}
    kubectl.run("patch", "ingestplan", "daily", "--type=merge", "-p", json.dumps(patch))
    truth.annotate(kubectl, "meanwhile")
    truth.wait_run(kubectl, "meanwhile")
    before = truth.runs(kubectl)
    time.sleep(max(seconds - (time.monotonic() - frozen), 0))

    seen = len(api.requests)
    leader.thaw()
    assert leader.wait_end() == EXIT_NO_LEASE
    truth.wait_quiet(standby, api)

    truth.wait_delivered(kubectl)
    assert kubectl.get("cronjob", cron_job(kubectl))["spec"]["schedule"] == "15 3 29 2 *"
    assert truth.runs(kubectl) == before
    assert truth.stored_rows(kubectl, at.images) == {"dailyBars": truth.DAILY_ROWS}
    assert standby.alive
    truth.nothing_twice(api)
    truth.told_once(kubectl)
    refused = sum(item.status == HTTPStatus.CONFLICT for item in api.requests[seen:])
    return Woken(round(took_over, 1), refused)
