"""The worker as a process of its own, and the volume it works on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "manifests" / "samples" / "bootstrap"

Emp = Callable[..., "subprocess.CompletedProcess[str]"]


def command(*arguments: str | Path) -> list[str]:
    """The command line of `emp-runtime` with the interpreter of the tests."""
    return [sys.executable, "-m", "backbone.runtime", *map(str, arguments)]


def report(folder: Path) -> dict[str, Any]:
    """The report that the last run left in a test's folder."""
    found: dict[str, Any] = json.loads((folder / "termination-log").read_text())
    return found


def remount(volume: Path, *options: str) -> None:
    """Change a mounted volume, for example to read-only."""
    subprocess.run(["mount", "-o", ",".join(["remount", *options]), volume], check=True)
