"""Between a client and a server of any protocol: late, or silent while the connection stands."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

CHUNK = 1 << 16


class TcpProxy:
    """Passes bytes on to a port of the loopback.

    Each piece waits for `delay` seconds first; while `silent` nothing is passed on and nothing is closed.
    """

    def __init__(self, target: int) -> None:
        self.delay = 0.0
        self.silent = False
        self._target = target
        self._ending = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._ending.is_set():
            try:
                inner, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            outer = socket.create_connection(("127.0.0.1", self._target))
            for pair in ((inner, outer), (outer, inner)):
                threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(CHUNK):
                time.sleep(self.delay)
                while self.silent and not self._ending.is_set():
                    time.sleep(0.01)
                sink.sendall(piece)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
