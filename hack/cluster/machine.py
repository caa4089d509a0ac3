"""What the cluster changes on the machine outside its directories, and how it is put back."""

import json
import subprocess
from pathlib import Path

import debian
import firewall
import mounts
from layout import (
    BRIDGE,
    BRIDGE_HARDWARE_ADDRESS,
    NODE_ADDRESS,
    POD_RANGE,
    SERVICE_RANGE,
    Layout,
)
from report import Problem

SYSCTLS = Path("/proc/sys")
# What we, the kubelet, kube-proxy and the CNI plugins set.
CHANGED_SYSCTLS = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/route_localnet",
    "net/bridge/bridge-nf-call-iptables",
    "net/bridge/bridge-nf-call-ip6tables",
    "net/netfilter/nf_conntrack_max",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
# Directories that the programs make in places that no setting moves: ours alone, and
# those where another program may have put something meanwhile.
OWN_DIRECTORIES = (
    "/var/lib/kubelet",
    "/var/lib/cni",
    "/run/containerd",
    "/run/kubernetes",
    "/opt/containerd",
    "/usr/libexec/kubernetes",
)
SHARED_DIRECTORIES = (
    "/var/log/containers",
    "/var/log/pods",
    "/run/netns",
    "/run/runc",
    "/etc/cni/net.d",
    "/etc/cni",
    "/opt/cni/bin",
    "/opt/cni",
)
CONTAINER_LOGS = Path("/var/log/containers")


def remember(layout: Layout) -> None:
    """Write down how things are, before the first change."""
    before = {
        "sysctls": {name: _sysctl(name) for name in CHANGED_SYSCTLS},
        "absent": [name for name in (*OWN_DIRECTORIES, *SHARED_DIRECTORIES) if not Path(name).exists()],
        "firewall": firewall.snapshot(),
    }
    scratch = layout.before.with_suffix(".new")
    scratch.write_text(json.dumps(before, indent=2) + "\n")
    scratch.rename(layout.before)


def prepare() -> None:
    """The bridge, and the switches without which traffic between pods does not flow."""
    if not (SYSCTLS / "net/bridge").is_dir():
        for module in ("br_netfilter", "overlay"):
            subprocess.run(["modprobe", module], capture_output=True, check=False)
    if not (SYSCTLS / "net/bridge").is_dir():
        raise Problem("the kernel has no bridge netfilter: load the module br_netfilter")
    _set_sysctl("net/ipv4/ip_forward", "1")
    _set_sysctl("net/bridge/bridge-nf-call-iptables", "1")
    _ip("link", "add", BRIDGE, "address", BRIDGE_HARDWARE_ADDRESS, "type", "bridge")
    prefix = POD_RANGE.partition("/")[2]
    _ip("address", "add", f"{NODE_ADDRESS}/{prefix}", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    # So that services answer on the machine itself too, also without a default route.
    _ip("route", "add", SERVICE_RANGE, "dev", BRIDGE, "src", NODE_ADDRESS)


def put_back(layout: Layout) -> None:
    """Undo everything that `prepare` and the programs did; fine to call twice."""
    before = json.loads(layout.before.read_text())
    for link in _bridge_and_its_ports():
        subprocess.run([debian.find("ip"), "link", "delete", link], capture_output=True, check=False)
    firewall.restore(before["firewall"])
    for name, value in before["sysctls"].items():
        if value is not None and _sysctl(name) != value:
            _set_sysctl(name, value)
    _remove_log_links(layout)
    for name in before["absent"]:
        if name in OWN_DIRECTORIES:
            mounts.remove_tree(Path(name))
        elif Path(name).is_dir() and not any(Path(name).iterdir()):
            Path(name).rmdir()


def _bridge_and_its_ports() -> list[str]:
    ports = Path(f"/sys/class/net/{BRIDGE}/brif")
    if not ports.parent.exists():
        return []
    return [*(port.name for port in ports.iterdir()), BRIDGE]


def _remove_log_links(layout: Layout) -> None:
    if not CONTAINER_LOGS.is_dir():
        return
    for link in CONTAINER_LOGS.iterdir():
        if link.is_symlink() and link.readlink().is_relative_to(layout.state):
            link.unlink()


def ensure_free(ports: list[str]) -> None:
    """A Problem that names who is in the way, when a port or our address range is taken."""
    for line in _ip("-oneline", "-4", "address", "show").splitlines():
        words = line.split()
        if words[3].startswith(("198.18.", "198.19.")):
            raise Problem(f"{words[3]} on {words[1]} is in the range that the cluster uses")
    listeners = subprocess.run(
        [debian.find("ss"), "-Hlntup"], capture_output=True, text=True, check=False
    ).stdout
    for port in ports:
        if occupant := occupant_of(port, listeners):
            raise Problem(f"{port} is taken: {occupant}")


def occupant_of(port: str, listeners: str) -> str | None:
    """Who listens where `port` ("address:number") wants to, out of `ss -Hlntup`."""
    address, _, number = port.rpartition(":")
    for line in listeners.splitlines():
        words = line.split()
        where, _, listening = words[4].rpartition(":")
        where = where.partition("%")[0].strip("[]")
        if listening == number and where in (address, "0.0.0.0", "*", "::"):
            return " ".join([words[0], words[4], *words[6:]])
    return None


def _sysctl(name: str) -> str | None:
    try:
        return (SYSCTLS / name).read_text().strip()
    except OSError:
        return None


def _set_sysctl(name: str, value: str) -> None:
    (SYSCTLS / name).write_text(value)


def _ip(*arguments: str) -> str:
    done = subprocess.run([debian.find("ip"), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Problem(f"ip {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout
