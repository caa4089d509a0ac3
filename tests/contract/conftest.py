"""Real files, real processes, recorded data that is fetched once and kept."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from backbone.adapters.redis_settings import from_keys
from backbone.providers.sample.fetch import fetch
from backbone.providers.sample.files import sample_root
from redis_place import CACHE_USER, RedisPlace
from services.redis_server import RedisServer
from worker import ROOT, Emp, command

RUN_DEADLINE = 120


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded data; an error, and no skip, where it cannot be had."""
    fetch(sample_root(), lambda _: None)
    return sample_root()


@pytest.fixture
def environment(tmp_path: Path, recorded: Path) -> dict[str, str]:
    """Of a run in a process of its own: as in a pod, nothing of the tester's shell but the path."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "operator"),
        "EMP_SAMPLE_DIR": str(recorded),
        "EMP_TERMINATION_LOG": str(tmp_path / "termination-log"),
        "TMPDIR": str(scratch),
    }


@pytest.fixture
def emp(tmp_path: Path, environment: dict[str, str]) -> Emp:
    """Runs `emp-runtime` in the test's folder."""

    def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments),
            cwd=tmp_path,
            env=environment | variables,
            capture_output=True,
            text=True,
            timeout=RUN_DEADLINE,
            check=False,
        )

    return run


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    """A volume of 8 MiB, which only root can mount."""
    if os.geteuid() != 0:
        pytest.fail("a full or read-only volume needs a mount: run tests/contract as root", pytrace=False)
    mount = tmp_path / "volume"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", mount], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", mount], check=True)


@pytest.fixture(scope="session")
def redis_urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Addresses for the cache's user and for one who may do all: REDIS_URL, or a server of our own."""
    given = os.environ.get("REDIS_URL")
    if given:
        yield given, given
        return
    with RedisServer(tmp_path_factory.mktemp("redis"), users={"cache": CACHE_USER}) as server:
        yield server.url("cache"), server.url()


@pytest.fixture
def redis_place(redis_urls: tuple[str, str]) -> Iterator[RedisPlace]:
    """A namespace of the test's own."""
    user, admin = redis_urls
    with ExitStack() as stack, redis.Redis.from_url(admin, protocol=2) as everything:
        place = RedisPlace(from_keys("redis", {"uri": user}), everything, stack)
        try:
            yield place
        finally:
            place.clear()
