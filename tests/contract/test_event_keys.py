"""Events of the calendar: what tells them apart, and how stores of an earlier version come to tell it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from backbone.adapters.duckdb import upgrade as duckdb_upgrade
from backbone.adapters.timescale.policies import Policies
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.dimensions import MACRO_EVENTS
from backbone.migrations import packaged
from backbone.ports.policies import DesiredPolicies, HypertablePolicy
from backbone.providers.protocol import Query
from backbone.reports.run import RunReport
from databases import Database
from stores import OnDuckDB, OnTimescale, Tier
from test_quarantine import NO_WAIT, NOW, Says, entries

DAY = date(2024, 3, 12)
ASKED = "SELECT reference, actual FROM market.macro_events ORDER BY 1"


def event(reference: str, actual: float, **changes: object) -> dict[str, object]:
    return {
        "source": "test/bars",
        "calendar": "US",
        "event": "US/Housing Starts",
        "kind": "release",
        "period": DAY,
        "vintage": DAY,
        "reference": reference,
        "actual": actual,
        "revision": 0,
        **changes,
    }


def run(tier: Tier, rows: list[dict[str, object]], number: int = 1) -> RunReport:
    task = Task("Test", Query(MACRO_EVENTS, ("US",)), True)
    return IngestRun(
        RunRequest(f"run-{number}", "sample", 7, (task,), NO_WAIT),
        {"Test": Says(rows, MACRO_EVENTS)},
        tier.store(),
        clock=lambda: NOW + timedelta(hours=number),
        progress=lambda _: None,
        checkpoint=lambda: None,
    ).execute()


def test_releases_of_one_name_and_day_are_stored_side_by_side(tier: Tier) -> None:
    rows = [event("Jan", 1.3), event("Feb", 1.5), event("", 1.4)]
    first = run(tier, rows).dimensions[0]
    assert (first.changed, first.quarantined) == (3, ())
    assert run(tier, [*rows[:2], event("", 1.6)], 2).dimensions[0].changed == 1
    assert tier.query(ASKED) == [("", 1.6), ("Feb", 1.5), ("Jan", 1.3)]


TWO = [event("Jan", 1.3, event="US/CPI"), event("Feb", 1.5, event="US/CPI")]
BEFORE = "SELECT 'test/bars|US/CPI|2024-03-12|2024-03-12'"


@pytest.mark.parametrize("step", range(4))
def test_a_file_of_the_second_version_gets_the_present_key_in_place(tmp_path: Path, step: int) -> None:
    """Also where a worker died after some of its steps: the first one mended, the others as they were."""
    tier = OnDuckDB(tmp_path)
    run(tier, [event("", 1.4), *[{**row, "actual": float("nan")} for row in TWO]])
    with duckdb.connect(str(tmp_path / "working" / "backbone.duckdb")) as connection:
        connection.execute("ALTER TABLE market.macro_events ALTER COLUMN reference DROP NOT NULL")
        connection.execute("UPDATE market.macro_events SET reference = NULL")
        connection.execute(f"UPDATE telemetry.quarantine SET key = ({BEFORE})")
        for statement in duckdb_upgrade.rekeying(MACRO_EVENTS)[:step]:
            connection.execute(statement, ["macroEvents"] if "?" in statement else None)
    told = run(tier, [event("", 1.4), *TWO], 2).dimensions[0]
    assert (told.changed, told.quarantined) == (2, ())
    assert {entry["state"] for entry in entries(tier)} == {"Superseded"}
    assert tier.query(ASKED) == [("", 1.4), ("Feb", 1.5), ("Jan", 1.3)]


@pytest.mark.parametrize("kind", ["postgres", "timescale"])
def test_a_database_of_the_second_version_gets_the_present_key(
    kind: str, database_of: Callable[[str], Database]
) -> None:
    database = database_of(kind)
    now = database.migrations
    replace(database, migrations=tuple(item for item in now if item.number < 7)).migrator().migrate()
    tier = OnTimescale(database.settings)
    # What a run of now needs of later versions is there for its time alone.
    database.execute("ALTER TABLE telemetry.ingest_runs ADD COLUMN backbone TEXT NOT NULL DEFAULT ''")
    for statement in (text for item in now if item.number in {9, 12, 13, 14} for text in item.statements):
        database.execute(statement)
    run(tier, [*[{**row, "actual": float("nan")} for row in TWO], event("odd", float("inf"), kind="a\0b")])
    for column in ("backbone", "plan_metadata", "tells_changes"):
        database.execute(f"ALTER TABLE telemetry.ingest_runs DROP COLUMN {column}")
    for table in ("confirmations", "verdicts", "whole_windows", "ingest_changes"):
        database.execute(f"DROP TABLE telemetry.{table}")
    database.execute(f'UPDATE telemetry.quarantine SET "key" = ({BEFORE})')
    database.execute(
        "INSERT INTO market.macro_events (source, calendar, event, kind, period, vintage, revision, run_id, "
        "plan_generation, schema_version, observed_at, provider, actual) VALUES ('test/bars', 'US', "
        "'US/Housing Starts', 'release', '2024-03-12', '2024-03-12', 0, 'run-0', 1, 2, now(), 'Test', 1.4)"
    )
    database.migrator().migrate()
    told = run(tier, [event("", 1.4), *TWO], 2).dimensions[0]
    assert (told.changed, told.quarantined) == (2, ())
    assert sorted(str(entry["state"]) for entry in entries(tier)) == ["Held", "Superseded", "Superseded"]
    assert tier.query(ASKED) == [("", 1.4), ("Feb", 1.5), ("Jan", 1.3)]


def test_a_database_whose_events_are_packed_gets_the_present_key(
    timescale: ConnectionSettings,
) -> None:
    """A columnstore takes fewer changes of a table, and is laid out anew by the key that it has then."""
    database = Database("timescale", timescale, packaged())
    before = tuple(item for item in database.migrations if item.number < 7)
    replace(database, migrations=before).migrator().migrate()
    database.execute(
        "ALTER TABLE market.macro_events SET (timescaledb.enable_columnstore, "
        "timescaledb.segmentby = 'event, source', timescaledb.orderby = 'period, vintage')"
    )
    database.execute("CALL add_columnstore_policy('market.macro_events', after => INTERVAL '30 days')")
    database.execute(
        'INSERT INTO telemetry.policies (kind, "table", setting) VALUES '
        "('COLUMNSTORE', 'market.macro_events', 'by event,source, in the order of period,vintage'), "
        "('COMPRESSION', 'market.macro_events', '30 days')"
    )
    database.execute(
        "INSERT INTO market.macro_events (source, calendar, event, kind, period, vintage, reference, "
        "revision, run_id, plan_generation, schema_version, observed_at, provider, actual) "
        "SELECT 'test/bars', 'US', 'US/Housing Starts', 'release', day, day, "
        "CASE WHEN day = '2024-03-12' THEN 'Jan' END, 0, 'run-0', 1, 2, '2024-03-20', 'Test', 1.3 "
        "FROM (SELECT date '2024-03-10' + i AS day FROM generate_series(1, 3) AS i) AS days"
    )
    database.execute("SELECT compress_chunk(chunk) FROM show_chunks('market.macro_events') AS chunk")
    database.migrator().migrate()
    assert database.execute(ASKED) == [("", 1.3), ("", 1.3), ("Jan", 1.3)]
    wish = DesiredPolicies((HypertablePolicy(MACRO_EVENTS, 3650, None, 30),), ())
    changes = Policies(database.settings, wish).reconcile().changes
    assert [item.what for item in changes if not item.drift] == [
        "columnstore: none → by event,source, in the order of period,vintage,reference",
        "compression: none → 30 days",
    ]
    assert Policies(database.settings, wish).plan().changes == ()
    database.execute("SELECT compress_chunk(chunk, true) FROM show_chunks('market.macro_events') AS chunk")
    tier = OnTimescale(database.settings)
    told = run(tier, [event("Jan", 1.4), event("Feb", 1.5)]).dimensions[0]
    assert (told.changed, told.quarantined) == (2, ())
    assert tier.query(ASKED) == [("", 1.3), ("", 1.3), ("Feb", 1.5), ("Jan", 1.4)]
