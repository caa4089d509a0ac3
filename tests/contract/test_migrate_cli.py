"""`emp-runtime migrate` with a Secret's folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.vocabulary import API_VERSION
from databases import Database, changed, packaged
from policy_database import PolicyDatabase, days_ago
from services.process import free_port
from worker import Emp


def secret(folder: Path, settings: ConnectionSettings, name: str = "timescale") -> None:
    place = folder / "secrets" / name
    place.mkdir(parents=True, exist_ok=True)
    keys = {"username": settings.user, "password": settings.password, "database": settings.database}
    for key, value in {**keys, "host": settings.host, "port": str(settings.port)}.items():
        (place / key).write_text(value)


def test_the_plan_is_told_then_done(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp, emp_anew: Emp
) -> None:
    database = Database("timescale", timescale, packaged())
    secret(tmp_path, timescale)

    told = emp_anew("migrate", "--plan")
    assert told.returncode == 0, told.stderr
    assert "migration 0" in told.stdout
    for migration in database.migrations:
        assert re.search(rf"{migration.number} +{migration.name}", told.stdout)
    assert database.columns == []

    done = emp_anew("migrate")
    assert done.returncode == 0, done.stderr
    assert f"migration {len(database.migrations)}, {len(database.migrations)} applied now" in done.stdout
    assert database.applied == database.whole

    again = emp("migrate")
    assert "0 applied now" in again.stdout
    assert "nothing to apply" in emp("migrate", "--plan").stdout
    for said in (told, done, again):
        assert timescale.password not in said.stdout + said.stderr


@pytest.mark.parametrize("arguments", [("migrate",), ("migrate", "--plan")])
def test_a_database_that_is_not_ours_ends_it_by_name(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp, arguments: tuple[str, ...]
) -> None:
    database = Database("timescale", timescale, packaged())
    database.execute("CREATE SCHEMA market")
    database.execute("CREATE TABLE market.daily_bars (theirs TEXT)")
    secret(tmp_path, timescale)
    said = emp(*arguments)
    assert said.returncode == 1
    assert "SchemaRefused: the database has a table market.daily_bars" in said.stderr


def test_faults_are_named(postgres: ConnectionSettings, tmp_path: Path, emp: Emp) -> None:
    secret(tmp_path, postgres)
    secret(tmp_path, changed(postgres, port=free_port()), "gone")
    for arguments, fault in (
        (("migrate",), "ExtensionMissing"),
        (("migrate", "--secret", "gone"), "ConnectionRefused"),
    ):
        said = emp(*arguments)
        assert (said.returncode, fault in said.stderr) == (1, True), said.stderr
        assert postgres.password not in said.stderr
        assert len(said.stderr.splitlines()) == 1


def test_a_secret_that_says_nothing_is_wrong_input(tmp_path: Path, emp: Emp) -> None:
    said = emp("migrate", "--secret", "nowhere")
    assert said.returncode == 2
    assert "there is no Secret nowhere, or it has no key at all" in said.stderr


def test_the_plan_of_a_backbone_tells_migrations_and_then_policies(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp
) -> None:
    secret(tmp_path, timescale)
    spec: dict[str, Any] = {
        "mode": "Institutional",
        "timescale": {
            "connection": {"secretName": "timescale"},
            "hypertables": {"dailyBars": {"chunkDays": 30, "retentionDays": 90}},
            "continuousAggregates": ["weeklyBars"],
        },
    }
    document = {"apiVersion": API_VERSION, "kind": "DataBackbone", "metadata": {"name": "market"}}
    files = tmp_path / "backbone.yaml"
    files.write_text(yaml.safe_dump({**document, "spec": spec}))
    plan = ("database", "-f", files, "--plan")

    told = emp(*plan)
    assert told.returncode == 0, told.stderr
    assert "hypertables" in told.stdout
    assert "is told once that is done" in told.stdout
    assert Database("timescale", timescale, packaged()).columns == []

    assert emp("migrate").returncode == 0
    place = PolicyDatabase(Database("timescale", timescale, packaged()))
    place.add_bars(days_ago(800).date(), 10)
    told = emp(*plan)
    assert told.returncode == 0, told.stderr
    for words in ("continuous aggregate: none → materialized", "chunk width: 365 days → 30 days"):
        assert words in told.stdout
    (token,) = set(re.findall(r"dailyBars-90d-\d+", told.stdout))
    assert place.jobs == set()

    assert "retention: none → 90 days" in emp(*plan, "--confirm", token).stdout
    assert emp("database", "-f", files, "--confirm", token).returncode == 0
    told = emp(*plan)
    assert "nothing to apply" in told.stdout
    assert "nothing to set" in told.stdout
