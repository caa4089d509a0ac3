"""What people and the other tests build on: a cluster that comes, works and goes without a trace."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import images
import layout
import pytest

HERE = Path(layout.__file__).parent
NAMESPACE = "cluster-tests"
POD_SECURITY = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER_SECURITY = {
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}


def cluster(*arguments: str, expect: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, str(HERE), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


def status() -> dict[str, Any]:
    done = subprocess.run([sys.executable, str(HERE), "status", "--json"], capture_output=True, check=False)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


PROVIDER = "native" if os.geteuid() == 0 else "kind"
"""What can be brought up here; without root only Docker is left, and `up` says so where it is missing."""


def traces() -> dict[str, str]:
    """Everything on the machine that a native cluster could leave behind."""

    def seen(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return "\n".join(line for line in done.stdout.splitlines() if not line.startswith("#"))

    sysctls = ("net.ipv4.ip_forward", "net.ipv4.conf.all.route_localnet", "vm.overcommit_memory")
    return {
        "filter": seen("iptables-save"),
        "filter6": seen("ip6tables-save"),
        "links": seen("ip", "-brief", "link"),
        "routes": seen("ip", "route"),
        "mounts": Path("/proc/mounts").read_text(),
        "groups": seen("find", "/sys/fs/cgroup", "-name", "databackbone*"),
        "sysctls": seen("sysctl", *sysctls, "kernel.panic", "net.bridge.bridge-nf-call-iptables"),
        "places": seen(
            "ls", "-d", "/var/lib/kubelet", "/var/lib/cni", "/var/log/containers", "/run/containerd"
        ),
        "state": seen("find", str(layout.current().state), str(layout.current().lock)),
        "containers": seen("docker", "ps", "--all", "--quiet") if PROVIDER == "kind" else "",
        "processes": seen("pgrep", "-f", f"{layout.current().state}|{layout.current().cache}/bin"),
    }


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    """The machine before anything of a cluster was on it; it has to be without one."""
    if status()["running"]:
        pytest.fail("a cluster is up on this machine: `python3 hack/cluster down` first")
    cluster("up", f"--provider={PROVIDER}", "--with-builds-only")
    return traces()


def test_it_leaves_no_trace_when_up_was_killed(before: dict[str, str]) -> None:
    for seconds in (0.5, 1.5, 3.0):
        with subprocess.Popen([sys.executable, str(HERE), "up", f"--provider={PROVIDER}"]) as going:
            time.sleep(seconds)
            going.send_signal(signal.SIGKILL)
        cluster("down")
        assert traces() == before, f"killed after {seconds} s"


Kubectl = Callable[..., str]


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """kubectl in a namespace of our own, with an image to run; a cluster is left as it was found."""
    found = status()["running"]
    if not found:
        cluster("up", f"--provider={PROVIDER}")
    facts = status()

    def run(*arguments: str, given: object = None, expect: int = 0) -> str:
        command = [
            f"{facts['bin']}/kubectl",
            f"--kubeconfig={facts['kubeconfig']}",
            f"--namespace={NAMESPACE}",
        ]
        text = json.dumps(given) if given is not None else None
        done = subprocess.run([*command, *arguments], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout

    archive = tmp_path_factory.mktemp("image") / "busybox.tar"
    images.write_archive(archive, os.uname().machine)
    assert layout.BUSYBOX_IMAGE in cluster("load-image", str(archive))
    run("create", "namespace", NAMESPACE)
    run("wait", "--for=create", "serviceaccount/default", "--timeout=30s")
    yield run
    if found:
        run("delete", "namespace", NAMESPACE, "--wait")
    else:
        cluster("down")


def pod(name: str, script: str, claim: str | None = None) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "main",
        "image": layout.BUSYBOX_IMAGE,
        "command": ["sh", "-c", script],
        "securityContext": CONTAINER_SECURITY,
    }
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "securityContext": POD_SECURITY,
        "containers": [container],
    }
    if claim:
        container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def claim(name: str, size: str, **spec: str) -> dict[str, Any]:
    resources = {"requests": {"storage": size}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": resources, **spec},
    }


def finished(kubectl: Kubectl, name: str) -> str:
    kubectl("wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    return kubectl("logs", name)


def test_a_second_up_keeps_the_cluster(kubectl: Kubectl) -> None:
    before = status()["components"]
    assert "already running" in cluster("up")
    assert status()["components"] == before


def test_a_volume_outlives_its_pod(kubectl: Kubectl) -> None:
    kubectl("apply", "-f-", given=claim("kept", "1Gi"))
    kubectl("apply", "-f-", given=pod("writer", "echo from $(id -u) > /data/word", "kept"))
    finished(kubectl, "writer")
    kubectl("apply", "-f-", given=pod("reader", "cat /data/word", "kept"))
    assert finished(kubectl, "reader") == "from 10001\n"


def test_a_pod_reaches_the_api_by_name_with_its_token(kubectl: Kubectl) -> None:
    script = (
        "token=$(cat /var/run/secrets/kubernetes.io/serviceaccount/token);"
        'wget -qO- --no-check-certificate --header "Authorization: Bearer $token"'
        " https://kubernetes.default.svc/apis/batch | grep -m1 kind; echo ended > /dev/termination-log"
    )
    kubectl("apply", "-f-", given=pod("caller", script))
    assert "APIGroup" in finished(kubectl, "caller")
    message = "jsonpath={.status.containerStatuses[0].state.terminated.message}"
    assert kubectl("get", "pod/caller", "-o", message) == "ended\n"


def test_exec_reaches_a_running_container(kubectl: Kubectl) -> None:
    kubectl("apply", "-f-", given=pod("sitting", "sleep 600"))
    kubectl("wait", "pod/sitting", "--for=condition=Ready", "--timeout=60s")
    assert kubectl("exec", "sitting", "--", "id", "-u") == "10001\n"


def test_a_tiny_volume_is_full_when_it_is_full(kubectl: Kubectl) -> None:
    cluster("tiny-volume", NAMESPACE, "4")
    try:
        tiny = claim("tiny", "4Mi", storageClassName="tiny", volumeName=NAMESPACE)
        kubectl("apply", "-f-", given=tiny)
        fill = "dd if=/dev/zero of=/data/x bs=1M count=8 2>&1; sleep 600"
        kubectl("apply", "-f-", given=pod("filler", fill, "tiny"))
        kubectl("wait", "pod/filler", "--for=condition=Ready", "--timeout=60s")
        write = ("exec", "filler", "--", "sh", "-c", "dd if=/dev/zero of=/data/y bs=1M count=1 2>&1")
        assert "No space left on device" in kubectl(*write, expect=1)
        cluster("tiny-volume", NAMESPACE, "16")
        kubectl(*write)
        cluster("tiny-volume", NAMESPACE, "16", "--read-only")
        assert "Read-only file system" in kubectl(*write, expect=1)
        kubectl("delete", "pod/filler", "--wait")
    finally:
        cluster("tiny-volume", NAMESPACE, "--remove")


def test_pods_reach_the_services_for_development_by_the_printed_addresses(kubectl: Kubectl) -> None:
    # Who makes a Secret of them expects no less. PostgreSQL, which is not root, has to reach its folder.
    folder = Path(tempfile.mkdtemp(prefix="databackbone-services-"))
    folder.chmod(0o755)

    def services(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, str(HERE.with_name("services")), *arguments],
            env={**os.environ, "EMP_SERVICES_STATE": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        printed = dict(line.removeprefix("export ").split("=", 1) for line in services("up").splitlines())
        places = [urlsplit(printed[name].strip("'")) for name in ("TIMESCALE_DSN", "REDIS_URL")]
        # Both end a connection whose client has said all that it has to say.
        reach = "timeout 10 nc -w 5 {0.hostname} {0.port} </dev/null && echo yes"
        script = "; ".join(reach.format(place) for place in places)
        kubectl("apply", "-f-", given=pod("client", script))
        assert finished(kubectl, "client") == "yes\nyes\n"
    finally:
        services("down", "--remove")
        shutil.rmtree(folder)


def test_the_api_server_takes_what_the_official_images_run_by(kubectl: Kubectl) -> None:
    kubectl("apply", "--dry-run=server", "-f", str(HERE.with_name("services") / "official.yaml"))


def test_it_leaves_no_trace_of_its_work_even_when_all_of_it_was_killed(
    before: dict[str, str], kubectl: Kubectl
) -> None:
    # The last test: it takes the cluster away that the others worked on.
    for component in status()["components"].values():
        os.kill(component["pid"], signal.SIGKILL)
    if PROVIDER == "native":
        cluster("status", expect=3)
    cluster("down")
    assert traces() == before
    cluster("down")
