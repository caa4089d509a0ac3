"""What the command line says: answers on stdout, everything else on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import typer

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


class Progress:
    """Tells steps on stderr: with the seconds since the start on a terminal, as dated log lines elsewhere."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        """Tell one step."""
        if self._terminal:
            typer.secho(f"{time.monotonic() - self._started:6.1f}s  {text}", err=True, dim=True)
        else:
            stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
            typer.echo(f"{stamp}Z {text}", err=True)


def notice(text: str) -> None:
    """Something worth knowing that stops nothing."""
    typer.secho(f"note: {text}", err=True, dim=sys.stderr.isatty())


def failed(text: str, code: int) -> int:
    """Say in one line what went wrong; the exit code."""
    typer.secho(f"error: {text}", err=True, fg="red" if sys.stderr.isatty() else None)
    return code


@contextmanager
def interruptible(advice: str) -> Iterator[None]:
    """Say a word on ^C; a run that is under way has its own."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(failed(f"interrupted: {advice}", EXIT_INTERRUPTED)) from None
