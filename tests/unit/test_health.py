"""Health says what the process does, and fails when visits are owed and none ends."""

from __future__ import annotations

from backbone.health import STALLED_AFTER, Health


def test_a_standby_is_alive_and_ready_and_says_that_it_stands_by() -> None:
    health = Health(state="standing by", able=True)
    assert (health.live().status, health.live().body) == (200, b"standing by\n")
    assert (health.ready().status, health.ready().body) == (200, b"standing by\n")


def test_a_process_that_could_not_lead_is_alive_and_not_ready() -> None:
    health = Health(state="waiting for the CustomResourceDefinition of DataBackbone")
    assert health.live().status == 200
    assert health.ready().status == 503


def test_visits_that_are_owed_and_do_not_end_fail_the_probe() -> None:
    assert Health(stalled=lambda: STALLED_AFTER).live().status == 200
    stuck = Health(stalled=lambda: STALLED_AFTER + 1).live()
    assert stuck.status == 503
    assert b"301 seconds" in stuck.body
