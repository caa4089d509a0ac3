"""The institutional tier from a user's YAML, without a cluster: migrate, ingest, and what goes wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from backbone.adapters.timescale.cache_marks import cache_version, database_mark_of
from backbone.adapters.timescale.pool import DatabasePool
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.client import DAILY_BARS, INSTITUTIONAL
from backbone.market.dimensions import SCHEMA_VERSION
from backbone.ports.cache import CacheKey
from backbone.ports.store import Selection
from databases import changed, execute, packaged
from redis_place import RedisPlace
from services.process import free_port
from test_migrate_cli import secret
from worker import ROOT, Emp, report

PAGE = ROOT / "docs" / "client.md"


def backbone(**spec: Any) -> dict[str, Any]:
    timescale = {"connection": {"secretName": "timescale"}}
    return {
        "apiVersion": "backbone.emp.dev/v1alpha1",
        "kind": "DataBackbone",
        "metadata": {"name": "market"},
        "spec": {"mode": "Institutional", "timescale": timescale, **spec},
    }


PLAN = {
    "apiVersion": "backbone.emp.dev/v1alpha1",
    "kind": "IngestPlan",
    "metadata": {"name": "bars"},
    "spec": {
        "backboneRef": {"name": "market"},
        "schedule": "@daily",
        "dailyBars": {"provider": "Sample", "symbols": ["AAPL", "IBM"]},
    },
}


def given(folder: Path, *documents: dict[str, Any]) -> Path:
    """A folder of manifests."""
    place = folder / "manifests"
    place.mkdir(exist_ok=True)
    (place / "all.yaml").write_text(yaml.safe_dump_all(documents))
    return place


def redis_secret(folder: Path, place: RedisPlace, **values: str) -> dict[str, Any]:
    """The Secret of a test's Redis, and the section of the spec that refers to it."""
    settings, keys = place.settings, folder / "secrets" / "redis"
    keys.mkdir(parents=True)
    found = {"host": settings.host, "port": str(settings.port), "username": settings.username}
    for key, value in {**found, "password": settings.password, **values}.items():
        (keys / key).write_text(value or "")
    return {"redis": {"connection": {"secretName": "redis"}, "namespace": place.namespace}}


def rows(settings: ConnectionSettings) -> int:
    return int(execute(settings, "SELECT count(*) FROM market.daily_bars")[0][0])


def test_an_empty_database_is_migrated_filled_and_left_as_it_is(
    timescale: ConnectionSettings, redis_place: RedisPlace, tmp_path: Path, emp: Emp, emp_anew: Emp
) -> None:
    secret(tmp_path, timescale)
    files = given(tmp_path, backbone(**redis_secret(tmp_path, redis_place)), PLAN)

    done = emp_anew("database", "-f", files)
    assert done.returncode == 0, done.stderr
    told = report(tmp_path)
    assert (told["outcome"], told["version"], told["cache"]["outcome"]) == (
        "Migrated",
        len(packaged()),
        "Reachable",
    )
    assert told["serverLimit"] >= told.get("serverConnections", 1) > 0
    assert report_again(emp, files, tmp_path)["request"] == told["request"]

    first = emp_anew("ingest-once", "-f", files)
    assert first.returncode == 0, first.stderr
    held = rows(timescale)
    assert held == report(tmp_path)["rows"] > 5_000
    assert not (tmp_path / "backbone-data/market/published").exists(), "nothing is stored on Bootstrap"

    again = emp("ingest-once", "-f", files)
    assert again.returncode == 0, again.stderr
    assert report(tmp_path)["sequence"] == 2
    assert "changed" not in report(tmp_path)["dimensions"][0], "the same rows change nothing"
    assert rows(timescale) == held
    for said in (done, first, again):
        assert timescale.password not in said.stdout + said.stderr


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("DELETE FROM telemetry.schema_migrations WHERE number = 1", "migration 1 (journal) is not applied"),
        ("UPDATE telemetry.schema_migrations SET checksum = 'x' WHERE number = 2", "another one here"),
    ],
    ids=["a migration that is missing", "a migration that is another one"],
)
def test_no_run_stores_into_another_schema(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp, change: str, told: str
) -> None:
    secret(tmp_path, timescale)
    files = given(tmp_path, backbone(), PLAN)
    refused = emp("ingest-once", "-f", files)
    assert (refused.returncode, "is at migration 0 of" in refused.stderr) == (3, True), refused.stderr
    assert emp("database", "-f", files).returncode == 0
    execute(timescale, change)
    refused = emp("ingest-once", "-f", files)
    assert (refused.returncode, told in refused.stderr) == (3, True), refused.stderr
    assert (report(tmp_path)["outcome"], rows(timescale)) == ("StoreFailed", 0)


