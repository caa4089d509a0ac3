"""One look reads each Secret once, and goes by one version of it, whenever it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backbone.adapters.secret_keys import READS, SecretMissing, fingerprint, texts
from backbone.databackbone.api import DataBackboneSpec
from backbone.errors import Rejected
from backbone.manifest.objects import Backbone
from backbone.stores.services import UNREADABLE, SecretReading, Services, settings_of
from mounted import hold

SALT = b"salt"
READ_TEXT = Path.read_text


def version(number: int) -> dict[str, str]:
    """Keys that all name their version, so that two that are mixed show."""
    said = f"v{number}"
    return {"host": said, "username": said, "password": said, "database": str(number)}


def mixed(keys: dict[str, str]) -> bool:
    return len({value.removeprefix("v") for value in keys.values()}) > 1


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Secrets of both services in their first version, as Kubernetes mounts them."""
    monkeypatch.setenv("EMP_SECRETS_DIR", str(tmp_path))
    for name in ("db", "cache"):
        hold(tmp_path / name, **version(1))
    return tmp_path


def backbone(**sections: object) -> Backbone:
    given = {
        "timescale": {"connection": {"secretName": "db"}},
        "redis": {"connection": {"secretName": "cache"}},
        **sections,
    }
    return Backbone("market", DataBackboneSpec.model_validate({"mode": "Institutional", **given}))


def before_each_read(monkeypatch: pytest.MonkeyPatch, act: Callable[[Path], None]) -> None:
    def read_text(path: Path, *arguments: str | None, **named: str | None) -> str:
        act(path)
        return READ_TEXT(path, *arguments, **named)

    monkeypatch.setattr(Path, "read_text", read_text)


def test_each_key_is_read_once_whatever_is_asked(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    before_each_read(monkeypatch, lambda path: read.append(str(path.relative_to(secrets))))
    services = Services.of(backbone())
    for _ in range(3):
        services.database()
        services.cache_settings()
        services.fingerprints(SALT)
    assert {"db/host", "db/password", "cache/host", "cache/password"} <= set(read)
    assert len(read) == len(set(read))


def test_all_that_a_look_knows_is_of_one_version(secrets: Path) -> None:
    services = Services.of(backbone())
    before = (services.database(), services.cache_settings(), services.fingerprints(SALT))
    for name in ("db", "cache"):
        hold(secrets / name, **version(2))
    assert (services.database(), services.cache_settings(), services.fingerprints(SALT)) == before
    assert services.database().host == services.cache_settings().host == "v1"
    assert services.fingerprints(SALT)["timescale"] == fingerprint(version(1), SALT)
    assert Services.of(backbone()).database().host == settings_of(backbone()).host == "v2"


@pytest.mark.parametrize("place", range(len(version(1))))
def test_a_change_between_two_keys_mixes_no_two_versions(
    secrets: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    key, changes = list(version(1))[place], [2]

    def change(path: Path) -> None:
        if path.name == key and changes:
            hold(secrets / "db", **version(changes.pop()))

    before_each_read(monkeypatch, change)
    found = texts("db", secrets / "db", version(1))
    assert not mixed(found)
    assert found == version(2)


def test_a_key_that_comes_while_the_others_are_read_is_not_missed(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = [{"uri": "postgresql://v2"}]

    def change(path: Path) -> None:
        if path.name == "host" and changes:
            hold(secrets / "db", **changes.pop())

    before_each_read(monkeypatch, change)
    assert texts("db", secrets / "db", ("uri", *version(1))) == {"uri": "postgresql://v2"}


def test_a_secret_that_changes_with_each_key_is_not_taken(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(2, 2 + 10 * READS))
    before_each_read(monkeypatch, lambda _: hold(secrets / "db", **version(next(numbers))))
    with pytest.raises(Rejected, match=f"Secret db changed during each of {READS} reads"):
        texts("db", secrets / "db", version(1))


def test_a_secret_that_appears_while_it_is_looked_for_is_read(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(secrets / "db")
    with pytest.raises(SecretMissing):
        texts("db", secrets / "db", version(1))
    changes = [2]
    listed = Path.iterdir

    def iterdir(path: Path) -> list[Path]:
        found = list(listed(path))
        if changes and path == secrets / "db":
            hold(path, **version(changes.pop()))
        return found

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert texts("db", secrets / "db", version(1)) == version(2)


def test_a_secret_that_does_not_read_is_told_each_time_and_says_so_in_place_of_its_hash(
    secrets: Path,
) -> None:
    hold(secrets / "cache")
    services = Services.of(backbone())
    for _ in range(2):
        with pytest.raises(SecretMissing, match="there is no Secret cache"):
            services.cache_settings()
    assert services.fingerprints(SALT)["redis"] == UNREADABLE
    assert services.database().host == "v1"


def test_what_was_read_shows_nowhere(secrets: Path) -> None:
    hold(secrets / "db", **{**version(1), "password": "correct-horse"})
    services = Services.of(backbone())
    assert "correct-horse" not in f"{services!r} {SecretReading.of('db', ('password',))!r}"


def test_the_limits_of_the_spec_are_those_of_the_connection(secrets: Path) -> None:
    pool = {"size": 7, "acquireTimeoutSeconds": 11, "statementTimeoutSeconds": 13}
    spec = backbone(timescale={"connection": {"secretName": "db"}, "pool": pool})
    for settings in (Services.of(spec).database(), settings_of(spec)):
        assert (settings.pool_size, settings.acquire_timeout, settings.statement_timeout) == (7, 11, 13)


def test_a_backbone_without_redis_has_a_database_alone(secrets: Path) -> None:
    services = Services.of(backbone(redis=None))
    assert services.redis is None
    assert set(services.fingerprints(SALT)) == {"timescale"}


def test_a_spec_without_a_database_is_told_what_to_add(secrets: Path) -> None:
    alone = Backbone("market", DataBackboneSpec.model_validate({"mode": "Bootstrap"}))
    for ask in (Services.of, settings_of):
        with pytest.raises(Rejected, match=r"spec\.timescale is missing"):
            ask(alone)
