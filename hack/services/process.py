"""One server as a process that outlives the program which started it, recognised afterwards by its record."""

from __future__ import annotations

import errno
import json
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from console import Failure

LOOPBACK = "127.0.0.1"
END_DEADLINE = 20.0
LOG_TAIL_LINES = 40
"""Enough for a stack of Java's with the line above it that says what is wrong."""


@dataclass(frozen=True)
class Record:
    """What tells a process from a later owner of its pid."""

    pid: int
    started: int
    boot: str

    def alive(self) -> bool:
        """Whether it is still there."""
        seen = _stat(self.pid)
        return self.boot == _boot() and seen is not None and seen.started == self.started and not seen.dead


class ServerProcess:
    """At most one process of a name in a folder, with its record and its log."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._record = folder / f"{name}.process.json"

    @property
    def pid(self) -> int | None:
        """The process that runs now; None where none does."""
        try:
            record = Record(**json.loads(self._record.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        with suppress(ChildProcessError):  # our own child would stay a zombie otherwise
            os.waitpid(record.pid, os.WNOHANG)
        return record.pid if record.alive() else None

    def start(self, argv: list[str], *, user: str | None = None) -> None:
        """Start it in a session of its own, as another user where one is named."""
        with self.log.open("ab") as output:
            child = subprocess.Popen(
                argv,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=user and _group(user),
                extra_groups=[] if user else None,
            )
        seen = _stat(child.pid)
        record = Record(child.pid, seen.started if seen else 0, _boot())
        scratch = self._record.with_suffix(".new")
        scratch.write_text(json.dumps(asdict(record)) + "\n")
        scratch.rename(self._record)

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Look again and again until `ready` says yes. Raises Failure with the end of the log."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.pid is None:
                raise Failure(f"{self.name} ended by itself; its log ends with\n{self._tail()}")
            if time.monotonic() > deadline:
                raise Failure(
                    f"{self.name} is not ready after {seconds:.0f} s; its log ends with\n{self._tail()}"
                )
            time.sleep(0.05)

    def end(self, how: signal.Signals) -> None:
        """Send it a signal and wait for its end; SIGKILL goes to its own processes too."""
        pid = self.pid
        if pid is None:
            return
        family = [pid, *_children(pid)] if how is signal.SIGKILL else [pid]
        for member in family:
            with suppress(ProcessLookupError):
                os.kill(member, how)
        deadline = time.monotonic() + END_DEADLINE
        while self.pid is not None:
            if time.monotonic() > deadline:
                raise Failure(f"{self.name} (pid {pid}) does not end")
            time.sleep(0.02)

    def signal(self, which: signal.Signals) -> None:
        """Send a signal to the process that runs, and wait for nothing."""
        if (pid := self.pid) is not None:
            os.kill(pid, which)

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(f"    {line}" for line in lines[-LOG_TAIL_LINES:]) or "    (nothing)"


def free_port(host: str = LOOPBACK) -> int:
    """A port of an address of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Whether somebody listens."""
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def port_holder(port: int, host: str = LOOPBACK) -> str | None:
    """Who listens already where a server is to listen, in words; None where nobody does."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return _listener(port)
        return None


def _listener(port: int) -> str:
    """The process that listens at a port, as far as this user may see: never its arguments."""
    uids: dict[str, int] = {}
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            _, local, _, state, _, _, _, uid, _, inode, *_ = line.split()
            if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                uids[f"socket:[{inode}]"] = int(uid)
    for path in sorted(Path("/proc").glob("[0-9]*/fd/*")):
        with suppress(OSError):
            if str(path.readlink()) in uids:
                process = path.parents[1]
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    users = ", ".join(str(uid) for uid in sorted(set(uids.values())))
    return f"a process of user {users}" if users else "another process"


@dataclass(frozen=True)
class _Stat:
    dead: bool
    parent: int
    started: int


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    # A process is over when its last thread is: the first one may be a zombie before.
    return _Stat(fields[0] in "ZX" and int(fields[17]) <= 1, int(fields[1]), int(fields[19]))


def _children(pid: int) -> list[int]:
    """Processes whose parent it is, and theirs."""
    parents = {
        int(path.name): _stat(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit()
    }
    found = [child for child, seen in parents.items() if seen is not None and seen.parent == pid]
    return found + [grandchild for child in found for grandchild in _children(child)]


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
