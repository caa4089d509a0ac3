"""The cluster in a Docker container: kind, fetched and driven through pytest-kind."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from contextlib import chdir
from pathlib import Path
from types import ModuleType
from typing import Any

import binaries
import images
import records
import versions
from layout import NAME, POD_RANGE, REPOSITORY, SERVICE_RANGE, Layout
from lock import exclusive
from probe import Kubectl
from report import Problem, note, step, wait_until

NODE = f"{NAME}-control-plane"
TINY = "/var/lib/databackbone-tiny"
READY_SECONDS = 300
DOCKER_SECONDS = 10


def docker_answers() -> bool:
    """Whether a Docker engine is there, not just its client."""
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, timeout=DOCKER_SECONDS, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


class Kind:
    """Fetches pinned kind and kubectl, and makes one cluster of a fixed name."""

    name = "kind"
    context = f"kind-{NAME}"

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._directory = layout.cache / "bin" / f"kind-{versions.KIND}-{versions.KUBERNETES}"
        self._kind = self._directory / "kind"
        self._program = self._directory / "kubectl"

    def prepare(self) -> None:
        """Everything that outlives the cluster: kind and kubectl fetched, helm built."""
        pytest_kind = _pytest_kind()
        self._directory.mkdir(parents=True, exist_ok=True)
        lock = exclusive(binaries.beside(self._directory, ".lock"), seconds=600, remove=True)
        # pytest-kind makes a directory of its own where it stands.
        with lock, chdir(self._directory), step("kind and kubectl"):
            cluster = self._cluster(pytest_kind)
            try:
                cluster.ensure_kind()
                cluster.ensure_kubectl()
            except OSError as error:
                raise Problem(f"cannot fetch kind and kubectl: {error}") from None
            self._program.chmod(0o755)
        binaries.ensure(self._layout, (binaries.HELM,))

    def check(self) -> None:
        """Whether no cluster of somebody else's has our name."""
        if NAME in self._clusters():
            raise Problem(f"a kind cluster {NAME} exists that this program did not make", code=2)

    def up(self) -> None:
        """Create the cluster and wait until pods can be made."""
        layout = self._layout
        programs = binaries.ensure(layout, (binaries.HELM,))
        records.link_programs(
            layout, {"kind": self._kind, "kubectl": self._program, "helm": programs["helm"]}
        )
        settings = layout.state / "kind.json"
        settings.write_text(json.dumps(_settings(), indent=2))
        with step("kind create cluster"), chdir(layout.state):
            try:
                self._cluster(_pytest_kind()).create(settings)
            except subprocess.CalledProcessError as error:
                message = f"kind create cluster failed (exit {error.returncode}), see above"
                raise Problem(message) from None
        layout.kubeconfig.chmod(0o600)
        self._wait_for_use()

    def _wait_for_use(self) -> None:
        kubectl = Kubectl(self._program, self._layout)
        with step("node ready"):
            wait_until("the node", kubectl.node_ready, seconds=READY_SECONDS, interval=1)
        with step("coredns: names resolve"):
            kubectl.run(
                *("--namespace=kube-system", "rollout", "status", "deployment/coredns"),
                f"--timeout={READY_SECONDS}s",
                seconds=READY_SECONDS,
            )
        with step("default storage class, account"):
            wait_until("a default storage class", kubectl.default_storage_class, seconds=60)
            wait_until("the default service account", kubectl.default_account, seconds=60)

    def down(self) -> None:
        """Delete the cluster that this program made; its volumes are inside the container."""
        if NAME in self._clusters():
            self._run_kind("delete", "cluster", f"--name={NAME}")

    def healthy(self, *, patience: float = 0) -> bool:
        """The API server answers, on a busy machine perhaps late."""
        kubectl = Kubectl(self._program, self._layout)
        deadline = time.monotonic() + patience
        while not kubectl.api_ready():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.5)
        return True

    def details(self) -> dict[str, Any]:
        """The node is a container; its programs are reached with `docker exec`."""
        return {"node": NODE, "container": NODE, "host_address": _host_address(), "components": {}}

    def load_image(self, archive: Path) -> list[str]:
        """Copy a docker-archive into the node."""
        self._run_kind("load", "image-archive", str(archive), f"--name={NAME}")
        return images.names(archive)

    def restart_api_server(self, seconds: float) -> None:
        """Kill the API server, with the kubelet that would start it again held back for so long."""
        self._in_node("systemctl", "stop", "kubelet")
        self._in_node("pkill", "-KILL", "kube-apiserver")
        time.sleep(seconds)
        self._in_node("systemctl", "start", "kubelet")
        self._wait_for_use()

    def mount_tiny(self, name: str, size_mib: int, *, read_only: bool) -> Path:
        """A tmpfs of a fixed size inside the node's container."""
        directory = f"{TINY}/{name}"
        self._in_node("mkdir", "-p", directory)
        again = "remount," if self._is_mounted(directory) else ""
        options = f"{again}size={size_mib}m,mode=1777,{'ro' if read_only else 'rw'}"
        self._in_node("mount", "-t", "tmpfs", "-o", options, NAME, directory)
        return Path(directory)

    def unmount_tiny(self, name: str) -> None:
        """Take such a tmpfs off again, also while a pod still uses it."""
        directory = f"{TINY}/{name}"
        if self._is_mounted(directory):
            self._in_node("umount", "--lazy", directory)

    def _is_mounted(self, directory: str) -> bool:
        command = ["docker", "exec", NODE, "mountpoint", "-q", directory]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _in_node(self, *command: str) -> None:
        _run("docker", "exec", NODE, *command)

    def _clusters(self) -> list[str]:
        return _run(str(self._kind), "get", "clusters").split()

    def _run_kind(self, *arguments: str) -> None:
        # kind edits the kubeconfig it is given; without ours it would take the user's.
        ours = {**os.environ, "KUBECONFIG": str(self._layout.kubeconfig)}
        _run(str(self._kind), *arguments, environment=ours)

    def _cluster(self, pytest_kind: ModuleType) -> Any:  # noqa: ANN401 - the package has no types
        return pytest_kind.KindCluster(
            NAME,
            kubeconfig=self._layout.kubeconfig,
            image=versions.KIND_NODE_IMAGE,
            kind_path=self._kind,
            kubectl_path=self._program,
        )


