"""Where the cluster keeps its things: directories, names, addresses and ports."""

import os
from dataclasses import dataclass
from pathlib import Path

NAME = "databackbone-dev"
HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent

# 198.18.0.0/15 is set aside for tests, so it collides with nobody's private network.
BRIDGE = "databackbone0"
BRIDGE_HARDWARE_ADDRESS = "02:db:00:00:00:01"
RANGE = "198.18.0.0/15"
POD_RANGE = "198.18.0.0/16"
SERVICE_RANGE = "198.19.0.0/16"
NODE_ADDRESS = "198.18.0.1"
API_SERVICE_ADDRESS = "198.19.0.1"
CLUSTER_DOMAIN = "cluster.local"
LOOPBACK = "127.0.0.1"

API_PORT = 16443
ETCD_PORT = 12379
ETCD_PEER_PORT = 12380
ETCD_HEALTH_PORT = 12381
KUBELET_PORT = 11250
KUBELET_HEALTH_PORT = 11248
PROXY_METRICS_PORT = 11249
PROXY_HEALTH_PORT = 11256
CONTROLLER_MANAGER_PORT = 11257
SCHEDULER_PORT = 11259
DNS_PORT = 53

PAUSE_IMAGE = "databackbone.local/cluster/pause:1"
BUSYBOX_IMAGE = "databackbone.local/cluster/busybox:1"

# The control group under which all pods live, and the variable by which a process
# of this cluster is recognised even when its record was never written.
CGROUP = "databackbone-cluster"
MARKER = "DATABACKBONE_CLUSTER"


@dataclass(frozen=True)
class ControlPlane:
    """Where the API server and its store listen: the store always on the loopback interface."""

    address: str = NODE_ADDRESS
    port: int = API_PORT
    etcd_port: int = ETCD_PORT
    etcd_peer_port: int = ETCD_PEER_PORT
    etcd_health_port: int = ETCD_HEALTH_PORT

    @property
    def url(self) -> str:
        """Where clients find the API server."""
        return f"https://{self.address}:{self.port}"


@dataclass(frozen=True)
class Layout:
    """The two directories everything else hangs from, and where the API server listens."""

    state: Path
    cache: Path
    control_plane: ControlPlane = ControlPlane()

    @property
    def record(self) -> Path:
        """What was started, by which provider, and how far it came."""
        return self.state / "cluster.json"

    @property
    def before(self) -> Path:
        """How the machine looked before the first change."""
        return self.state / "before.json"

    @property
    def lock(self) -> Path:
        """Held while a command changes something."""
        return self.state.with_name(self.state.name + ".lock")

    @property
    def kubeconfig(self) -> Path:
        """The only kubeconfig that this program reads or writes."""
        return self.state / "kubeconfig"

    @property
    def bin(self) -> Path:
        """The links to kubectl, helm and perhaps kind: what a person puts on the PATH."""
        return self.state / "bin"

    @property
    def logs(self) -> Path:
        """One log file for each component."""
        return self.state / "logs"

    @property
    def processes(self) -> Path:
        """One record for each component that was started."""
        return self.state / "processes"

    @property
    def pki(self) -> Path:
        """Keys, certificates and the components' kubeconfigs."""
        return self.state / "pki"

    @property
    def config(self) -> Path:
        """The settings that the components are started with."""
        return self.state / "config"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd listens."""
        return self.state / "containerd.sock"

    @property
    def tiny_volumes(self) -> Path:
        """Where the volumes of a fixed small size are mounted."""
        return self.state / "tiny"


def current() -> Layout:
    """The layout for this user and environment."""
    home = Path.home()
    if os.geteuid() == 0:
        default_state = Path("/var/lib/databackbone-cluster")
    else:
        default_state = Path(os.environ.get("XDG_STATE_HOME") or home / ".local/state")
        default_state = default_state / "databackbone-cluster"
    default_cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "databackbone"
    return Layout(
        state=Path(os.environ.get("EMP_CLUSTER_STATE") or default_state).absolute(),
        cache=Path(os.environ.get("EMP_CACHE") or default_cache).absolute(),
    )
