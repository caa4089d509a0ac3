"""When a symbol trades by Yahoo's own word, whatever stands in its answer."""

from __future__ import annotations

import pytest

from backbone.providers.yahoo.hours import merged, periods_of

DAY = 1_764_054_000
SECOND = 1_000_000


def span(first: object, last: object) -> dict[str, object]:
    return {"timezone": "AEDT", "start": first, "end": last, "gmtoffset": 39_600}


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        pytest.param({}, [], id="nothing is told"),
        pytest.param(
            {"tradingPeriods": [[span(DAY, DAY + 22_320)], [span(DAY + 86_400, DAY + 108_720)]]},
            [[DAY, DAY + 22_320], [DAY + 86_400, DAY + 108_720]],
            id="sessions of some days",
        ),
        pytest.param(
            {"tradingPeriods": {"pre": [[span(DAY - 3600, DAY)]], "post": [[span(DAY + 60, DAY + 120)]]}},
            [[DAY - 3600, DAY], [DAY + 60, DAY + 120]],
            id="the hours before and after them",
        ),
        pytest.param(
            {"currentTradingPeriod": {"pre": span(DAY, DAY), "regular": span(DAY, DAY + 60), "post": None}},
            [[DAY, DAY + 60]],
            id="the present one, and no hours before it",
        ),
        pytest.param(
            {
                "tradingPeriods": [
                    [
                        span("soon", DAY),
                        span(DAY, DAY + 90_000),
                        span(True, 5),
                        span(DAY, 10**30),
                        span(-5, 5),
                    ],
                    None,
                    7,
                    [[[{"start": None}]]],
                ],
                "currentTradingPeriod": "closed",
            },
            [],
            id="what is none",
        ),
    ],
)
def test_periods_are_read_from_whatever_was_told(meta: dict[str, object], expected: list[list[int]]) -> None:
    assert periods_of(meta).tolist() == [[edge * SECOND for edge in pair] for pair in expected]


def test_periods_of_several_answers_are_one_list_in_order() -> None:
    parts = [periods_of({"tradingPeriods": [[span(DAY + day, DAY + day + 60)]]}) for day in (86_400, 0, 0)]
    assert merged(parts).tolist() == [[(DAY + day + add) * SECOND for add in (0, 60)] for day in (0, 86_400)]
    assert merged([]).shape == (0, 2)
