"""Health says what the process does, and fails when visits do not get on."""

from __future__ import annotations

from typing import Any

from backbone.health import STALLED_AFTER, Health, Page, Progress


def test_a_standby_is_alive_and_ready_and_says_that_it_stands_by() -> None:
    health = Health(state="standing by", able=True)
    assert (health.live().status, health.live().body) == (200, b"standing by\n")
    assert (health.ready().status, health.ready().body) == (200, b"standing by\n")


def test_a_process_that_could_not_lead_is_alive_and_not_ready() -> None:
    health = Health(state="waiting for the CustomResourceDefinition of DataBackbone")
    assert health.live().status == 200
    assert health.ready().status == 503


def test_visits_that_are_owed_and_do_not_end_fail_the_probe() -> None:
    assert live(silent=STALLED_AFTER).status == 200
    stuck = live(silent=STALLED_AFTER + 1)
    assert stuck.status == 503
    assert stuck.body == b"no progress: visits of Thing are owed and none has ended for 301 seconds\n"


def test_one_visit_that_never_ends_fails_the_probe_whatever_the_others_do() -> None:
    assert live(longest=STALLED_AFTER, longest_of="ns/one").status == 200
    stuck = live(longest=STALLED_AFTER + 1, longest_of="ns/one")
    assert stuck.status == 503
    assert stuck.body == b"no progress: the visit of Thing ns/one has run for 301 seconds\n"


def test_one_kind_that_stands_still_fails_the_probe_while_another_goes_on() -> None:
    seen = {"Busy": Progress(objects=5), "Still": Progress(objects=1, silent=400)}
    assert b"visits of Still" in Health(progress=lambda: seen).live().body


def live(**seen: Any) -> Page:
    return Health(progress=lambda: {"Thing": Progress(objects=1, **seen)}).live()
