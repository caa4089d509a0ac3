"""What the programs in hack/ say while they work: one line per step, with what it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

WIDTH = 46


class Failure(Exception):
    """Ends a program with one clear message instead of a traceback."""


def say(text: str = "") -> None:
    """A line for the person who watches; progress goes to stderr, results to stdout."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print the title at once and what the block took when it ends."""
    started = time.monotonic()
    print(f"  {title} {'.' * max(2, WIDTH - len(title))} ", end="", file=sys.stderr, flush=True)
    try:
        yield
    except BaseException:
        say(f"failed after {time.monotonic() - started:.1f} s")
        raise
    say(f"{time.monotonic() - started:.1f} s")
