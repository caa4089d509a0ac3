"""A real API server for tests: `hack/cluster api-server`, which is gone as soon as its caller is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from console import Failure

PROGRAM = Path(__file__).resolve().parents[2] / "hack" / "cluster"
END_SECONDS = 30.0


class KubeApiServer:
    """An API server of our own, which tests may freeze and kill; it is started again where it is used next.

    It builds its programs first where they are not in the cache, and says so.
    """

    def __init__(self) -> None:
        self._program: subprocess.Popen[str] | None = None
        self._kubeconfigs = Path()
        self._processes: dict[str, int] = {}
        self.knows_our_kinds = False

    def start(self) -> Self:
        """Start it and wait until it is ready; nothing where it runs already. Raises Failure."""
        if self._program is not None:
            return self
        self._program = subprocess.Popen(
            [sys.executable, str(PROGRAM), "api-server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._program.stdout is not None
        said = self._program.stdout.readline()
        if not said:
            self.stop()
            raise Failure("`python3 hack/cluster api-server` did not start; it says why above")
        ready = json.loads(said)
        self._kubeconfigs, self._processes = Path(ready["kubeconfigs"]), ready["processes"]
        self.knows_our_kinds = False
        return self

    def kubeconfig(self, identity: str) -> Path:
        """The kubeconfig of one of the identities that `hack/cluster` gives a certificate."""
        return self._kubeconfigs / f"{identity}.kubeconfig"

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Connections stand, and nothing answers."""
        pid = self._processes["kube-apiserver"]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill -9 the API server, and take its store away too."""
        os.kill(self._processes["kube-apiserver"], signal.SIGKILL)
        self.stop()

    def left(self) -> list[str]:
        """Its processes and its folder, as far as they are still there."""
        there = [name for name, pid in self._processes.items() if _runs(pid)]
        return there + ([str(self._kubeconfigs)] if self._kubeconfigs.exists() else [])

    def stop(self) -> None:
        """End its processes and remove its folder."""
        program, self._program = self._program, None
        if program is None:
            return
        assert program.stdin is not None
        program.stdin.close()
        try:
            program.wait(END_SECONDS)
        finally:
            if program.poll() is None:
                program.terminate()


def _runs(pid: int) -> bool:
    """Whether there is such a process, and not only its remains that nobody has collected."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text[text.rindex(")") + 2] not in "ZX"
