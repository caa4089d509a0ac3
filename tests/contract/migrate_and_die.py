"""Migrations, each in a fork that kills itself before its n-th statement; 0 lets it live.

Reads lines of KIND N URI, and answers each with the return code, as subprocess has it, and the number of
statements that one which lived has made.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from backbone.adapters.timescale.migrator import Migrator
from backbone.adapters.timescale.settings import from_keys
from backbone.migrations import packaged


def migrate(kind: str, last: int, uri: str) -> int:
    count = 0
    execute = Migrator._execute

    def counted(*arguments: Any) -> None:
        nonlocal count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        execute(*arguments)

    Migrator._execute = counted  # type: ignore[method-assign]
    migrations = tuple(item for item in packaged() if kind == "timescale" or not item.needs_timescale)
    Migrator(from_keys("test", {"uri": uri}), migrations).migrate()
    return count


def in_a_fork(kind: str, last: int, uri: str) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(migrate(kind, last, uri)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        said = stream.read()
    _, status = os.waitpid(child, 0)
    return f"{os.waitstatus_to_exitcode(status)} {said or 0}"


for line in sys.stdin:
    kind, last, uri = line.split()
    sys.stdout.write(f"{in_a_fork(kind, int(last), uri)}\n")
    sys.stdout.flush()
