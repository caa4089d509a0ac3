"""A database's Secret that changes under continuous work: no row is lost, and what is wrong is named."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backbone.adapters.timescale.pool import DatabasePool
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.adapters.timescale.watch import SecretWatch
from backbone.ports.database import DatabaseFault
from databases import changed, execute, uri_of
from mounted import hold
from pooled_work import Work
from services.postgres import PostgresServer

SECONDS = 0.1
ROTATIONS = 5


@pytest.fixture
def secret(work_table: ConnectionSettings, tmp_path: Path) -> Path:
    folder = tmp_path / "timescale"
    hold(folder, uri=uri_of(work_table))
    return folder


@pytest.fixture
def pool(work_table: ConnectionSettings) -> Iterator[DatabasePool]:
    with DatabasePool(work_table) as made:
        yield made


def until(said: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_passwords_that_change_in_the_mounted_folder_are_taken_under_work(
    pool: DatabasePool, secret: Path, postgres_server: PostgresServer
) -> None:
    work, first = Work(pool), pool.settings
    with SecretWatch(pool, secret, SECONDS) as watch, work.running():
        work.goes_on()
        for turn in range(ROTATIONS):
            postgres_server.sql(f"ALTER ROLE \"{first.user}\" PASSWORD 'turn-{turn}'")
            work.goes_on()
            hold(secret, uri=uri_of(changed(first, password=f"turn-{turn}")))
            until(lambda turn=turn: pool.settings.password == f"turn-{turn}")  # type: ignore[misc]
            work.goes_on()
        assert watch.trouble is None
    assert work.failures == []
    assert pool.settings == changed(first, password=f"turn-{ROTATIONS - 1}")
    assert execute(pool.settings, "SELECT count(*) FROM work") == [(work.sent,)]
    sys.stdout.write(f"{work.sent} rows over {ROTATIONS} rotations, none lost, none failed\n")


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        pytest.param({"uri": "{uri}-wrong"}, DatabaseFault.DATABASE_MISSING, id="database"),
        pytest.param(
            {"uri": "postgresql://{user}:a-typo@{host}:{port}/{database}"},
            DatabaseFault.AUTHENTICATION_FAILED,
            id="password",
        ),
        pytest.param({"uri": "postgres//{user}:a-typo"}, DatabaseFault.INVALID_SETTINGS, id="form"),
        pytest.param({"host": "{host}"}, DatabaseFault.INVALID_SETTINGS, id="parts"),
        pytest.param({}, DatabaseFault.SECRET_MISSING, id="nothing"),
    ],
)
def test_a_wrong_secret_keeps_the_pool_at_work_and_is_named_until_it_is_right(
    pool: DatabasePool, secret: Path, keys: dict[str, str], fault: DatabaseFault
) -> None:
    work, first = Work(pool), pool.settings
    words = {name: getattr(first, name) for name in ("user", "host", "port", "database")}
    with SecretWatch(pool, secret, SECONDS) as watch, work.running():
        work.goes_on()
        hold(secret, **{name: text.format(uri=uri_of(first), **words) for name, text in keys.items()})
        until(lambda: watch.trouble is not None)
        assert watch.trouble is not None
        assert watch.trouble.fault is fault
        assert "typo" not in watch.trouble.message
        assert first.password not in watch.trouble.message
        work.goes_on()
        hold(secret, uri=uri_of(first))
        until(lambda: watch.trouble is None)
    assert (work.failures, pool.settings) == ([], first)


def test_a_password_that_the_server_learns_of_later_is_tried_again(
    pool: DatabasePool, secret: Path, postgres_server: PostgresServer
) -> None:
    first = pool.settings
    with SecretWatch(pool, secret, SECONDS) as watch:
        hold(secret, uri=uri_of(changed(first, password="later")))
        until(lambda: watch.trouble is not None)
        postgres_server.sql(f"ALTER ROLE \"{first.user}\" PASSWORD 'later'")
        until(lambda: watch.trouble is None)
    assert pool.settings == changed(first, password="later")


def test_files_that_somebody_writes_are_looked_at_too(
    pool: DatabasePool, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    folder, first = tmp_path / "by-hand", pool.settings
    folder.mkdir()
    for name, value in (("host", first.host), ("port", first.port), ("username", first.user)):
        (folder / name).write_text(f"{value}\n")
    (folder / "database").write_text(first.database)
    (folder / "password").write_text(first.password)
    with SecretWatch(pool, folder, SECONDS) as watch:
        assert (watch.look(), pool.settings) == (None, first)
        postgres_server.sql(f"ALTER ROLE \"{first.user}\" PASSWORD 'by hand'")
        (folder / "password").write_text("by hand\n")
        until(lambda: pool.settings.password == "by hand")


def test_a_watch_ends_with_its_block(pool: DatabasePool, secret: Path) -> None:
    with SecretWatch(pool, secret, SECONDS):
        assert any(thread.name == "secret-watch" for thread in threading.enumerate())
    assert not any(thread.name == "secret-watch" for thread in threading.enumerate())
