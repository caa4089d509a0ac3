"""What the look at the database makes of a spec and of an annotation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backbone.adapters.timescale.policy_plan import refusal
from backbone.adapters.timescale.policy_settings import PolicyHoldings
from backbone.databackbone.institutional import Timescale
from backbone.market.dimensions import DIMENSIONS
from backbone.ports.policies import LEAST_DAYS, Aggregate
from backbone.runtime.policies import desired_policies

NOTHING_SET = PolicyHoldings(datetime(2024, 3, 1, tzinfo=UTC), {}, {})


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


MADE_OF = {
    Aggregate.MINUTE_BARS: ("intradayTrades", ["minuteBars"]),
    Aggregate.TRADE_DAYS: ("intradayTrades", ["tradeDays", "minuteBars"]),
    Aggregate.WEEKLY_BARS: ("dailyBars", ["weeklyBars"]),
}


@pytest.mark.parametrize("aggregate", Aggregate)
def test_spec_and_database_refuse_an_aggregate_below_the_same_retention(aggregate: Aggregate) -> None:
    table, named = MADE_OF[aggregate]
    least = LEAST_DAYS[aggregate]

    def asked(days: int) -> Timescale:
        tables = {table: {"chunkDays": 1, "retentionDays": days}}
        section = {"connection": {"secretName": "db"}, "hypertables": tables, "continuousAggregates": named}
        return Timescale.model_validate(section)

    wish = desired_policies(asked(least))
    assert refusal(wish, NOTHING_SET) is None
    with pytest.raises(ValueError, match=f"{least} days"):
        asked(least - 1)
    shorter = [
        replace(item, retention_days=least - 1) if item.dimension.name == table else item
        for item in wish.hypertables
    ]
    found = refusal(replace(wish, hypertables=tuple(shorter)), NOTHING_SET)
    assert found is not None
    assert f"it needs {least} days of {table}, of which {least - 1} are kept" in found.message
