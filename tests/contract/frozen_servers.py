"""A server that says nothing any more while connections stand: stopped, in part, or behind a silent wire."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from backbone.adapters.timescale.settings import ConnectionSettings
from databases import changed, execute
from services.postgres import PostgresServer
from tcp_proxy import TcpProxy

KINDS = ("the whole server is stopped", "its processes for us are stopped", "the wire swallows packets")
WHOLE, BACKENDS, WIRE = KINDS


@dataclass
class Silence:
    """A server to connect to by `settings`, until `begin` lets it fall silent; `began` is when, monotonic."""

    settings: ConnectionSettings
    fall: Callable[[], None]
    began: float | None = None

    def begin(self) -> None:
        """Fall silent."""
        self.fall()
        self.began = time.monotonic()


@contextmanager
def silence(kind: str, server: PostgresServer, settings: ConnectionSettings) -> Iterator[Silence]:
    """A server that can be made silent in one of the ways; everything goes on afterwards."""
    stopped: list[int] = []

    def halt(pid: int) -> None:
        with suppress(ProcessLookupError):  # it ended since it was listed
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)

    def stop() -> None:
        postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
        if kind == WHOLE:
            halt(postmaster)
        for pid in _children(postmaster) if kind == WHOLE else _backends(settings):
            halt(pid)

    with TcpProxy(settings.port) as proxy:
        if kind == WIRE:
            place = Silence(changed(settings, port=proxy.port), lambda: setattr(proxy, "silent", True))
        else:
            place = Silence(settings, stop)
        try:
            yield place
        finally:
            proxy.silent = False
            for pid in stopped:
                with suppress(ProcessLookupError):  # it was at its end when it was stopped
                    os.kill(pid, signal.SIGCONT)


def _backends(settings: ConnectionSettings) -> list[int]:
    """Processes of the server that work for somebody in a database."""
    asked = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    return [pid for (pid,) in execute(settings, asked, settings.database)]


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
