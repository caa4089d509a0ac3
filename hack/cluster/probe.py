"""Looking at a cluster from outside: kubectl with our kubeconfig alone, and a name lookup."""

import json
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

from debian import SEARCH_PATH
from layout import DNS_PORT, Layout
from report import Problem


class Kubectl:
    """kubectl that knows nothing of the user's own clusters, caches or proxies."""

    def __init__(self, program: Path, layout: Layout) -> None:
        self._command = [
            str(program),
            f"--kubeconfig={layout.kubeconfig}",
            f"--cache-dir={layout.state / 'kubectl-cache'}",
        ]
        self._environment = {"PATH": SEARCH_PATH, "HOME": str(layout.state)}

    def try_run(
        self, *arguments: str, given: str | None = None, seconds: float = 5
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl and let the caller look at how it ended."""
        return subprocess.run(
            [*self._command, f"--request-timeout={seconds:.0f}s", *arguments],
            input=given,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, *arguments: str, given: str | None = None, seconds: float = 30) -> str:
        """Run kubectl and return what it printed; a Problem when it fails."""
        done = self.try_run(*arguments, given=given, seconds=seconds)
        if done.returncode != 0:
            raise Problem(f"kubectl {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout

    def api_ready(self) -> bool:
        """Whether the API server says that it is ready."""
        return self.try_run("get", "--raw=/readyz", seconds=3).returncode == 0

    def node_ready(self) -> bool:
        """Whether there are nodes and each is ready."""
        nodes = self._items("nodes")
        return bool(nodes) and all(
            any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"])
            for node in nodes
        )

    def default_storage_class(self) -> bool:
        """Whether a claim that names no class gets its volume."""
        mark = "storageclass.kubernetes.io/is-default-class"
        return any(
            item["metadata"].get("annotations", {}).get(mark) == "true"
            for item in self._items("storageclasses")
        )

    def default_account(self) -> bool:
        """Pods cannot be made in a namespace before it has this account."""
        found = self.try_run("get", "--namespace=default", "serviceaccount/default")
        return found.returncode == 0

    def _items(self, kind: str) -> list[dict[str, Any]]:
        done = self.try_run("get", kind, "--output=json")
        return list(json.loads(done.stdout)["items"]) if done.returncode == 0 else []


def resolves(server: str, name: str, seconds: float = 1) -> bool:
    """Whether a DNS server has an address for a name."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = struct.pack(">HHHHHH", 1, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(seconds)
        try:
            link.sendto(question, (server, DNS_PORT))
            reply = link.recv(512)
        except OSError:
            return False
    _, flags, _, answers, _, _ = struct.unpack(">HHHHHH", reply[:12])
    return bool(flags & 0xF == 0 and answers > 0)
