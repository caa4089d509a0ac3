"""Our operator as a plain process on this machine, against the local cluster's real API server.

It has the rights of the chart's service account and nothing else, and reaches the API server through a proxy.
Each serves one namespace under a Lease of that namespace, so several can run side by side. The process can be
killed, frozen and given another clock, which a pod cannot on every kind of cluster.
"""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import yaml

from deployment import RELEASE, ROOT, Image, Kubectl, until

ENDS_WITHIN = 40.0


def grant(kubectl: Kubectl) -> None:
    """Install the chart in kubectl's namespace, for it alone and without a pod: what stays are the rights."""
    chart = str(ROOT / "charts" / "databackbone")
    values = f"operator.replicas=0,rbac.userRoles=false,watchNamespaces={{{kubectl.namespace}}}"
    kubectl.run("install", RELEASE, chart, "--skip-crds", "--set", values, tool="helm")


def operator_token(kubectl: Kubectl) -> str:
    """A token of the service account that the chart gives its rights to."""
    return kubectl.run("create", "token", RELEASE, "--duration=8h").strip()


@dataclass(slots=True)
class OperatorProcess:
    """One replica. Started again it is a new process of the same name, as a restarted container is."""

    folder: Path
    api: str
    token: str
    namespaces: Sequence[str]
    images: Mapping[str, Image]
    name: str = "operator"
    settings: Mapping[str, str] = field(default_factory=dict)
    """More of the environment, EMP_* or what the dynamic linker reads."""
    process: subprocess.Popen[bytes] | None = None
    health_port: int = 0
    metrics_port: int = 0

    @property
    def log(self) -> Path:
        """What all its lives wrote."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """Of the life under way, or of the last one."""
        if self.process is None:
            raise ValueError(f"{self.name} was never started")
        return self.process.pid

    def start(self) -> OperatorProcess:
        """Begin a life; returns at once."""
        self.health_port, self.metrics_port = _free_port(), _free_port()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "backbone"],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        return self

    def kill(self) -> None:
        """SIGKILL; nothing is cleaned up."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(ENDS_WITHIN)

    def kill_now(self) -> None:
        """SIGKILL from another thread: whoever waits for the end learns of it there."""
        os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, as Kubernetes ends a pod; the exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        return self.process.wait(ENDS_WITHIN)

    def freeze(self) -> None:
        """Let it run no instruction until it is thawed."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was frozen."""
        os.kill(self.pid, signal.SIGCONT)

    @contextmanager
    def restarted(self) -> Iterator[None]:
        """Begin another life whenever one ends, as a kubelet does, for as long as this lasts."""
        over = threading.Event()

        def mind() -> None:
            while not over.wait(0.5):
                if not self.alive:
                    self.start()

        minder = threading.Thread(target=mind, name=f"restarts {self.name}")
        minder.start()
        try:
            yield
        finally:
            over.set()
            minder.join()

    @property
    def alive(self) -> bool:
        """Whether the life under way has not ended."""
        return self.process is not None and self.process.poll() is None

    def page(self, path: str) -> tuple[int, str]:
        """Status and text of /healthz, /readyz or /metrics; (0, "") where nothing answers."""
        port = self.metrics_port if path == "/metrics" else self.health_port
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a family's series that carry these labels, 0 if there is none; NaN without an answer."""
        status, text = self.page("/metrics")
        return _sum(text, name, labels) if status == HTTPStatus.OK else math.nan

    def visits_at_rest(self) -> float | None:
        """How many visits have ended; None while one is owed or under way, or without an answer."""
        status, text = self.page("/metrics")
        if status != HTTPStatus.OK or "backbone_visits_queued{" not in text:
            return None
        waiting = _sum(text, "backbone_visits_queued", {}) + _sum(text, "backbone_visits_under_way", {})
        return None if waiting else _sum(text, "backbone_visits_total", {})

    def wait_leading(self, deadline: float = 60.0) -> OperatorProcess:
        """Wait until it holds the Lease."""
        until(
            lambda: self.page("/healthz"),
            lambda seen: "leading" in seen[1],
            deadline,
            f"{self.name} leads",
            0.1,
        )
        return self

    def wait_end(self, deadline: float = ENDS_WITHIN) -> int:
        """Wait until the life under way ends by itself; its exit code, negative for a signal."""
        if self.process is None:
            raise ValueError(f"{self.name} was never started")
        return self.process.wait(deadline)

    def resident_bytes(self) -> int:
        """Memory that it holds just now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        """Processor time of this life, user and system."""
        text = Path(f"/proc/{self.pid}/stat").read_text()
        fields = text[text.rindex(")") + 2 :].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _environment(self) -> dict[str, str]:
        config = self.folder / f"{self.name}.kubeconfig"
        config.write_text(yaml.safe_dump(_kubeconfig(self.api, self.token)))
        config.chmod(0o600)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT / "operator"),
            "PYTHONUNBUFFERED": "1",
            "KUBECONFIG": str(config),
            "EMP_POD_NAME": self.name,
            "EMP_NAMESPACE": self.namespaces[0],
            "EMP_WATCH_NAMESPACES": ",".join(self.namespaces),
            "EMP_WORKER_IMAGE": self.images["worker"].reference,
            "EMP_SAMPLE_WORKER_IMAGE": self.images["worker-sample"].reference,
            "EMP_IMAGE_PULL_POLICY": "Never",
            "EMP_LOG_FORMAT": "text",
            "EMP_RESYNC_SECONDS": "15",
            "EMP_HEALTH_PORT": str(self.health_port),
            "EMP_METRICS_PORT": str(self.metrics_port),
            **self.settings,
        }


Replica = Callable[..., OperatorProcess]
"""Make a replica by name, with more settings; it is not started yet."""


def _sum(page: str, name: str, labels: Mapping[str, str]) -> float:
    total = 0.0
    for line in page.splitlines():
        series, _, value = line.rpartition(" ")
        if series.split("{")[0] == name and all(f'{key}="{text}"' in series for key, text in labels.items()):
            total += float(value)
    return total


def _kubeconfig(server: str, token: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "operator",
        "contexts": [{"name": "operator", "context": {"cluster": "operator", "user": "operator"}}],
        "clusters": [{"name": "operator", "cluster": {"server": server}}],
        "users": [{"name": "operator", "user": {"token": token}}],
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
