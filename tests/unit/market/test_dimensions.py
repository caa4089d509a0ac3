"""The dimensions' schemas hang together, and rows carry their lineage."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from backbone.ingestplan.api import IngestPlanSpec
from backbone.market.dimensions import DAILY_BARS, DIMENSIONS, MACRO_EVENTS, Dimension, moment_of
from backbone.market.lineage import Lineage, stamp

NOW = datetime(2024, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)
BAR = {
    "source": "test/bars",
    "symbol": "AAPL",
    "session_date": date(2024, 2, 29),
    "open": 1.0,
    "high": 2.0,
    "low": 0.5,
    "close": 1.5,
    "adjusted_close": None,
    "volume": 10,
    "price_basis": "asTraded",
    "revision": 0,
}

every_dimension = pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda item: item.name)


@every_dimension
def test_a_dimension_carries_source_revision_and_lineage(dimension: Dimension) -> None:
    lineage = {"run_id", "plan_generation", "schema_version", "observed_at", "provider"}
    assert lineage | {"source", "revision", "flags"} <= set(dimension.schema.names)
    assert dimension.schema.field("revision").type == pa.int64()
    assert dimension.schema.field("observed_at").type == pa.timestamp("us", "UTC")


@every_dimension
def test_a_dimension_with_prices_says_on_which_basis(dimension: Dimension) -> None:
    priced = {"price", "close"} & set(dimension.schema.names)
    assert ("price_basis" in dimension.schema.names) == bool(priced)


@every_dimension
def test_key_subject_time_and_value_are_columns_of_the_facts(dimension: Dimension) -> None:
    named = {*dimension.key, dimension.subject, dimension.time} | ({dimension.value} - {None})
    assert named <= set(dimension.facts.names)
    assert dimension.key[0] == "source"
    assert not any(dimension.facts.field(name).nullable for name in dimension.key)


def test_the_dimensions_are_those_of_a_plan() -> None:
    fields = {field.alias for field in IngestPlanSpec.model_fields.values()}
    assert {item.name for item in DIMENSIONS} <= fields


def test_stamping_adds_the_lineage_to_every_row() -> None:
    facts = pa.Table.from_pylist([BAR, BAR], schema=DAILY_BARS.facts)
    stamped = stamp(DAILY_BARS, facts, Lineage("run-1", 7, NOW, "Test"))
    assert stamped.schema.equals(DAILY_BARS.schema)
    assert stamped.to_pylist()[1] == {
        **BAR,
        "run_id": "run-1",
        "plan_generation": 7,
        "schema_version": 3,
        "observed_at": NOW,
        "provider": "Test",
        "flags": None,
    }


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"symbol": None}, id="a symbol that is missing"),
        pytest.param({"close": "dear"}, id="a price that is no number"),
    ],
)
def test_facts_that_do_not_fit_are_refused(change: dict[str, object]) -> None:
    table = pa.Table.from_pylist([{**BAR, **change}])
    with pytest.raises((pa.ArrowInvalid, ValueError)):
        stamp(DAILY_BARS, table, Lineage("run-1", 7, NOW, "Test"))


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        pytest.param(date(2024, 2, 29), datetime(2024, 2, 29, tzinfo=UTC), id="a day begins at midnight UTC"),
        pytest.param(NOW, NOW, id="a moment stays"),
        pytest.param(None, None, id="nothing stays nothing"),
    ],
)
def test_moment_of(value: date | None, moment: datetime | None) -> None:
    assert moment_of(value) == moment


def test_events_have_no_number_to_show() -> None:
    assert MACRO_EVENTS.value is None