def _settings() -> dict[str, object]:
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"podSubnet": POD_RANGE, "serviceSubnet": SERVICE_RANGE},
        "nodes": [{"role": "control-plane"}],
    }


def _host_address() -> str:
    """Where pods reach what listens on this machine: the gateway of kind's network."""
    form = "{{range .IPAM.Config}}{{.Gateway}} {{end}}"
    found = _run("docker", "network", "inspect", "kind", "--format", form).split()
    return next(address for address in found if ":" not in address)


def _run(*command: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Problem(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout


def _pytest_kind() -> ModuleType:
    """Import pytest-kind, only here: nothing else needs more than the standard library."""
    os.environ["KIND_VERSION"] = versions.KIND  # read while it is imported
    os.environ["KUBECTL_VERSION"] = versions.KUBERNETES
    try:
        return importlib.import_module("pytest_kind")
    except ImportError:
        package = f"pytest-kind=={versions.PYTEST_KIND}"
        raise Problem(f"kind needs pytest-kind: pip install {package}", code=2) from None


def use_project_environment() -> None:
    """Start again with the project's virtual environment when this Python lacks pytest-kind."""
    if importlib.util.find_spec("pytest_kind") is not None:
        return
    python = REPOSITORY / ".venv" / "bin" / "python"
    if python.exists() and Path(sys.prefix) != python.parent.parent:
        note(f"using {python}")
        os.execv(python, [str(python), *sys.argv])
