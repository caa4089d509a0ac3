"""What all services have in common: a folder, a port, and a process that is started, frozen, killed."""

from __future__ import annotations

import shutil
import signal
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

from console import Failure
from services.process import LOOPBACK, ServerProcess, port_holder


class Server(ABC):
    """A server in a folder of its own; the same folder gives the same port and passwords again.

    It listens at `host`, which is an address of this machine.
    """

    title: ClassVar[str]
    ending: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path, *, host: str = LOOPBACK, port: int = 0) -> None:
        self.folder = folder.absolute()
        self.host = host
        self.wanted_port = port
        self._process = ServerProcess(self.title.lower(), self.folder)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int((self.folder / "port").read_text())

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process.pid is not None

    @abstractmethod
    def uri(self) -> str:
        """Where its administrator finds it, with the password."""

    @abstractmethod
    def start(self) -> Self:
        """Start it and wait until it answers; nothing where it runs already."""

    def stop(self) -> None:
        """Shut it down in good order; clients are sent away, and what was acknowledged is kept."""
        self._process.end(self.ending)

    def _launch(self, argv: list[str], *, user: str | None = None) -> None:
        """Start its process, unless somebody has its port. Raises Failure that says who."""
        holder = port_holder(self.port, self.host)
        if holder is not None:
            place = f"{self.host}:{self.port}"
            raise Failure(f"{self.title} cannot listen at {place}: {holder} does; stop that first")
        self._process.start(argv, user=user)

    def kill(self) -> None:
        """Kill -9, all its processes at once."""
        self._process.end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it: connections stand, and nothing answers."""
        self._process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen one go on."""
        self._process.signal(signal.SIGCONT)

    def remove(self) -> None:
        """Kill it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()
