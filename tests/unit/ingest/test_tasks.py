"""A plan becomes one task per dimension."""

from __future__ import annotations

from datetime import timedelta

from backbone.ingest.tasks import Task, tasks_of
from backbone.ingestplan.api import IngestPlanSpec
from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS, MACRO_EVENTS, MACRO_SERIES
from backbone.providers.protocol import Connection, Query


def spec(**dimensions: object) -> IngestPlanSpec:
    return IngestPlanSpec.model_validate(
        {"backboneRef": {"name": "market"}, "schedule": "@daily", **dimensions}
    )


def test_only_what_the_plan_names_becomes_a_task_in_the_order_of_the_dimensions() -> None:
    plan = spec(
        macroEvents={"provider": "Sample", "calendars": ["FOMC"]},
        macroSeries={"provider": "Sample", "series": ["cpi"], "required": False},
        dailyBars={"provider": "Sample", "symbols": ["AAPL", "IBM"], "lookbackDays": 30},
    )
    assert tasks_of(plan) == (
        Task("Sample", Query(DAILY_BARS, ("AAPL", "IBM"), timedelta(days=30)), required=True),
        Task("Sample", Query(MACRO_SERIES, ("cpi",)), required=False),
        Task("Sample", Query(MACRO_EVENTS, ("FOMC",)), required=True),
    )


def test_a_connection_goes_to_its_provider() -> None:
    plan = spec(
        dailyBars={"provider": "Yahoo", "symbols": ["AAPL"], "connection": {"secretName": "proxy"}},
        macroSeries={
            "provider": "Fred",
            "series": ["GDP"],
            "connection": {"secretName": "fred", "baseUrl": "https://fred.example.com"},
        },
    )
    assert [task.query.connection for task in tasks_of(plan)] == [
        Connection("proxy"),
        Connection("fred", "https://fred.example.com"),
    ]


def test_intraday_bars_carry_their_interval() -> None:
    plan = spec(intradayBars={"provider": "Sample", "symbols": ["ES"], "intervalSeconds": 300})
    assert tasks_of(plan) == (Task("Sample", Query(INTRADAY_BARS, ("ES",), None, 300), required=True),)
