"""Contenders in processes of their own: what one allocates or caches is not the next one's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

DEADLINE = 600.0


def run(program: Path, *arguments: str | Path) -> dict[str, Any]:
    """Run one of our programs to its end; the JSON that it printed last."""
    done = subprocess.run(
        [sys.executable, str(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{program.name} {' '.join(map(str, arguments))}:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def peak_bytes() -> int:
    """The most memory that this process has held so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel does not tell VmHWM")
