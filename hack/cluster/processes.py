"""The table of the cluster's processes: start, recognise and end them by their id."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from layout import MARKER, Layout
from report import Problem, wait_until

END_DEADLINE = 15.0
# Generous: on a busy machine everything takes several times as long.
START_SECONDS = 120


@dataclass(frozen=True)
class Component:
    """A program to run: its command line, what it listens on, the settings files it reads."""

    name: str
    argv: list[str]
    ports: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    files: dict[Path, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Process:
    """A component that was started; `started` and `boot` tell it from a later owner of its pid."""

    name: str
    pid: int
    started: int
    boot: str
    argv: list[str]
    ports: list[str]
    env: dict[str, str]
    log: str

    def state(self) -> str:
        """What it does now: running, frozen or gone."""
        if self.boot != _boot():
            return "gone"
        seen = _stat(self.pid)
        if seen is None or seen[1] != self.started or seen[0] in "ZX":
            return "gone"
        return "frozen" if seen[0] in "Tt" else "running"


def start(layout: Layout, component: Component) -> Process:
    """Write a component's settings, start it in a session of its own and write its record."""
    for path, text in component.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    layout.logs.mkdir(parents=True, exist_ok=True)
    layout.processes.mkdir(parents=True, exist_ok=True)
    log = layout.logs / f"{component.name}.log"
    environment = {**component.env, MARKER: str(layout.state)}
    with log.open("ab") as output:
        child = subprocess.Popen(
            component.argv,
            env=environment,
            cwd=layout.state,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    seen = _stat(child.pid)
    process = Process(
        name=component.name,
        pid=child.pid,
        started=seen[1] if seen else 0,
        boot=_boot(),
        argv=component.argv,
        ports=component.ports,
        env=environment,
        log=str(log),
    )
    record = layout.processes / f"{component.name}.json"
    scratch = record.with_suffix(".new")
    scratch.write_text(json.dumps(asdict(process), indent=2) + "\n")
    scratch.rename(record)
    return process


def table(layout: Layout) -> list[Process]:
    """Every recorded process, in the order in which they were started."""
    records = [json.loads(path.read_text()) for path in layout.processes.glob("*.json")]
    return sorted((Process(**record) for record in records), key=lambda process: process.started)


def ensure_alive(process: Process) -> None:
    """A Problem, with its log, when the process ended on its own."""
    with suppress(ChildProcessError):  # our child would stay a zombie otherwise
        os.waitpid(process.pid, os.WNOHANG)
    if process.state() == "gone":
        raise Problem(f"{process.name} ended by itself", log=Path(process.log))


def wait(what: str, ready: Callable[[], bool], process: Process) -> None:
    """Look again and again until it is ready; a Problem when it ended, or takes too long."""

    def looked() -> bool:
        ensure_alive(process)
        return ready()

    wait_until(what, looked, seconds=START_SECONDS, log=Path(process.log))


def end(layout: Layout) -> None:
    """Kill every process of this cluster, recorded or recognised, until none is left."""
    deadline = time.monotonic() + END_DEADLINE
    while pids := _recorded(layout) | marked(layout):
        if time.monotonic() > deadline:
            raise Problem(f"processes do not end: {' '.join(map(str, sorted(pids)))}")
        for pid in pids:
            kill(pid)
        time.sleep(0.05)


def kill(pid: int) -> None:
    """End a process for sure; nothing to do when it is gone already."""
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, os.WNOHANG)


def _recorded(layout: Layout) -> set[int]:
    return {process.pid for process in table(layout) if process.state() != "gone"}


def marked(layout: Layout) -> set[int]:
    """Processes that carry this cluster's mark in their environment, containers' shims too."""
    mark = f"{MARKER}={layout.state}".encode()
    found = set()
    for directory in Path("/proc").iterdir():
        if not directory.name.isdigit() or int(directory.name) == os.getpid():
            continue
        try:
            environment = (directory / "environ").read_bytes()
        except OSError:
            continue  # ended meanwhile, or another user's
        if mark in environment.split(b"\0") and _alive(int(directory.name)):
            found.add(int(directory.name))
    return found


def _alive(pid: int) -> bool:
    seen = _stat(pid)
    return seen is not None and seen[0] not in "ZX"


def _stat(pid: int) -> tuple[str, int] | None:
    """A process's state letter and start time, None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[19])


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
