"""What goes into an image: its name, its version, and every file that the build may read."""

from __future__ import annotations

import hashlib
import re
import shutil
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


def files(root: Path) -> Iterator[Path]:
    """The Dockerfile, and every file that .dockerignore lets in: a `!` line names a file or a folder."""
    yield from (root / "Dockerfile", root / ".dockerignore")
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name in sorted(line[1:] for line in lines if line.startswith("!")):
        path = root / name
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in inside if file.is_file() and "__pycache__" not in file.parts)


def key(root: Path, *more: str) -> str:
    """A hash of those files and of whatever else counts."""
    digest = hashlib.sha256()
    for path in files(root):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root)} {len(content)} ".encode())
        digest.update(content)
    for word in more:
        digest.update(f"{word}\n".encode())
    return digest.hexdigest()[:16]


def snapshot(folder: Path) -> None:
    """Copy those files, so that what is hashed is what is built even while somebody edits."""
    for path in files(ROOT):
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
