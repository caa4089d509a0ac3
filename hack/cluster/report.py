"""What the program tells the person: steps with their time, and problems."""

import time
from collections.abc import Callable
from pathlib import Path

from console import Failure, step
from console import say as note

__all__ = ["Problem", "note", "say", "step", "tail", "tell", "wait_until"]

LOG_TAIL_LINES = 25


class Problem(Failure):
    """Something that ends the command, said in words that help; never a traceback."""

    def __init__(self, message: str, *, log: Path | None = None, code: int = 1) -> None:
        super().__init__(message)
        self.log = log
        self.code = code


def say(text: str) -> None:
    """Print a line of what was asked for."""
    print(text, flush=True)


def tail(log: Path, lines: int = LOG_TAIL_LINES) -> str:
    """The end of a log file, indented; empty when there is none."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def tell(problem: Problem) -> None:
    """Print a problem, and the end of the log that explains it."""
    note(f"cluster: {problem}")
    if problem.log is not None:
        end = tail(problem.log)
        note(f"  the end of {problem.log}:\n{end}" if end else f"  {problem.log} is empty")


def wait_until(
    what: str,
    ready: Callable[[], bool],
    *,
    seconds: float,
    log: Path | None = None,
    interval: float = 0.1,
) -> None:
    """Look again and again until `ready` says yes; a Problem after the deadline."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise Problem(f"{what}: not within {seconds:.0f} s", log=log)
        time.sleep(interval)
