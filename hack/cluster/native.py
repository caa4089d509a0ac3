"""The cluster as plain processes on this machine: the real programs, without Docker."""

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import binaries
import certificates
import cgroups
import components
import control_plane
import debian
import images
import machine
import mounts
import processes
import records
from layout import (
    CLUSTER_DOMAIN,
    HERE,
    NAME,
    NODE_ADDRESS,
    Layout,
)
from probe import Kubectl, resolves
from processes import Component
from report import Problem, step, wait_until


class Native:
    """Builds, starts and removes the cluster's processes; needs root."""

    name = "native"
    context = NAME

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def prepare(self) -> None:
        """Everything that outlives the cluster: packages and built programs."""
        debian.ensure()
        binaries.ensure(self._layout, binaries.NATIVE)

    def check(self) -> None:
        """Whether our ports and addresses are free."""
        programs = binaries.ensure(self._layout, binaries.NATIVE)
        machine.ensure_free([port for one in self._components(programs) for port in one.ports])

    def up(self) -> None:
        """Start every process and wait until pods can be made."""
        layout = self._layout
        programs = binaries.ensure(layout, binaries.NATIVE)
        with step("machine: bridge, cgroup"):
            machine.remember(layout)
            machine.prepare()
            cgroups.create()
        with step("certificates"):
            certificates.create(layout)
            records.link_programs(layout, {name: programs[name] for name in ("kubectl", "helm")})
            certificates.write_kubeconfig(layout.kubeconfig, certificates.kubeconfig(layout, "admin"))
        self._start_control_plane(programs)
        self._start_node(programs)
        self._wait_for_use()

    def _components(self, programs: dict[str, Path]) -> list[Component]:
        """All but containerd, which listens on no port."""
        layout = self._layout
        return [
            components.etcd(layout, programs["etcd"]),
            components.apiserver(layout, programs["kube-apiserver"]),
            components.controller_manager(layout, programs["kube-controller-manager"]),
            components.scheduler(layout, programs["kube-scheduler"]),
            components.kubelet(layout, programs["kubelet"]),
            components.proxy(layout, programs["kube-proxy"]),
            components.coredns(layout, programs["coredns"]),
            components.provisioner(layout, programs["local-path-provisioner"]),
        ]

    def _start_control_plane(self, programs: dict[str, Path]) -> None:
        layout = self._layout
        apiserver = control_plane.start(layout, programs)
        with step("containerd and its images"):
            self._start_containerd()
        with step("kube-apiserver"):
            processes.wait("the API server", self._kubectl().api_ready, apiserver)
        with step("roles, storage class"):
            self._kubectl().run("apply", f"--filename={HERE / 'native.yaml'}")

    def _start_containerd(self) -> None:
        layout = self._layout
        process = processes.start(layout, components.containerd(layout, snapshotter(layout.state)))
        processes.wait("containerd", lambda: self._ctr("version").returncode == 0, process)
        archive = layout.state / "images.tar"
        images.write_archive(archive, os.uname().machine)
        self.load_image(archive)
        archive.unlink()

    def _start_node(self, programs: dict[str, Path]) -> None:
        started = {p.name for p in processes.table(self._layout)}
        for component in self._components(programs):
            if component.name not in started:
                processes.start(self._layout, component)

    def _wait_for_use(self) -> None:
        kubectl = self._kubectl()
        running = {p.name: p for p in processes.table(self._layout)}
        name = f"kubernetes.default.svc.{CLUSTER_DOMAIN}"
        with step("kubelet: node ready"):
            processes.wait("the node", kubectl.node_ready, running["kubelet"])
        with step("coredns: names resolve"):
            processes.wait("DNS", lambda: resolves(NODE_ADDRESS, name), running["coredns"])
        with step("default storage class, account"):
            manager = running["kube-controller-manager"]
            processes.wait("the default storage class", kubectl.default_storage_class, manager)
            processes.wait("the default service account", kubectl.default_account, manager)
        for process in running.values():
            processes.ensure_alive(process)

    def down(self) -> None:
        """Undo all of it, however far it had come; fine to call twice."""
        layout = self._layout
        if not layout.before.exists():
            return  # nothing was started or changed yet; what there is belongs to another
        for process in processes.table(layout):  # first, or the kubelet would start pods anew
            if process.name != "containerd" and process.state() != "gone":
                processes.kill(process.pid)
        cgroups.remove()
        processes.end(layout)
        cgroups.remove()  # what containerd was just starting
        mounts.take_off(layout.state)
        machine.put_back(layout)

    def healthy(self, *, patience: float = 0) -> bool:
        """Every process runs and the API server answers, on a busy machine perhaps late."""
        deadline = time.monotonic() + patience
        while self._all_running():
            if self._kubectl().api_ready():
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.5)
        return False

    def _all_running(self) -> bool:
        states = {p.name: p.state() for p in processes.table(self._layout)}
        return all(states.get(name) == "running" for name in COMPONENT_NAMES)

    def details(self) -> dict[str, Any]:
        """The process table, for people and for tests that kill or freeze a component."""
        return {
            "node": NAME,
            "node_address": NODE_ADDRESS,
            "host_address": NODE_ADDRESS,
            "components": {
                process.name: {
                    "pid": process.pid,
                    "state": process.state(),
                    "ports": process.ports,
                    "log": process.log,
                }
                for process in processes.table(self._layout)
            },
        }

    def load_image(self, archive: Path) -> list[str]:
        """Import a docker-archive; the names under which the node now knows its images."""
        snapshots = snapshotter(self._layout.state)
        done = self._ctr("images", "import", "--snapshotter", snapshots, str(archive))
        if done.returncode != 0:
            raise Problem(f"cannot load {archive}: {done.stderr.strip()}")
        lines = [line for line in done.stdout.splitlines() if line.startswith("unpacking ")]
        return [line.split()[1] for line in lines]

    def restart_api_server(self, seconds: float) -> None:
        """Kill the API server, leave it away for so long, and start it again."""
        layout = self._layout
        program = binaries.ensure(layout, binaries.NATIVE)["kube-apiserver"]
        running = next(p for p in processes.table(layout) if p.name == "kube-apiserver")
        processes.kill(running.pid)
        wait_until(
            "the end of the API server", lambda: running.state() == "gone", seconds=processes.START_SECONDS
        )
        time.sleep(seconds)
        again = processes.start(layout, components.apiserver(layout, program))
        processes.wait("the API server", self._kubectl().api_ready, again)

    def mount_tiny(self, name: str, size_mib: int, *, read_only: bool) -> Path:
        """A tmpfs of a fixed size in the state directory; again with other values: remounted."""
        directory = self._layout.tiny_volumes / name
        directory.mkdir(parents=True, exist_ok=True)
        again = "remount," if mounts.below(directory) else ""
        options = f"{again}size={size_mib}m,mode=1777,{'ro' if read_only else 'rw'}"
        command = [debian.find("mount"), "-t", "tmpfs", "-o", options, NAME, str(directory)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Problem(f"cannot mount a tmpfs on {directory}: {done.stderr.strip()}")
        return directory

    def unmount_tiny(self, name: str) -> None:
        """Take such a tmpfs off again, also while a pod still uses it."""
        directory = self._layout.tiny_volumes / name
        mounts.take_off(directory)
        mounts.remove_tree(directory)

    def _kubectl(self) -> Kubectl:
        return Kubectl(self._layout.bin / "kubectl", self._layout)

    def _ctr(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [debian.find("ctr"), "--address", str(self._layout.containerd_socket)]
        return subprocess.run(
            [*command, "--namespace", "k8s.io", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )


COMPONENT_NAMES = (
    "etcd",
    "kube-apiserver",
    "containerd",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
    "local-path-provisioner",
)


def snapshotter(directory: Path) -> str:
    """overlayfs, except where the directory itself lies on one (inside a container)."""
    done = subprocess.run(
        ["stat", "--file-system", "--format=%T", str(directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    return "native" if done.stdout.strip() == "overlayfs" else "overlayfs"
