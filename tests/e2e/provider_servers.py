"""The providers' local servers in a cluster: a pod of the worker's image, and a Service."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

import authority
from deployment import Kubectl, until
from fred.service import KEY
from yahoo.service import HOSTS

SERVERS = Path(__file__).resolve().parents[1] / "servers"
NAME = "providers"
PORTS = {"yahoo": 8443, "fred": 8080}
CODE, TLS = "/servers", "/tls"


def code() -> dict[str, str]:
    """The servers' modules by their path; a key of a ConfigMap has no slash."""
    found = sorted(path for path in SERVERS.rglob("*.py") if "__pycache__" not in path.parts)
    return {path.relative_to(SERVERS).as_posix(): path.read_text() for path in found}


def certificates() -> dict[str, str]:
    """An authority and the certificate of Yahoo and the Service, made here: the image has no openssl."""
    with tempfile.TemporaryDirectory() as name:
        authority.create(Path(name), *HOSTS, NAME)
        return {
            file: base64.b64encode((Path(name) / file).read_bytes()).decode()
            for file in ("ca.crt", "server.crt", "server.key")
        }


def container(name: str, image: str) -> dict[str, Any]:
    port = PORTS[name]
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", name, "--host", "0.0.0.0", "--port", str(port), "--folder", TLS],
        "env": [{"name": "PYTHONPATH", "value": CODE}],
        "ports": [{"name": name, "containerPort": port}],
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "code", "mountPath": CODE, "readOnly": True},
            {"name": "tls", "mountPath": TLS, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }


def documents(image: str) -> list[dict[str, Any]]:
    """Everything that the servers need, and the Secret through which a plan reaches both."""
    files, tls = code(), certificates()
    items = [{"key": path.replace("/", "__"), "path": path} for path in files]
    pod = {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "automountServiceAccountToken": False,
        "containers": [container(name, image) for name in PORTS],
        "volumes": [
            {"name": "code", "configMap": {"name": NAME, "items": items}},
            {"name": "tls", "secret": {"secretName": NAME}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME},
            "data": {path.replace("/", "__"): text for path, text in files.items()},
        },
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME}, "data": tls},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME, "labels": {"app": NAME}}, "spec": pod},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": NAME},
            "spec": {
                "selector": {"app": NAME},
                "ports": [{"name": name, "port": port} for name, port in PORTS.items()],
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "yahoo"},
            "data": {"ca.crt": tls["ca.crt"]},
            "stringData": {"proxy-url": f"http://{NAME}:{PORTS['yahoo']}"},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "fred"},
            "data": {"ca.crt": tls["ca.crt"]},
            "stringData": {"api-key": KEY},
        },
    ]


def start(kubectl: Kubectl, image: str) -> None:
    """Bring the servers up and wait until both listen."""
    kubectl.apply(*documents(image))
    until(
        lambda: kubectl.get("pod", NAME).get("status", {}).get("containerStatuses", []),
        lambda seen: len(seen) == len(PORTS) and all(item["ready"] for item in seen),
        120,
        "the providers' servers listen",
    )


def switch(kubectl: Kubectl, server: str, *faults: dict[str, Any]) -> None:
    """End every fault of a server, and begin these."""
    address = f"http://127.0.0.1:{PORTS[server]}/control/faults"
    program = (
        "import sys, urllib.request as u\n"
        "u.urlopen(u.Request(sys.argv[1], method='DELETE'), timeout=10)\n"
        "u.urlopen(u.Request(sys.argv[1], sys.argv[2].encode()), timeout=10)\n"
    )
    body = json.dumps(list(faults))
    kubectl.run("exec", NAME, "-c", server, "--", "python3", "-c", program, address, body)
