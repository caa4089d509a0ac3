"""The cluster's own certificate authority, its certificates and its kubeconfigs."""

import base64
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import debian
from layout import API_SERVICE_ADDRESS, CLUSTER_DOMAIN, LOOPBACK, NAME, NODE_ADDRESS, Layout
from report import Problem

DAYS = "365"


@dataclass(frozen=True)
class Identity:
    """Who a certificate speaks for; `hosts` makes it one for a server too."""

    file: str
    user: str
    group: str = ""
    hosts: tuple[str, ...] = ()


IDENTITIES = (
    Identity(
        "kube-apiserver",
        "kube-apiserver",
        hosts=(
            f"IP:{NODE_ADDRESS}",
            f"IP:{API_SERVICE_ADDRESS}",
            f"IP:{LOOPBACK}",
            "DNS:localhost",
            "DNS:kubernetes",
            "DNS:kubernetes.default",
            "DNS:kubernetes.default.svc",
            f"DNS:kubernetes.default.svc.{CLUSTER_DOMAIN}",
        ),
    ),
    Identity("etcd", "etcd", hosts=(f"IP:{LOOPBACK}", "DNS:localhost")),
    Identity("kubelet-serving", NAME, hosts=(f"IP:{NODE_ADDRESS}", f"DNS:{NAME}")),
    Identity("etcd-client", "kube-apiserver"),
    Identity("kubelet-client", "kube-apiserver-kubelet-client"),
    Identity("admin", "admin", "system:masters"),
    Identity("kube-controller-manager", "system:kube-controller-manager"),
    Identity("kube-scheduler", "system:kube-scheduler"),
    Identity("kubelet", f"system:node:{NAME}", "system:nodes"),
    Identity("kube-proxy", "system:kube-proxy"),
    Identity("coredns", "system:coredns"),
    Identity("provisioner", "local-path-provisioner"),
)
# The identities that talk to the API server, each with a kubeconfig of its own.
CLIENTS = (
    "admin",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
    "provisioner",
)


def create(layout: Layout) -> None:
    """Write the authority, every certificate and every kubeconfig into the layout's folder for them."""
    directory = layout.pki
    directory.mkdir(mode=0o700, parents=True)
    _openssl(
        *_new_key(directory / "ca.key"),
        *("-x509", "-days", DAYS, "-subj", f"/CN={NAME}", "-out", str(directory / "ca.crt")),
        *("-addext", "basicConstraints=critical,CA:TRUE"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"),
    )
    for identity in IDENTITIES:
        _issue(directory, identity)
    _openssl("genrsa", "-out", str(directory / "service-accounts.key"), "2048")
    for name in CLIENTS:
        write_kubeconfig(directory / f"{name}.kubeconfig", kubeconfig(layout, name))


def _issue(directory: Path, identity: Identity) -> None:
    subject = f"/O={identity.group}/CN={identity.user}" if identity.group else f"/CN={identity.user}"
    usage = "clientAuth,serverAuth" if identity.hosts else "clientAuth"
    extensions = ["-addext", "basicConstraints=critical,CA:FALSE"]
    extensions += ["-addext", f"extendedKeyUsage={usage}"]
    if identity.hosts:
        extensions += ["-addext", f"subjectAltName={','.join(identity.hosts)}"]
    _openssl(
        *_new_key(directory / f"{identity.file}.key"),
        *("-x509", "-days", DAYS, "-subj", subject),
        *("-CA", str(directory / "ca.crt"), "-CAkey", str(directory / "ca.key")),
        *extensions,
        *("-out", str(directory / f"{identity.file}.crt")),
    )


def _new_key(path: Path) -> list[str]:
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    return ["req", *curve, "-nodes", "-keyout", str(path)]


def _openssl(*arguments: str) -> None:
    done = subprocess.run([debian.find("openssl"), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Problem(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def kubeconfig(layout: Layout, name: str) -> dict[str, object]:
    """A self-contained kubeconfig for one identity."""

    def embedded(file: str) -> str:
        return base64.b64encode((layout.pki / file).read_bytes()).decode()

    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": NAME,
        "clusters": [
            {
                "name": NAME,
                "cluster": {
                    "server": layout.control_plane.url,
                    "certificate-authority-data": embedded("ca.crt"),
                },
            }
        ],
        "users": [
            {
                "name": f"{NAME}-{name}",
                "user": {
                    "client-certificate-data": embedded(f"{name}.crt"),
                    "client-key-data": embedded(f"{name}.key"),
                },
            }
        ],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": f"{NAME}-{name}"}}],
    }


def write_kubeconfig(path: Path, content: dict[str, object]) -> None:
    """Readable by the owner alone: it holds a private key. JSON is YAML too."""
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=2) + "\n")
