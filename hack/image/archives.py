"""The image archives in the cache: which exist, how the missing ones are made, which go."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import engines
import inputs

from console import say, step

KEPT = 3
"""Archives per image: the current one and two to go back to."""


def cache() -> Path:
    """Where images are kept: $EMP_CACHE, or the user's cache folder."""
    base = os.environ.get("EMP_CACHE")
    if base:
        return Path(base).absolute() / "images"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "databackbone" / "images"


def present() -> dict[str, Path]:
    """The archives that fit this checkout as it stands, by target."""
    engine = engines.choose(cache())
    found = {target: path(inputs.ROOT, engine, target) for target in inputs.TARGETS}
    return {target: archive for target, archive in found.items() if archive.exists()}


def build(targets: list[str], fresh_base: bool) -> dict[str, Path]:
    """Make every archive that is missing. Raises Failure."""
    engine = engines.choose(cache())
    with alone(), tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        inputs.snapshot(context)
        if fresh_base:
            engine.refresh_base()
        return {target: ensure(context, engine, target) for target in targets}


def ensure(context: Path, engine: engines.Engine, target: str) -> Path:
    """One image's archive, built if it is missing."""
    archive = path(context, engine, target)
    if archive.exists():
        os.utime(archive)
        say(f"  {inputs.reference(target)} is built already")
        return archive
    engine.prepare()
    archive = path(context, engine, target)
    partial = archive.with_suffix(".partial")
    with step(f"{inputs.reference(target)} ({engine.name})"):
        engine.build(context, target, partial)
    partial.rename(archive)
    say(f"    {archive.stat().st_size / 1e6:.0f} MB")
    prune(target)
    return archive


def path(context: Path, engine: engines.Engine, target: str) -> Path:
    """Where a target's archive is, or would be."""
    return cache() / f"backbone-{target}-{inputs.key(context, engine.name, engine.base())}.tar"


def prune(target: str) -> None:
    """Remove a target's archives but the newest."""
    archives = [found for found in cache().glob(f"backbone-{target}-*.tar") if is_of(found, target)]
    for archive in sorted(archives, key=lambda found: found.stat().st_mtime, reverse=True)[KEPT:]:
        archive.unlink()


def is_of(archive: Path, target: str) -> bool:
    """Whether the file is this target's: `worker` is no `worker-sample`."""
    return archive.stem.rsplit("-", 1)[0] == f"backbone-{target}"


@contextmanager
def alone() -> Iterator[None]:
    """Hold the cache; a second build waits for the first and then finds its archives."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("  another build is under way; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for partial in cache().glob("*.partial"):
            partial.unlink()
        yield