def test_rows_of_the_database_are_exported_and_not_those_of_a_folder(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp
) -> None:
    secret(tmp_path, timescale)
    files, to = given(tmp_path, backbone(), PLAN), tmp_path / "bars.parquet"
    nothing = emp("export", "daily-bars", "-f", files, "--to", to)
    assert (nothing.returncode, to.exists()) == (1, False), nothing.stderr
    assert emp("database", "-f", files).returncode == 0
    assert emp("ingest-once", "-f", files).returncode == 0
    done = emp("export", "daily-bars", "-f", files, "--to", to)
    assert done.returncode == 0, done.stderr
    assert f"rows of database market on {timescale.place}" in done.stdout
    exported = pq.read_table(to)
    assert exported.num_rows == rows(timescale)
    assert exported.schema.names == DAILY_BARS.schema.names
    manifest = json.loads((tmp_path / "bars.parquet.manifest.json").read_text())
    assert (manifest["rows"], [run["provider"] for run in manifest["runs"]]) == (rows(timescale), ["Sample"])
    empty = emp("export", "daily-bars", "-f", files, "--to", to, "--start", "2200-01-01")
    assert (empty.returncode, "no rows in that range" in empty.stderr) == (0, True), empty.stderr


def test_a_token_that_fits_nothing_is_told(timescale: ConnectionSettings, tmp_path: Path, emp: Emp) -> None:
    secret(tmp_path, timescale)
    done = emp("database", "-f", given(tmp_path, backbone()), "--confirm", "dailyBars-1d-1")
    assert (done.returncode, "nothing waits for dailyBars-1d-1" in done.stderr) == (0, True), done.stderr


def test_the_program_of_the_clients_page_reads_the_database(
    timescale: ConnectionSettings, redis_place: RedisPlace, tmp_path: Path, emp: Emp
) -> None:
    for name in ("timescale", "timescale-reader"):
        secret(tmp_path, timescale, name)
    files = given(tmp_path, backbone(**redis_secret(tmp_path, redis_place)), PLAN)
    assert emp("database", "-f", files).returncode == 0
    assert emp("ingest-once", "-f", files).returncode == 0
    (program,) = re.findall(r"```python database\n(.*?)```", PAGE.read_text(), re.DOTALL)
    program = program.replace("/etc/backbone/secrets", str(tmp_path / "secrets"))
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nprint(bars.num_rows)"],
        env={"PYTHONPATH": str(ROOT / "operator")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "250\n"), done.stderr


def report_again(emp: Emp, files: Path, folder: Path) -> dict[str, Any]:
    assert emp("database", "-f", files).returncode == 0
    return report(folder)


