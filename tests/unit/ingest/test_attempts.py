"""The journal tells for each name how the last run fared with it."""

from __future__ import annotations

import pytest

from backbone.ingest.attempts import attempts_of
from backbone.ingest.tasks import Task
from backbone.market.dimensions import DAILY_BARS
from backbone.providers.protocol import Delivery, Query
from backbone.vocabulary import Outcome

TASK = Task("Test", Query(DAILY_BARS, ("AAPL", "IBM", "ZZZ")), required=True)


@pytest.mark.parametrize(
    ("outcome", "delivery", "fates"),
    [
        pytest.param(
            Outcome.SUCCEEDED, Delivery(()), ["Succeeded"] * 3, id="what was delivered whole succeeded"
        ),
        pytest.param(
            Outcome.PARTIAL,
            Delivery((), unknown=("ZZZ",), without_data=("IBM",)),
            ["Succeeded", "NoData", "UnknownSymbol"],
            id="what is missing says why",
        ),
        pytest.param(
            Outcome.PROVIDER_FAILED, None, ["ProviderFailed"] * 3, id="without an answer all failed alike"
        ),
    ],
)
def test_attempts(outcome: Outcome, delivery: Delivery | None, fates: list[str]) -> None:
    found = attempts_of(TASK, outcome, delivery)
    assert [(item.dimension, item.subject, item.provider, item.outcome) for item in found] == [
        ("dailyBars", name, "Test", fate) for name, fate in zip(("AAPL", "IBM", "ZZZ"), fates, strict=True)
    ]
