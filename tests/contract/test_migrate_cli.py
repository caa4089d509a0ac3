"""`emp-runtime migrate` with a Secret's folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backbone.adapters.timescale_settings import ConnectionSettings
from databases import Database, changed, packaged
from services.process import free_port
from worker import Emp


def secret(folder: Path, settings: ConnectionSettings, name: str = "timescale") -> None:
    place = folder / "secrets" / name
    place.mkdir(parents=True, exist_ok=True)
    keys = {"username": settings.user, "password": settings.password, "database": settings.database}
    for key, value in {**keys, "host": settings.host, "port": str(settings.port)}.items():
        (place / key).write_text(value)


def test_the_plan_is_told_then_done(timescale: ConnectionSettings, tmp_path: Path, emp: Emp) -> None:
    database = Database("timescale", timescale, packaged())
    secret(tmp_path, timescale)

    told = emp("migrate", "--plan")
    assert told.returncode == 0, told.stderr
    assert "migration 0" in told.stdout
    for migration in database.migrations:
        assert re.search(rf"{migration.number} +{migration.name}", told.stdout)
    assert database.columns == []

    done = emp("migrate")
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
    assert "Secret nowhere: none of uri, host" in said.stderr
