"""The API server and its store: the part of a cluster that needs no node, and stands alone for tests."""

import dataclasses
import json
import signal
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from types import FrameType

import binaries
import certificates
import components
import processes
from layout import LOOPBACK, ControlPlane, Layout
from probe import Kubectl
from processes import Process
from report import say, step


def start(layout: Layout, programs: dict[str, Path]) -> Process:
    """Start both; the API server, which takes some seconds more until it is ready."""
    with step("etcd"):
        etcd = processes.start(layout, components.etcd(layout, programs["etcd"]))
        processes.wait("etcd", lambda: _etcd_healthy(layout.control_plane), etcd)
    return processes.start(layout, components.apiserver(layout, programs["kube-apiserver"]))


def alone(here: Layout, *, only_prepare: bool) -> None:
    """Run both on free ports of the loopback interface until the input ends, then leave nothing behind.

    One line of JSON says when they are ready: where the kubeconfigs are, and the processes' ids.
    """
    programs = binaries.ensure(here, (binaries.KUBERNETES,))
    if only_prepare:
        return
    signal.signal(signal.SIGTERM, _leave)
    with tempfile.TemporaryDirectory(prefix="databackbone-api-server-") as folder:
        layout = dataclasses.replace(here, state=Path(folder), control_plane=_free())
        certificates.create(layout)
        certificates.write_kubeconfig(layout.kubeconfig, certificates.kubeconfig(layout, "admin"))
        try:
            api_server = start(layout, programs)
            with step("kube-apiserver"):
                kubectl = Kubectl(programs["kubectl"], layout)
                processes.wait("the API server", kubectl.api_ready, api_server)
            ids = {process.name: process.pid for process in processes.table(layout)}
            say(json.dumps({"kubeconfigs": str(layout.pki), "processes": ids}))
            sys.stdin.read()
        finally:
            processes.end(layout)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _free() -> ControlPlane:
    """Ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(4)]
        for found in sockets:
            found.bind((LOOPBACK, 0))
        return ControlPlane(LOOPBACK, *(int(found.getsockname()[1]) for found in sockets))


def _etcd_healthy(at: ControlPlane) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{LOOPBACK}:{at.etcd_health_port}/health", timeout=2) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (urllib.error.URLError, OSError):
        return False
