"""Nothing in a body is taken for a number that is none, and nothing in it raises."""

from __future__ import annotations

import math

import pytest

from backbone.providers.values import counts, decimals, read_json, stamps

NONSENSE = [True, False, "", "12.5", "NaN", "0x10", [], [[1]], {}, {"raw": 1.5}, 10**400, -(10**400)]


def test_a_price_is_a_number_not_told_or_unreadable() -> None:
    sound: list[object] = [1, 2.5, -0.25, 2**63, 1e-310]
    assert decimals(sound).tolist() == [1.0, 2.5, -0.25, 2.0**63, 1e-310]
    assert [math.isnan(value) for value in decimals([None, math.nan, 1.0])] == [True, True, False]
    assert decimals(NONSENSE).tolist() == [math.inf] * len(NONSENSE)


def test_a_volume_is_a_whole_number_of_64_bits_or_masked() -> None:
    sound: list[object] = [0, None, math.nan, 7.0, -3, 2**63 - 1, -(2**63)]
    assert counts(sound).tolist() == [0, 0, 0, 7, -3, 2**63 - 1, -(2**63)]
    bad: list[object] = [*NONSENSE, 2**63, 10**20, 1.3e29, math.inf, -math.inf]
    assert counts(bad).mask.all()
    assert counts([5, 10**20, None]).tolist() == [5, None, 0]


@pytest.mark.parametrize(
    "bad", [*NONSENSE, None, math.nan, math.inf, 2**63, 10**12, -(10**12), 253_402_300_800], ids=repr
)
def test_a_time_that_no_calendar_has_is_no_time(bad: object) -> None:
    with pytest.raises(ValueError, match="no calendar"):
        stamps([0, bad])


def test_times_before_1970_and_far_ahead_are_times() -> None:
    assert stamps([-252_322_200, 0, 4_102_444_800]).astype(str).tolist() == [
        "1962-01-02T14:30:00.000000",
        "1970-01-01T00:00:00.000000",
        "2100-01-01T00:00:00.000000",
    ]


def test_json_with_numbers_of_any_length_is_read_in_time() -> None:
    found = read_json(b"[1" + b"0" * 100_000 + b", 1e400, 12, -5]")
    assert found == [math.inf, math.inf, 12, -5]
