"""How long a check waits for what it has created."""

from __future__ import annotations

import pytest

from backbone.ports.topics import PlannedTopic
from backbone.runtime.provisioning import LOGS_SECONDS, logs_seconds
from backbone.runtime.topics import WITHIN_SECONDS


@pytest.mark.parametrize(
    ("topics", "partitions", "seconds"),
    [
        pytest.param(1, 6, 0.06, id="one topic"),
        pytest.param(1_000, 6, 60.0, id="a thousand topics of the default"),
        pytest.param(1_000, 100, LOGS_SECONDS, id="more than a check waits for"),
    ],
)
def test_logs_take_time_by_their_number_within_a_bound(topics: int, partitions: int, seconds: float) -> None:
    changed = [PlannedTopic(f"t{number}", partitions) for number in range(topics)]
    assert logs_seconds(changed) == pytest.approx(seconds)


def test_a_check_has_time_for_more_than_the_logs() -> None:
    assert LOGS_SECONDS < WITHIN_SECONDS / 1.5
