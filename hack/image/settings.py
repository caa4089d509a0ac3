"""The machine's settings for package registries: lent to single steps of a build, never kept in an image."""

from __future__ import annotations

import configparser
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


@contextmanager
def secrets() -> Iterator[list[str]]:
    """The build's `--secret` flags: pip's configuration files in one, and the certificate authorities."""
    flags = []
    if CERTIFICATES.exists():
        flags += ["--secret", f"id=ca-certificates,src={CERTIFICATES}"]
    with tempfile.TemporaryDirectory() as folder:
        merged = Path(folder) / "pip.conf"
        if merge(pip_files(), merged):
            flags += ["--secret", f"id=pip.conf,src={merged}"]
        yield flags


def pip_files() -> list[Path]:
    """Where pip reads its settings, the weakest first."""
    files = [Path("/etc/pip.conf"), Path.home() / ".pip/pip.conf", Path.home() / ".config/pip/pip.conf"]
    own = os.environ.get("PIP_CONFIG_FILE")
    return [*files, Path(own)] if own else files


def merge(sources: list[Path], target: Path) -> bool:
    """Write what the files say together, the later ones winning; False if none says anything."""
    together = configparser.RawConfigParser()
    together.read(sources, encoding="utf-8")
    with target.open("w", encoding="utf-8") as file:
        together.write(file)
    return bool(together.sections())
