"""Running a program whose output is of interest only if it fails."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from console import Failure

TAIL_LINES = 30
OWN_MOUNTS = ("unshare", "--mount", "--propagation", "private")
"""Put before a command: what it mounts goes with it, however it ends."""


def logged(command: list[str], log: Path, deadline: float, environment: dict[str, str] | None = None) -> None:
    """Run a command; the command and its output go to a log file.

    Settings of pip's that stand in this shell stay out. Raises Failure with the log's end.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    with log.open("wb") as output:
        output.write(f"$ {shlex.join(command)}\n".encode())
        output.flush()
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=deadline,
                env=inherited | (environment or {}),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failure(f"not done within {deadline:.0f} s; see {log}") from None
    if done.returncode != 0:
        end = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
        raise Failure("\n".join([f"exit code {done.returncode}; {log} ends:", *end]))
