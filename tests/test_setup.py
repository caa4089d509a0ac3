"""What the set-up says to somebody whose machine it cannot use."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).resolve().parents[1] / "hack" / "setup"


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of a user who is not root, on a machine whose Docker engine does not answer."""
    for name, body in {"id": "echo 1000", "docker": "exit 1"}.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SETUP, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_neither_root_nor_docker_is_said_in_one_line_before_anything_starts(machine: dict[str, str]) -> None:
    done = run(machine, "--cluster")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "setup: a local cluster needs root or a Docker engine that answers, and this user has neither"
    ]


def test_an_unknown_option_is_refused(machine: dict[str, str]) -> None:
    done = run(machine, "--all")
    assert done.returncode == 1
    assert done.stderr == "setup: usage: hack/setup [--cluster | --bench]\n"
