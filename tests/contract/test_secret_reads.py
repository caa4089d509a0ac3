"""A look at the services reads each Secret once, and all that it does and tells is of that version."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.runtime import database
from databases import changed, execute, uri_of
from mounted import hold
from redis_place import RedisPlace
from services.process import free_port

OPENED: list[str] = []
"""Files that this process has opened."""


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        OPENED.append(str(arguments[0]))


@contextmanager
def reads_of(folder: Path) -> Iterator[Counter[str]]:
    """How often each file of a folder was opened in the block, by its path below that."""
    found = Counter[str]()
    OPENED.clear()
    yield found
    inside = [Path(name) for name in OPENED if name.startswith(f"{folder}/")]
    found.update(str(path.relative_to(folder)) for path in inside)


@pytest.fixture(scope="module", autouse=True)
def watched() -> None:
    """From here on; no hook of this kind can be taken away."""
    sys.addaudithook(_note)


def keys_of(settings: ConnectionSettings) -> dict[str, str]:
    return {"uri": uri_of(settings)}


@pytest.fixture
def files(
    timescale: ConnectionSettings, redis_place: RedisPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A backbone whose Secrets are mounted as Kubernetes does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMP_TERMINATION_LOG", str(tmp_path / "report"))
    monkeypatch.setenv("EMP_SECRETS_DIR", str(tmp_path / "secrets"))
    hold(tmp_path / "secrets" / "timescale", **keys_of(timescale))
    settings = redis_place.settings
    login = {"username": settings.username or "", "password": settings.password or ""}
    hold(tmp_path / "secrets" / "redis", host=settings.host, port=str(settings.port), **login)
    spec = {
        "mode": "Institutional",
        "timescale": {"connection": {"secretName": "timescale"}},
        "redis": {"connection": {"secretName": "redis"}, "namespace": redis_place.namespace},
    }
    document = {"apiVersion": "backbone.emp.dev/v1alpha1", "kind": "DataBackbone"}
    (tmp_path / "all.yaml").write_text(
        yaml.safe_dump({**document, "metadata": {"name": "market"}, "spec": spec})
    )
    return tmp_path


def look(files: Path) -> dict[str, Any]:
    """The report of one look."""
    with pytest.raises(typer.Exit):
        database.look([files / "all.yaml"], None, files / "data")
    report: dict[str, Any] = json.loads((files / "report").read_text())
    return report


def credentials(settings: ConnectionSettings) -> list[Any]:
    asked = "SELECT state->'credentials' FROM telemetry.configuration_changes ORDER BY sequence"
    return [found for (found,) in execute(settings, asked)]


def test_one_look_reads_each_key_of_each_secret_once(files: Path) -> None:
    with reads_of(files / "secrets") as reads:
        report = look(files)
    assert report["outcome"] == "Migrated"
    assert report["cache"]["outcome"] == "Reachable"
    assert {"timescale/uri", "redis/host", "redis/port", "redis/password"} <= set(reads)
    assert set(reads.values()) == {1}


def test_a_look_that_a_change_falls_into_knows_one_version(
    files: Path, timescale: ConnectionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(files)
    claim, nowhere = database.claim, str(free_port())

    def swapped(*arguments: Any) -> Any:
        # Every later connection by these would fail, and their hashes would be others.
        hold(files / "secrets" / "timescale", **keys_of(changed(timescale, port=int(nowhere))))
        hold(files / "secrets" / "redis", host="127.0.0.1", port=nowhere)
        return claim(*arguments)

    monkeypatch.setattr(database, "claim", swapped)
    report = look(files)
    assert report["outcome"] == "Migrated"
    assert report["cache"]["outcome"] == "Reachable"
    assert len(credentials(timescale)) == 1

    monkeypatch.setattr(database, "claim", claim)
    report = look(files)
    assert report["outcome"] == "ConnectionRefused"
    assert report["cache"]["outcome"] == "ConnectionRefused"
