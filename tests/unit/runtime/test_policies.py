"""What the look at the database makes of a spec and of an annotation."""

from __future__ import annotations

import pytest

from backbone.databackbone.institutional import Timescale
from backbone.market.dimensions import DIMENSIONS
from backbone.ports.policies import Aggregate
from backbone.runtime.policies import desired_policies, tokens_of


def test_every_dimension_and_every_aggregate_is_wished_for_as_the_spec_says() -> None:
    section = Timescale.model_validate(
        {
            "connection": {"secretName": "db"},
            "hypertables": {"macroEvents": {"chunkDays": 10, "retentionDays": 30, "compressAfterDays": 20}},
            "continuousAggregates": ["tradeDays", "minuteBars", "weeklyBars"],
        }
    )
    wished = desired_policies(section)
    assert [item.dimension for item in wished.hypertables] == list(DIMENSIONS)
    events = wished.hypertables[-1]
    assert (events.chunk_days, events.retention_days, events.compress_after_days) == (10, 30, 20)
    assert {item.aggregate for item in wished.aggregates} == set(Aggregate)
    bars = wished.hypertables[0]
    assert (bars.chunk_days, bars.retention_days, bars.compress_after_days) == (365, None, None)


@pytest.mark.parametrize(
    ("annotation", "tokens"),
    [(None, ()), ("", ()), ("a", ("a",)), (" a , b,,", ("a", "b"))],
)
def test_an_annotation_holds_tokens(annotation: str | None, tokens: tuple[str, ...]) -> None:
    assert tokens_of(annotation) == tokens
