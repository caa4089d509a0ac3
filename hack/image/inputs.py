"""What goes into an image: its name, its version, and the hash of every file that the build may read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("operator", "worker", "worker-sample")


def reference(target: str) -> str:
    """The image's name and tag, as manifests say it: `backbone-operator:0.1.0`."""
    return f"backbone-{target}:{version()}"


def version() -> str:
    """The version that the package declares."""
    text = (ROOT / "operator/backbone/__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    if found is None:
        raise ValueError("operator/backbone/__init__.py declares no __version__")
    return found[1]


def key(*more: str) -> str:
    """A hash of the Dockerfile, of every file that .dockerignore lets in, and of whatever else counts."""
    digest = hashlib.sha256()
    for path in [ROOT / "Dockerfile", ROOT / ".dockerignore", *files()]:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)} ".encode())
        digest.update(content)
    for word in more:
        digest.update(f"{word}\n".encode())
    return digest.hexdigest()[:16]


def files() -> Iterator[Path]:
    """The files that .dockerignore lets in, sorted; every `!` line there names a file or a folder."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name in sorted(line[1:] for line in lines if line.startswith("!")):
        path = ROOT / name
        if path.is_dir():
            yield from sorted(
                inner for inner in path.rglob("*") if inner.is_file() and "__pycache__" not in inner.parts
            )
        elif path.exists():
            yield path
