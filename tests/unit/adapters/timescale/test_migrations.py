"""What a database holds against what this version knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backbone.adapters.timescale.migrations import Applied, Holdings, plan
from backbone.migrations import parse
from backbone.ports.database import DatabaseFault

AT = datetime(2026, 11, 24, tzinfo=UTC)
HYPERTABLE = "SELECT create_hypertable('market.one', by_range('day', INTERVAL '365 days'))"
KNOWN = (
    parse("0001_one.sql", "CREATE TABLE market.one (day DATE)"),
    parse("0002_two.timescale.sql", HYPERTABLE),
    parse("0003_three.sql", "CREATE TABLE market.three (a TEXT)"),
)
APPLIED = tuple(Applied(item.number, item.name, item.checksum, AT) for item in KNOWN)
EMPTY = Holdings((), frozenset())
WHOLE = Holdings(APPLIED, frozenset({"market.one", "market.three"}))


@pytest.mark.parametrize(
    ("holdings", "version", "pending"),
    [
        pytest.param(EMPTY, 0, [1, 2, 3], id="an empty database gets everything"),
        pytest.param(replace(EMPTY, applied=APPLIED[:1]), 1, [2, 3], id="a started one gets the rest"),
        pytest.param(WHOLE, 3, [], id="a whole one gets nothing"),
        pytest.param(
            replace(EMPTY, tables=frozenset({"public.one", "market.other"})),
            0,
            [1, 2, 3],
            id="other tables are nobody's business",
        ),
    ],
)
def test_what_is_left_to_do(holdings: Holdings, version: int, pending: list[int]) -> None:
    found = plan(KNOWN, holdings)
    assert (found.version, [item.number for item in found.pending]) == (version, pending)
    assert found.refusal is None


@pytest.mark.parametrize(
    ("holdings", "said"),
    [
        pytest.param(
            replace(WHOLE, applied=(*APPLIED, Applied(4, "four", "x", AT))),
            "the database is at migration 4 and this version knows them up to 3",
            id="a newer version was here",
        ),
        pytest.param(
            replace(WHOLE, applied=(APPLIED[0], replace(APPLIED[1], checksum="x"), APPLIED[2])),
            "migration 2 (two) was applied on 2026-11-24 and is another one here",
            id="a file was edited",
        ),
        pytest.param(
            replace(WHOLE, applied=(APPLIED[0], APPLIED[2])),
            "migration 2 (two) is not applied and 3 is",
            id="a number was used too late",
        ),
        pytest.param(
            replace(EMPTY, tables=frozenset({"market.one"})),
            "the database has a table market.one that no migration of ours made",
            id="a table of the name is there",
        ),
    ],
)
def test_what_is_refused(holdings: Holdings, said: str) -> None:
    found = plan(KNOWN, holdings)
    assert found.refusal is not None
    assert found.refusal.fault is DatabaseFault.SCHEMA_REFUSED
    assert said in found.refusal.message
    assert found.pending == ()
