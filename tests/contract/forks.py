"""`emp-runtime` in forks of one process that has imported everything: it spares each the second of imports.

Reads lines of JSON, which are the arguments of `_run`, and answers each with the return code, as subprocess
has it. What a fork does not show is that a command finds what it imports; test_cli starts each of them anew.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import pkgutil
import runpy
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen

PROGRAM = "backbone.runtime"
DEADLINE = 120
"""Seconds until a run is ended by SIGALRM."""


class Forks:
    """Runs of `emp-runtime`, one at a time; what each prints is kept in `folder` meanwhile."""

    def __init__(self, process: Popen[str], folder: Path) -> None:
        self._process = process
        self._output, self._errors = folder / "stdout", folder / "stderr"

    def run(self, arguments: list[str], folder: Path, environment: dict[str, str]) -> CompletedProcess[str]:
        """One run in a folder, with nothing but `environment` of the tester's shell."""
        asked = (arguments, str(folder), environment, str(self._output), str(self._errors))
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(asked)}\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return CompletedProcess(arguments, code, self._output.read_text(), self._errors.read_text())


@contextmanager
def forking(folder: Path, path: Path) -> Iterator[Forks]:
    """The process that is forked, which finds the program in `path`."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(path)}
    with Popen([sys.executable, __file__], env=environment, stdin=PIPE, stdout=PIPE, text=True) as process:
        yield Forks(process, folder)
        assert process.stdin is not None
        process.stdin.close()


def _run(arguments: list[str], folder: str, environment: dict[str, str], output: str, errors: str) -> None:
    signal.alarm(DEADLINE)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    for number, place in enumerate((os.devnull, output, errors)):
        opened = os.open(place, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv[1:] = arguments
    runpy.run_module(PROGRAM, run_name="__main__", alter_sys=True)


def _import_everything() -> None:
    """All that a command imports, and the calendar of sessions, which takes its library a second to make."""
    for name in ("adapters.duckdb", "adapters.redis", "adapters.timescale", "client", "providers", "runtime"):
        package = importlib.import_module(f"backbone.{name}")
        for item in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if item.name != f"{PROGRAM}.__main__":
                importlib.import_module(item.name)
    importlib.import_module("backbone.market.calendars").calendar("XNYS")


def main() -> None:
    """Answer line by line."""
    _import_everything()
    forks = multiprocessing.get_context("fork")
    for line in sys.stdin:
        child = forks.Process(target=_run, args=json.loads(line))
        child.start()
        child.join()
        sys.stdout.write(f"{child.exitcode}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
