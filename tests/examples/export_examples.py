"""Exports of plans that the API takes and refuses; api_examples has all tables in one."""

from __future__ import annotations

from typing import Any

from example_objects import Document, Example, plan

BARS = {
    "name": "bars",
    "dimension": "dailyBars",
    "schedule": "30 22 * * 1-5",
    "partitionBy": "Year",
    "target": {"claimName": "exports"},
}


def export(**fields: Any) -> Document:
    """A plan with one export."""
    return plan(exports=[{**BARS, **fields}])


ACCEPTED = (
    Example("an export", export()),
    Example(
        "an export with every field",
        export(sources=["yahoo", "a/b = c"], engine="Worker", keepManifests=1000, schedule="@hourly"),
    ),
    Example("no exports", plan(exports=[])),
    Example("twenty exports", plan(exports=[{**BARS, "name": f"bars-{number}"} for number in range(20)])),
    Example("another target and schedule", export(schedule="@daily"), before=export()),
    Example("an export of another name", export(name="trades", dimension="intradayTrades"), before=export()),
    Example("an export less", plan(), before=export()),
)
REJECTED = (
    Example(
        "21 exports",
        plan(exports=[{**BARS, "name": f"bars-{number}"} for number in range(21)]),
        "at most 20 items",
        "must have at most 20 items",
    ),
    Example("two exports of one name", plan(exports=[BARS, BARS]), "named twice: bars", "Duplicate value"),
    Example(
        "an export without a target",
        plan(exports=[{key: value for key, value in BARS.items() if key != "target"}]),
        "target: Field required",
        "target: Required",
    ),
    Example("an export by week", export(partitionBy="Week"), "'Year', 'Month' or 'Day'", "supported values"),
    Example("an engine of later", export(engine="Spark"), "Input should be 'Worker'", "supported values"),
    Example("an export of no source", export(sources=[]), "at least 1 item", "at least 1 items"),
    Example("a source twice", export(sources=["a", "a"]), "named twice: a", "Duplicate value"),
    Example(
        "no manifest kept", export(keepManifests=0), "greater than or equal to 1", "greater than or equal"
    ),
    Example(
        "an export by no schedule",
        export(schedule="daily"),
        "needs five cron fields",
        "needs five cron fields",
    ),
    Example(
        "an export into the backbone's own claim",
        export(target={"claimName": "market-data"}),
        "is the claim of the backbone itself",
        "is the claim of the backbone itself",
    ),
    Example(
        "an export that changes its dimension",
        export(dimension="macroSeries"),
        "",
        "another one another name",
        before=export(),
    ),
    Example(
        "an export that changes its partitions",
        export(partitionBy="Day"),
        "",
        "another one another name",
        before=export(),
    ),
)
