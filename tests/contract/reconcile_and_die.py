"""Reconciliations, each in a fork that kills itself before its n-th statement; 0 lets it live.

Reads lines of WISH N URI, where WISH is a name of policy_database, and answers each with the return code, as
subprocess has it, and the number of statements that one which lived has made. A commit counts as a statement.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import psycopg

import policy_database
from backbone.adapters.timescale import policies as timescale_policies
from backbone.adapters.timescale.settings import from_keys
from killed_before import Countdown


def reconcile(wish: str, last: int, uri: str) -> int:
    countdown = Countdown(last)
    counted: Any = countdown.before(timescale_policies._run)
    timescale_policies._run = counted
    psycopg.Transaction.__exit__ = countdown.before(psycopg.Transaction.__exit__)  # type: ignore[method-assign]
    countdown.armed = True
    timescale_policies.Policies(from_keys("test", {"uri": uri}), getattr(policy_database, wish)).reconcile()
    countdown.armed = False
    return countdown.count


def in_a_fork(wish: str, last: int, uri: str) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(reconcile(wish, last, uri)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        said = stream.read()
    _, status = os.waitpid(child, 0)
    return f"{os.waitstatus_to_exitcode(status)} {said or 0}"


for line in sys.stdin:
    wish, last, uri = line.split()
    sys.stdout.write(f"{in_a_fork(wish, int(last), uri)}\n")
    sys.stdout.flush()