def test_a_run_ends_exactly_the_answers_that_it_made_old(
    timescale: ConnectionSettings, redis_place: RedisPlace, tmp_path: Path, emp: Emp
) -> None:
    secret(tmp_path, timescale)
    files = given(tmp_path, backbone(**redis_secret(tmp_path, redis_place)), PLAN)
    assert emp("database", "-f", files).returncode == 0
    with DatabasePool(timescale) as pool:
        version = cache_version(database_mark_of(pool), DAILY_BARS)
    cache = redis_place.cache(INSTITUTIONAL)
    aapl, other, elsewhere = (
        CacheKey(name, SCHEMA_VERSION, Selection(DAILY_BARS, (symbol,)))
        for name, symbol in ((version, "AAPL"), (version, "ZZZ"), ("another", "AAPL"))
    )

    def kept() -> set[str]:
        return set(redis_place.answers())

    def names(*keys: CacheKey) -> set[str]:
        return {key.text(redis_place.namespace) for key in keys}

    for key in (aapl, other, elsewhere):
        cache.fetch(key, DAILY_BARS.schema.empty_table)
    assert kept() == names(aapl, other, elsewhere)
    assert emp("ingest-once", "-f", files).returncode == 0
    assert kept() == names(other, elsewhere)
    cache.fetch(aapl, DAILY_BARS.schema.empty_table)
    assert emp("ingest-once", "-f", files).returncode == 0
    assert kept() == names(aapl, other, elsewhere), "a run that changed nothing makes nothing old"


def test_a_database_that_is_gone_is_named_and_the_next_run_makes_it_up(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp
) -> None:
    secret(tmp_path, timescale)
    files = given(tmp_path, backbone(), PLAN)
    assert emp("database", "-f", files).returncode == 0

    secret(tmp_path, changed(timescale, port=free_port()))
    lost = emp("ingest-once", "-f", files)
    assert (lost.returncode, report(tmp_path)["outcome"]) == (3, "StoreUnreachable"), lost.stderr
    assert report(tmp_path)["again"] == 1, "it tried once more"
    looked = emp("database", "-f", files)
    assert (looked.returncode, report(tmp_path)["outcome"]) == (3, "ConnectionRefused")
    assert "version" not in report(tmp_path), "nobody could look"

    secret(tmp_path, timescale)
    assert emp("ingest-once", "-f", files).returncode == 0
    assert rows(timescale) == report(tmp_path)["rows"]


@pytest.mark.parametrize(("password", "fault"), [("wrong", "AuthenticationFailed"), ("", "InvalidSettings")])
def test_what_is_wrong_with_the_secret_is_named(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp, password: str, fault: str
) -> None:
    secret(tmp_path, changed(timescale, password=password))
    assert emp("database", "-f", given(tmp_path, backbone(), PLAN)).returncode == 3
    assert report(tmp_path)["outcome"] == fault


def test_a_run_that_cannot_use_its_secret_says_so(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp
) -> None:
    """A password that the server refuses is waited for, as test_password_rotation has it."""
    secret(tmp_path, changed(timescale, password=""))
    assert emp("ingest-once", "-f", given(tmp_path, backbone(), PLAN)).returncode == 3
    told = report(tmp_path)
    assert (told["outcome"], told["plan"]) == ("StoreUnreachable", "bars")


def test_a_database_without_tables_takes_nothing(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp
) -> None:
    secret(tmp_path, timescale)
    done = emp("ingest-once", "-f", given(tmp_path, backbone(), PLAN))
    assert (done.returncode, report(tmp_path)["outcome"]) == (3, "StoreFailed")
    assert "emp-runtime database" in report(tmp_path)["message"]


def test_redis_that_is_lost_costs_no_run(
    timescale: ConnectionSettings, redis_place: RedisPlace, tmp_path: Path, emp: Emp
) -> None:
    secret(tmp_path, timescale)
    gone = redis_secret(tmp_path, redis_place, port=str(free_port()))
    files = given(tmp_path, backbone(**gone), PLAN)
    looked = emp("database", "-f", files)
    assert looked.returncode == 0, looked.stderr
    assert report(tmp_path)["cache"]["outcome"] == "ConnectionRefused"
    assert "the cache: ConnectionRefused" in looked.stderr
    done = emp("ingest-once", "-f", files)
    assert done.returncode == 0, done.stderr
    assert "cached answers live out their time" in done.stderr


