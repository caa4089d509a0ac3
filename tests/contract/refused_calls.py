"""Opens a store while the system refuses what its files need, and tells how that ended: a process of its own.

`python refused_calls.py FOLDER` makes a store under FOLDER, tries each case on a copy of it, and tells each
in a line of JSON. The kernel itself refuses: descriptors and memory by limits, other faults by a filter of
system calls, so that the answers come to Python and to DuckDB as those of a failing disk do.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import shutil
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from backbone.adapters.duckdb.reader import published
from backbone.adapters.duckdb.session import opened
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.market.dimensions import DAILY_BARS
from backbone.ports.journal import RunStart
from backbone.ports.store import Selection
from backbone.ports.store_errors import StoreError
from small_copies import NOW, bar, ingest

NUMBERS = (errno.EIO, errno.ENOMEM, errno.ESTALE, errno.EINVAL, errno.EACCES, errno.EMFILE)
FREE_DESCRIPTORS = range(9)
MEBIBYTES = (0, 1, 2, 4)
OPENAT, PREAD64 = (257, 17) if os.uname().machine == "x86_64" else (56, 67)
BLOCK = 256 * 1024

Refusal = Callable[[], None]


def refusing(call: int, number: int, argument: int | None = None, value: int = 0) -> Refusal:
    """Answer a system call with an error from now on; of an argument, only where it is this value."""

    def instruction(code: int, yes: int, no: int, operand: int) -> bytes:
        return struct.pack("HBBI", code, yes, no, operand)

    def refuse() -> None:
        load, equal, answer = 0x20, 0x15, 0x06
        asked = b""
        if argument is not None:
            asked = instruction(load, 0, 0, 16 + 8 * argument) + instruction(equal, 0, 1, value)
        program = (
            instruction(load, 0, 0, 0)
            + instruction(equal, 0, 1 + len(asked) // 8, call)
            + asked
            + instruction(answer, 0, 0, 0x00050000 | number)
            + instruction(answer, 0, 0, 0x7FFF0000)
        )
        held = ctypes.create_string_buffer(program, len(program))
        # struct sock_fprog: how many instructions, and where they are.
        described = ctypes.create_string_buffer(
            struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(held))
        )
        system = ctypes.CDLL(None, use_errno=True)
        no_new_privileges, seccomp, filtering = 38, 22, 2
        if system.prctl(no_new_privileges, 1, 0, 0, 0) or system.prctl(seccomp, filtering, described, 0, 0):
            raise OSError(ctypes.get_errno(), "the filter was refused")

    return refuse


def few_descriptors(free: int) -> Refusal:
    """Leave so many descriptors."""

    def refuse() -> None:
        used = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
        # The gaps below are closed first.
        taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(used + 2)]
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken) + 1 + free, limits[1]))

    return refuse


def little_memory(mebibytes: int) -> Refusal:
    """Leave so much memory to ask the system for."""

    def refuse() -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + (mebibytes << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

    return refuse


def cases() -> dict[str, Refusal]:
    """What is refused, by the case's name."""
    found: dict[str, Refusal] = {}
    for number in NUMBERS:
        name = errno.errorcode[number]
        found[f"{name} where the header is read"] = refusing(PREAD64, number, 3, 0)
        found[f"{name} where a block is read"] = refusing(PREAD64, number, 2, BLOCK)
        found[f"{name} where DuckDB opens the file"] = refusing(OPENAT, number, 2, os.O_RDWR | os.O_CLOEXEC)
    for free in FREE_DESCRIPTORS:
        found[f"{free} free descriptors"] = few_descriptors(free)
    for mebibytes in MEBIBYTES:
        found[f"{mebibytes} MiB of memory"] = little_memory(mebibytes)
    return found


def leave_a_log(folder: Path) -> None:
    """A store that was published, and whose second writer was killed: what it committed stands in the log."""
    ingest(folder, [bar(day) for day in range(1, 29)])
    with DuckDBStore(folder).writer("killed", timedelta()) as writer:
        writer.journal.begin(RunStart("killed", "plan", 1, NOW))
        os.kill(os.getpid(), signal.SIGKILL)


def tried(folder: Path, refuse: Refusal) -> tuple[str, str]:
    """How opening ended: an outcome, or `opened`, and the words."""
    refuse()
    try:
        with DuckDBStore(folder, lambda seconds: None).writer("next", timedelta()):
            return "opened", ""
    except StoreError as error:
        return str(error.outcome), str(error)


def read(folder: Path, free: int) -> tuple[str, str]:
    """How reading the published copy ended with so few descriptors: an outcome, and what the system said."""
    few_descriptors(free)()
    try:
        with published(folder):
            return "opened", ""
    except StoreError as error:
        return str(error.outcome), os.strerror(errno.EMFILE) if "Too many open files" in str(error) else str(
            error
        )


def in_a_child(work: Callable[[], object]) -> object:
    """What some work gives in a process of its own; how that died, if it did."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            answer: object = None
            try:
                answer = work()
            except Exception as error:  # noqa: BLE001 - told to the parent
                answer = ["raised", f"{type(error).__name__}: {error}"]
            os.write(writable, json.dumps(answer).encode())
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as stream:
        text = stream.read()
    _, status = os.waitpid(child, 0)
    return json.loads(text) if text else ["died", str(os.waitstatus_to_exitcode(status))]


def kept(folder: Path) -> dict[str, object]:
    """What is still there: rows for readers, runs in the working file, files that were set aside."""
    with published(folder) as reader:
        rows = sum(batch.num_rows for batch in reader.batches(Selection(DAILY_BARS)))
    with opened(folder / "working" / "backbone.duckdb") as connection:
        runs = connection.execute("SELECT run_id FROM telemetry.ingest_runs ORDER BY run_id").fetchall()
    aside = [path.name for path in folder.rglob("*corrupt*")]
    return {"rows": rows, "runs": [name for (name,) in runs], "aside": aside}


def main(folder: Path) -> None:
    """Try every case on a copy of one store, and tell."""
    template = folder / "template"
    in_a_child(lambda: leave_a_log(template))
    for number, (name, refuse) in enumerate(cases().items()):
        copy = folder / str(number)
        shutil.copytree(template, copy)
        outcome, words = in_a_child(lambda: tried(copy, refuse))  # noqa: B023 - called at once
        left = in_a_child(lambda: kept(copy))  # noqa: B023 - called at once
        told = {"case": name, "outcome": outcome, "words": words, "left": left}
        sys.stdout.write(f"{json.dumps(told)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
