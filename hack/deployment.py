"""The operator, deployed from this checkout on the local cluster; shared by the demo and the e2e tests.

Standard library only. It speaks to no cluster but the one that `hack/cluster` made: every call of kubectl and
helm names that cluster's kubeconfig.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from console import Failure, say, step

ROOT = Path(__file__).resolve().parents[1]
SYSTEM_NAMESPACE = "backbone-system"
RELEASE = "databackbone"
CALL_DEADLINE = 120.0

T = TypeVar("T")


def program(
    name: str, *arguments: str, deadline: float = 3600.0, show: bool = False, root: Path = ROOT
) -> str:
    """Run one of the programs in a checkout's hack/ and return its stdout; its progress goes to stderr.

    Raises Failure with the exit code if it fails.
    """
    done = subprocess.run(
        [sys.executable, str(root / "hack" / name), *arguments],
        stdout=None if show else subprocess.PIPE,
        text=True,
        timeout=deadline,
        check=False,
    )
    if done.returncode != 0:
        raise Failure(f"`python3 hack/{name} {' '.join(arguments)}` ended with {done.returncode}")
    return done.stdout or ""


@dataclass(frozen=True)
class Kubectl:
    """kubectl and helm, bound to the local cluster and by default to one namespace."""

    bin_dir: Path
    kubeconfig: Path
    namespace: str = "default"

    def of(self, namespace: str) -> Kubectl:
        """The same cluster, another default namespace."""
        return Kubectl(self.bin_dir, self.kubeconfig, namespace)

    def _command(self, tool: str, arguments: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
        """A command line of a tool, and its environment."""
        flags = ["--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace]
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        return [str(self.bin_dir / tool), *flags, *arguments], environment

    def try_run(
        self,
        *arguments: str,
        stdin: str | None = None,
        deadline: float = CALL_DEADLINE,
        tool: str = "kubectl",
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl (or helm) and return whatever came of it."""
        command, environment = self._command(tool, arguments)
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=deadline,
            env=environment,
            check=False,
        )

    def run(
        self,
        *arguments: str,
        stdin: str | None = None,
        deadline: float = CALL_DEADLINE,
        tool: str = "kubectl",
    ) -> str:
        """Run kubectl (or helm) and return its stdout. Raises Failure with its stderr."""
        done = self.try_run(*arguments, stdin=stdin, deadline=deadline, tool=tool)
        if done.returncode != 0:
            raise Failure(f"{tool} {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        """`kubectl get … -o json`. Raises Failure, also on what does not exist."""
        found: dict[str, Any] = json.loads(self.run("get", *arguments, "-o", "json"))
        return found

    def find(self, *arguments: str) -> dict[str, Any] | None:
        """Like get, with None for what does not exist."""
        done = self.try_run("get", *arguments, "-o", "json")
        if done.returncode == 0:
            found: dict[str, Any] = json.loads(done.stdout)
            return found
        if "(NotFound)" in done.stderr:
            return None
        raise Failure(f"kubectl get {' '.join(arguments)}: {done.stderr.strip()}")

    def watch(self, *arguments: str, deadline: float) -> Iterator[dict[str, Any]]:
        """`kubectl get … --watch`: objects as they are, and again after every change that leaves them there.

        It ends after so many seconds, or when the API server ends it. What cannot be watched ends it at once.
        """
        flags = ("--watch", "--output-watch-events", "-o", "json")
        command, environment = self._command("kubectl", ("get", *arguments, *flags))
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        ) as process:
            assert process.stdout is not None
            timer = threading.Timer(deadline, process.kill)
            timer.start()
            try:
                for line in process.stdout:
                    if not line.endswith("\n"):
                        break  # killed in the middle of it
                    event = json.loads(line)
                    if event["type"] in {"ADDED", "MODIFIED"}:
                        yield event["object"]
            finally:
                timer.cancel()
                process.kill()

    def apply(self, *documents: dict[str, Any]) -> None:
        """`kubectl apply` of documents in memory."""
        bundle = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        self.run("apply", "-f", "-", stdin=json.dumps(bundle))


def until(
    look: Callable[[], T], accept: Callable[[T], bool], deadline: float, what: str, pause: float = 0.5
) -> T:
    """Look again and again until what is seen is accepted. Raises Failure with the last sight."""
    end = time.monotonic() + deadline
    while True:
        seen = look()
        if accept(seen):
            return seen
        if time.monotonic() > end:
            raise Failure(
                f"not within {deadline:.0f} s: {what}; last seen: {json.dumps(seen, default=str)[:3000]}"
            )
        time.sleep(pause)


def cluster_status() -> dict[str, Any] | None:
    """What `hack/cluster status --json` says, or None where no cluster of ours runs."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "hack" / "cluster"), "status", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        return None
    status: dict[str, Any] = json.loads(done.stdout)
    return status


def running_cluster() -> dict[str, Any]:
    """Like cluster_status, for a caller that cannot go on without. Raises Failure."""
    status = cluster_status()
    if status is None:
        raise Failure("no cluster runs; see `python3 hack/cluster status`")
    return status


def demo_marker(status: dict[str, Any]) -> Path:
    """The file that says that a person is looking at a demo on this cluster."""
    return Path(status["state"]) / "demo"


def ensure_cluster() -> Kubectl:
    """The local cluster, brought up if it is not there."""
    status = cluster_status()
    if status is None:
        program("cluster", "up", show=True)
        status = running_cluster()
    else:
        say(f"  cluster {status['context']} is up already; its operator becomes this checkout's")
    return Kubectl(Path(status["bin"]), Path(status["kubeconfig"]))


@dataclass(frozen=True)
class Image:
    """An image that the node knows: its reference, and the archive whose name follows from its content."""

    reference: str
    archive: Path


def ensure_images(root: Path = ROOT) -> dict[str, Image]:
    """Build a checkout's images and load those that the node does not know yet; by target."""
    built = json.loads(program("image", "build", "--json", root=root))
    images = {name: Image(entry["reference"], Path(entry["archive"])) for name, entry in built.items()}
    loaded = Path(running_cluster()["state"]) / "loaded-images"
    known = set(loaded.read_text().splitlines()) if loaded.exists() else set()
    missing = [image for image in images.values() if image.archive.name not in known]
    if missing:
        program("cluster", "load-image", *(str(image.archive) for image in missing))
        # A reference leads to the archive that was loaded last, so what others of its name were is forgotten.
        loaded.write_text("".join(f"{image.archive.name}\n" for image in images.values()))
    return images


def apply_crds(kubectl: Kubectl, root: Path = ROOT) -> None:
    """Apply a checkout's CRDs and wait until they are served."""
    kubectl.run("apply", "--server-side", "--force-conflicts", "-f", str(root / "crds"))
    kubectl.run("wait", "--for=condition=Established", "--timeout=60s", "-f", str(root / "crds"))


def install(kubectl: Kubectl, images: dict[str, Image], *settings: str, root: Path = ROOT) -> None:
    """Apply a checkout's CRDs, then install or upgrade its chart and wait for its rollout.

    `settings` are helm's key=value pairs. The operator's pod carries the name of its archive, so that a
    rebuilt image under the same reference is rolled out.
    """
    with step("custom resource definitions"):
        apply_crds(kubectl, root)
    with step("operator (helm upgrade --install --wait)"):
        built = f"operator.podAnnotations.archive={images['operator'].archive.name}"
        flags = ["--set-string", built.replace(".tar", ""), *(f"--set={value}" for value in settings)]
        arguments = ("--create-namespace", "--skip-crds", "--wait", "--timeout=180s", *flags)
        chart = str(root / "charts" / "databackbone")
        of = kubectl.of(SYSTEM_NAMESPACE)
        of.run("upgrade", "--install", RELEASE, chart, *arguments, tool="helm", deadline=240)


def reader_pod(name: str, image: str, arguments: list[str], claim: str) -> dict[str, Any]:
    """A restricted pod of the worker image that mounts a backbone's claim read-only."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "reader",
                    "image": image,
                    "args": arguments,
                    "env": [{"name": "EMP_DATA_DIR", "value": "/data"}, {"name": "TMPDIR", "value": "/tmp"}],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [
                        {"name": "data", "mountPath": "/data", "readOnly": True},
                        {"name": "tmp", "mountPath": "/tmp"},
                    ],
                }
            ],
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}},
                {"name": "tmp", "emptyDir": {}},
            ],
        },
    }