def test_a_folder_that_holds_rows_stays_on_bootstrap(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp
) -> None:
    secret(tmp_path, timescale)
    plain = backbone()
    assert emp("ingest-once", "-f", given(tmp_path, {**plain, "spec": {}}, PLAN)).returncode == 0
    files = given(tmp_path, plain, PLAN)
    assert emp("database", "-f", files).returncode == 0
    done = emp("ingest-once", "-f", files)
    assert done.returncode == 0
    assert "Bootstrap serves on" in done.stderr
    assert rows(timescale) == 0
    probed = emp("probe-volume")
    assert json.loads(probed.stdout)["holdsRows"] is True


def test_the_operators_choice_of_the_tier_counts(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp
) -> None:
    secret(tmp_path, timescale)
    chosen = {**backbone(), "status": {"tier": {"active": "Bootstrap", "requested": "Institutional"}}}
    assert emp("database", "-f", given(tmp_path, chosen, PLAN)).returncode == 0
    assert emp("ingest-once", "-f", given(tmp_path, chosen, PLAN)).returncode == 0
    assert rows(timescale) == 0
    assert (tmp_path / "backbone-data/market/published").exists()


def test_files_that_name_no_database_are_wrong_input(tmp_path: Path, emp: Emp) -> None:
    none = emp("database", "-f", given(tmp_path, {**backbone(), "spec": {}}))
    assert (none.returncode, "spec.timescale is missing" in none.stderr) == (2, True)
    other = {**backbone(), "metadata": {"name": "other"}}
    two = emp("database", "-f", given(tmp_path, backbone(), other))
    assert (two.returncode, "one DataBackbone" in two.stderr) == (2, True)


def test_rows_are_read_through_the_cache_and_the_summary_and_quarantine_are_the_databases(
    timescale: ConnectionSettings, redis_place: RedisPlace, tmp_path: Path, emp: Emp, emp_anew: Emp
) -> None:
    secret(tmp_path, timescale)
    files = given(tmp_path, backbone(**redis_secret(tmp_path, redis_place)), PLAN)
    early = emp("read", "daily-bars", "AAPL", "-f", files)
    assert (early.returncode, "emp-runtime database" in early.stderr) == (1, True)
    assert emp("database", "-f", files).returncode == 0
    assert emp("ingest-once", "-f", files).returncode == 0

    command = ("read", "daily-bars", "AAPL", "--last", "2", "-o", "json", "-f", files)
    told = [json.loads(run(*command).stdout) for run in (emp, emp_anew)]
    assert told[0] == told[1]
    assert [row["session_date"] for row in told[0]] == ["2023-09-20", "2023-09-21"]
    assert len(redis_place.answers()) == 1
    looked = report_again(emp, files, tmp_path)["cache"]
    assert (looked["misses"], looked["keys"]) == (1, 1), "two processes share an answer"
    assert looked["hits"] > 0

    shown = json.loads(emp_anew("summary", "-o", "json", "-f", files).stdout)["backbones"][0]
    assert shown["dataDir"] == f"database {timescale.database} on {timescale.place}"
    assert sum(item["rows"] for item in shown["holdings"]) == rows(timescale)
    assert [item["outcome"] for item in shown["runs"]] == ["Succeeded"]
    assert "Quarantine: 0 entries" in emp("quarantine", "list", "-f", files).stdout
    released = emp_anew("quarantine", "release", "--all", "-f", files)
    assert (released.returncode, "0 rows released" in released.stdout) == (0, True), released.stderr
    assert emp("quarantine", "expire", "--older-than-days", "0", "-f", files).returncode == 0


