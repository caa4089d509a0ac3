"""The event of a summary condition that turned: of which type, and for every reason that there is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backbone.conditions import Condition, ConditionStatus
from backbone.documented import Documented
from backbone.evaluation import Notice
from backbone.notices import bounded, turned
from backbone.ports.cache import CacheFault
from backbone.ports.database import DatabaseFault
from backbone.ports.policies import PolicyTrouble
from backbone.vocabulary import ConditionType, Outcome, Reason

REASONS: list[Documented] = [*Reason, *Outcome, *DatabaseFault, *PolicyTrouble, *CacheFault]

NORMAL_WHERE_FALSE = [
    Reason.SUSPENDED,
    Reason.VOLUME_PENDING,
    Reason.TIER_PENDING,
    Reason.MIGRATION_PENDING,
    Reason.TOPICS_PENDING,
    Reason.LAG_PENDING,
    Reason.BACKBONE_NOT_READY,
    Reason.BACKBONE_SUSPENDED,
    Reason.AWAITING_FIRST_RUN,
    Reason.SPEC_CHANGED,
    Reason.AWAITING_FIRST_EXPORT,
    Outcome.SUCCEEDED,
    Outcome.SUPERSEDED,
]
WARNING_WHERE_TRUE = [Reason.PERMISSION_DENIED, Reason.CHILD_REFUSED]
RESUMED_FROM = [Reason.SUSPENDED, Reason.BACKBONE_SUSPENDED]
NO_EVENT = [Reason.PENDING]


def summary(status: ConditionStatus, reason: str, message: str = "words") -> Condition:
    return Condition(ConditionType.READY, status, reason, message, 1)


def stored(status: ConditionStatus, reason: str) -> Condition:
    """A condition as it was read from an object's status: its reason is a text."""
    moment = datetime(2024, 3, 1, tzinfo=UTC)
    return Condition.from_json(Condition("Ready", status, str(reason), "before", 1, moment).to_json())


def types_of(status: ConditionStatus) -> dict[str, list[Documented]]:
    """The reasons by the type of the event that a summary of this status and reason has."""
    found: dict[str, list[Documented]] = {}
    for reason in REASONS:
        notices = turned((), summary(status, reason), ())
        assert [(item.reason, item.message) for item in notices] in ([(reason, "words")], [])
        found.setdefault(notices[0].type if notices else "none", []).append(reason)
    return found


@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_a_summary_that_does_not_hold_warns_except_where_nobody_has_to_do_anything(
    status: ConditionStatus,
) -> None:
    found = types_of(status)
    assert found["Normal"] == NORMAL_WHERE_FALSE
    assert found["none"] == NO_EVENT
    assert len(found["Warning"]) == len(REASONS) - len(NORMAL_WHERE_FALSE) - len(NO_EVENT)


def test_a_summary_that_holds_is_normal_except_where_the_api_server_refused_a_child() -> None:
    found = types_of("True")
    assert found["Warning"] == WARNING_WHERE_TRUE
    assert found["none"] == NO_EVENT
    assert len(found["Normal"]) == len(REASONS) - len(WARNING_WHERE_TRUE) - len(NO_EVENT)


def test_a_summary_that_holds_after_a_pause_is_told_as_resumed() -> None:
    told = {
        reason: turned((stored("False", reason),), summary("True", Reason.AVAILABLE), ())[0]
        for reason in REASONS
    }
    resumed = [reason for reason, notice in told.items() if notice.reason == Reason.RESUMED]
    assert resumed == RESUMED_FROM
    assert {notice.type for notice in told.values()} == {"Normal"}


def test_a_summary_that_does_not_hold_after_a_pause_has_its_own_reason() -> None:
    (notice,) = turned((stored("False", Reason.SUSPENDED),), summary("False", Reason.VOLUME_FULL), ())
    assert notice == Notice("Warning", Reason.VOLUME_FULL, "words")


def test_a_summary_of_the_same_status_and_reason_is_no_turn() -> None:
    assert turned((stored("False", Reason.VOLUME_FULL),), summary("False", Reason.VOLUME_FULL), ()) == ()
    assert turned((stored("Unknown", Reason.VOLUME_FULL),), summary("False", Reason.VOLUME_FULL), ())


def test_a_turn_that_another_event_of_the_visit_has_told_is_not_told_again() -> None:
    told = Notice("Warning", Reason.RUN_MISSED, "other words")
    assert turned((), summary("False", Reason.RUN_MISSED), (told,)) == ()


def test_an_event_is_as_long_as_the_api_server_takes() -> None:
    notice = bounded(Notice("Normal", "r" * 200, "m" * 2000))
    assert (len(notice.reason), len(notice.message)) == (128, 1024)
