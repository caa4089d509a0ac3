"""What a backbone was asked to be is journaled in its database once, and no secret with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from backbone.adapters.timescale.configuration import ConfigurationJournal, Configured
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.audit import ConfigurationChange
from backbone.manifest.objects import Backbone
from backbone.runtime.configuration import journal_configuration
from backbone.stores.services import Services
from backbone.vocabulary import API_VERSION
from databases import Database, execute
from test_migrate_cli import secret
from worker import Emp

PASSWORD = "correct-horse-battery"
SPEC = {
    "mode": "Institutional",
    "timescale": {"connection": {"secretName": "db"}},
    "redis": {"connection": {"secretName": "cache"}},
}
ENTRIES = """
    SELECT backbone, "sequence", name, generation, changes FROM telemetry.configuration_changes ORDER BY 1, 2
"""


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Secrets as they are mounted."""
    monkeypatch.setenv("EMP_SECRETS_DIR", str(tmp_path))
    for name in ("db", "db-2", "cache"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "password").write_text(PASSWORD)
        (tmp_path / name / "host").write_text(name)
    return tmp_path


def backbone(generation: int = 1, uid: str = "uid-1", tier: Any = "Institutional", **more: Any) -> Backbone:
    return Backbone("market", DataBackboneSpec.model_validate(SPEC | more), tier, generation, uid)


def journaled(backbone: Backbone, settings: ConnectionSettings) -> tuple[ConfigurationChange, ...]:
    """What one look writes into the journal, by the Secrets as they are now."""
    return journal_configuration(backbone, Services.of(backbone), settings)


def test_each_change_is_one_entry_however_often_it_is_looked_at(
    migrated_database: Database, secrets: Path
) -> None:
    settings = migrated_database.settings
    for _ in range(3):
        assert journaled(backbone(), settings) == ()
    assert migrated_database.execute(ENTRIES) == [("uid-1", 1, "market", 1, [])]

    suspended = backbone(2, suspend=True)
    assert [str(item) for item in journaled(suspended, settings)] == ["spec.suspend: false → true"]
    assert journaled(suspended, settings) == ()
    moved = backbone(2, tier="Bootstrap", suspend=True)
    assert [str(item) for item in journaled(moved, settings)] == ["tier: Institutional → Bootstrap"]
    # Back again is a change too, and another backbone has entries of its own.
    journaled(suspended, settings)
    journaled(backbone(uid="uid-2"), settings)
    found = [(item[0], item[1], item[3]) for item in migrated_database.execute(ENTRIES)]
    assert found == [("uid-1", 1, 1), ("uid-1", 2, 2), ("uid-1", 3, 2), ("uid-1", 4, 2), ("uid-2", 1, 1)]
    assert migrated_database.execute(ENTRIES)[1][4] == [
        {"path": "spec.suspend", "before": "false", "after": "true"}
    ]


def test_a_changed_credential_shows_as_a_hash_and_gives_nothing_away(
    migrated_database: Database, secrets: Path
) -> None:
    journaled(backbone(), migrated_database.settings)
    (secrets / "db" / "password").write_text("another")
    (change,) = journaled(backbone(), migrated_database.settings)
    assert change.path == "credentials.timescale"
    assert None is not change.before != change.after is not None
    (secrets / "db" / "password").write_text(PASSWORD)
    (back,) = journaled(backbone(), migrated_database.settings)
    assert (back.before, back.after) == (change.after, change.before)

    renamed = {"timescale": {"connection": {"secretName": "db-2"}}}
    paths = [item.path for item in journaled(backbone(2, **renamed), migrated_database.settings)]
    assert paths == ["credentials.timescale", "spec.timescale.connection.secretName"]

    everything = str(migrated_database.execute("SELECT * FROM telemetry.configuration_changes"))
    everything += str(migrated_database.execute("SELECT * FROM telemetry.configuration_salt"))
    for value in (PASSWORD, "another", migrated_database.settings.password):
        assert not value or value not in everything


def test_the_same_credential_has_another_hash_in_another_database(
    migrated_database: Database, secrets: Path
) -> None:
    asked = "SELECT state->'credentials'->>'timescale' FROM telemetry.configuration_changes"
    journaled(backbone(), migrated_database.settings)
    ((first,),) = migrated_database.execute(asked)
    for table in ("changes", "salt"):
        migrated_database.execute(f"TRUNCATE telemetry.configuration_{table}")
    journaled(backbone(), migrated_database.settings)
    ((second,),) = migrated_database.execute(asked)
    assert len(first) == len(second) == 32
    assert first != second


def test_a_secret_that_cannot_be_read_keeps_nobody(migrated_database: Database, secrets: Path) -> None:
    journaled(backbone(), migrated_database.settings)
    (secrets / "cache" / "password").write_bytes(b"\xff\xfe")
    (change,) = journaled(backbone(), migrated_database.settings)
    assert (change.path, change.after) == ("credentials.redis", "unreadable")


def test_two_who_write_the_same_entry_write_one(migrated_database: Database, secrets: Path) -> None:
    journal = ConfigurationJournal(migrated_database.settings)
    with ThreadPoolExecutor(4) as threads:
        salts = set(threads.map(lambda _: journal.salt(), range(8)))
        list(threads.map(lambda _: journaled(backbone(), migrated_database.settings), range(8)))
    assert len(salts) == 1
    assert len(migrated_database.execute(ENTRIES)) == 1
    journal.append("uid-1", "market", 9, Configured(1, {}), [])
    assert migrated_database.execute(ENTRIES)[0][3] == 1


def test_a_look_at_the_database_journals_what_the_spec_has_become(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp
) -> None:
    secret(tmp_path, timescale)
    spec: dict[str, Any] = {"mode": "Institutional", "timescale": {"connection": {"secretName": "timescale"}}}
    document = {"apiVersion": API_VERSION, "kind": "DataBackbone", "metadata": {"name": "market"}}
    files = tmp_path / "backbone.yaml"
    for wish in (spec, {**spec, "suspend": True}, {**spec, "suspend": True}):
        files.write_text(yaml.safe_dump({**document, "spec": wish}))
        told = emp("database", "-f", files)
        assert told.returncode == 0, told.stderr
        assert timescale.password not in told.stdout + told.stderr
    assert "configuration:" not in told.stderr
    assert execute(timescale, ENTRIES) == [
        ("/market", 1, "market", 0, []),
        ("/market", 2, "market", 0, [{"path": "spec.suspend", "before": "false", "after": "true"}]),
    ]
