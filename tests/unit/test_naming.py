"""Names of children are bounded, stable, and differ where their cause differs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backbone.naming import bounded_name, derived_name, digest, schedule_name, slot_name, slot_of, stamped
from backbone.vocabulary import ANNOTATION_DESIRED

LONG = "a" * 62 + "b"


def test_a_short_name_stays_as_it_is() -> None:
    assert bounded_name("daily", 52) == "daily"


def test_long_names_that_differ_at_the_end_stay_different() -> None:
    names = {bounded_name("a" * 62 + end, 52) for end in "bcd"}
    assert len(names) == 3
    assert {len(name) for name in names} == {52}


@pytest.mark.parametrize("stem", ["daily", LONG, "a" * 51 + "-b"])
def test_a_derived_name_is_a_valid_label_value(stem: str) -> None:
    name = derived_name(stem, "uid", "first")
    assert len(name) <= 63
    assert "--" not in name
    assert name == derived_name(stem, "uid", "first")
    assert name != derived_name(stem, "uid", "run-now")


def test_the_boundaries_between_the_parts_of_an_identity_count() -> None:
    assert digest("ab", "c") != digest("a", "bc")


def test_a_stamp_follows_from_the_rest_of_the_document() -> None:
    document = {"metadata": {"name": "x"}, "data": {"a": "1"}}
    changed = {"metadata": {"name": "x"}, "data": {"a": "2"}}
    mark = stamped(document)["metadata"]["annotations"][ANNOTATION_DESIRED]
    assert mark == stamped(dict(reversed(document.items())))["metadata"]["annotations"][ANNOTATION_DESIRED]
    assert mark != stamped(changed)["metadata"]["annotations"][ANNOTATION_DESIRED]
    assert "annotations" not in document["metadata"]


def test_a_job_names_the_fire_it_is_for_as_kubernetes_does() -> None:
    fire = datetime(2024, 3, 1, 22, 0, tzinfo=UTC)
    name = schedule_name("daily", "uid")
    assert slot_name(name, fire) == f"{name}-28488840"
    assert slot_of(name, slot_name(name, fire)) == fire
    assert len(slot_name(schedule_name(LONG, "uid"), fire)) <= 63


@pytest.mark.parametrize(
    "job", ["daily-0123456789", "other-28488840", "daily-x", "daily", "daily-1-28488840"]
)
def test_a_job_of_another_cause_names_no_fire(job: str) -> None:
    assert slot_of("daily", job) is None