def test_policies_follow_the_spec_and_what_would_lose_rows_waits_for_its_token(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp
) -> None:
    secret(tmp_path, timescale)
    files = given(tmp_path, backbone(), PLAN)
    assert emp("database", "-f", files).returncode == 0
    assert emp("ingest-once", "-f", files).returncode == 0

    wished = backbone()
    wished["spec"]["timescale"] |= {
        "hypertables": {
            "dailyBars": {"retentionDays": 3650, "compressAfterDays": 1000},
            "intradayTrades": {"chunkDays": 1, "retentionDays": 30},
        },
        "continuousAggregates": ["weeklyBars"],
    }
    given(tmp_path, wished, PLAN)
    waits = emp("database", "-f", files)
    assert waits.returncode == 0, waits.stderr
    told = report(tmp_path)
    tables = {item["name"]: item for item in told["tables"]}
    assert (tables["intradayTrades"]["chunkDays"], tables["intradayTrades"]["retentionDays"]) == (1, 30)
    assert tables["dailyBars"]["compressAfterDays"] == 1000
    assert "retentionDays" not in tables["dailyBars"], "rows are there that it would drop"
    assert tables["dailyBars"]["oldest"].startswith("2000-03-01")
    assert told["aggregates"] == ["weeklyBars"]
    (held,) = told["unconfirmed"]
    assert (held["table"], held["rows"] > 1000) == ("market.daily_bars", True)
    assert f"--confirm {held['token']}" in waits.stdout

    assert emp("database", "-f", files, "--confirm", held["token"]).returncode == 0
    told = report(tmp_path)
    tables = {item["name"]: item for item in told["tables"]}
    assert (told["confirmed"], tables["dailyBars"]["retentionDays"]) == (held["token"], 3650)
    assert "unconfirmed" not in told
    assert emp("database", "-f", files).returncode == 0
    assert report(tmp_path).get("changes", 0) == 0, "it stays as it is"


ON = {"hypertables": {"dailyBars": {"chunkDays": 9, "retentionDays": 3650, "compressAfterDays": 1000}}}


@pytest.mark.parametrize(
    ("mode", "active", "rows_there", "serves"),
    [
        pytest.param("Institutional", None, False, True, id="asked for, and the folder is empty"),
        pytest.param("Institutional", "Bootstrap", False, True, id="about to serve in a cluster"),
        pytest.param("Bootstrap", "Institutional", False, True, id="serves, and Bootstrap is asked for"),
        pytest.param("Institutional", "Institutional", True, True, id="serves, and rows lie on the volume"),
        pytest.param("Bootstrap", None, False, False, id="not asked for"),
        pytest.param("Bootstrap", "Bootstrap", False, False, id="not asked for in a cluster"),
        pytest.param("Institutional", None, True, False, id="rows keep Bootstrap"),
        pytest.param("Institutional", "Bootstrap", True, False, id="rows keep Bootstrap in a cluster"),
    ],
)
def test_policies_are_set_only_where_the_database_serves_or_is_to(
    timescale: ConnectionSettings,
    tmp_path: Path,
    emp: Emp,
    *,
    mode: str,
    active: str | None,
    rows_there: bool,
    serves: bool,
) -> None:
    secret(tmp_path, timescale)
    if rows_there:
        assert emp("ingest-once", "-f", given(tmp_path, {**backbone(), "spec": {}}, PLAN)).returncode == 0
    document = backbone()
    document["spec"] |= {"mode": mode, "timescale": {**document["spec"]["timescale"], **ON}}
    if active == "Institutional":
        assert emp("database", "-f", given(tmp_path, document, PLAN)).returncode == 0
    if active is not None:
        document["status"] = {"tier": {"active": active, "requested": mode}}
    files = given(tmp_path, document, PLAN)
    looked = emp("database", "-f", files)
    assert looked.returncode == 0, looked.stderr
    told = report(tmp_path)
    assert told["outcome"] == "Migrated"
    assert (told.get("policiesSet", True), "tables" in told) == (serves, serves)
    remembered = execute(
        timescale, "SELECT kind FROM telemetry.policies WHERE \"table\" = 'market.daily_bars'"
    )
    wanted = {"CHUNK_WIDTH", "COLUMNSTORE", "COMPRESSION", "RETENTION"}
    assert {kind for (kind,) in remembered} == (wanted if serves else set())
    assert ("Bootstrap serves" in looked.stdout) != serves
    assert ("nothing is set" in emp("database", "-f", files, "--plan").stdout) != serves
