"""What each program of the native cluster is started with: command lines and settings."""

import json
import os
from pathlib import Path

import debian
from layout import (
    BRIDGE,
    BUSYBOX_IMAGE,
    CGROUP,
    CLUSTER_DOMAIN,
    CONTROLLER_MANAGER_PORT,
    DNS_PORT,
    HERE,
    KUBELET_HEALTH_PORT,
    KUBELET_PORT,
    LOOPBACK,
    NAME,
    NODE_ADDRESS,
    PAUSE_IMAGE,
    POD_RANGE,
    PROXY_HEALTH_PORT,
    PROXY_METRICS_PORT,
    RANGE,
    SCHEDULER_PORT,
    SERVICE_RANGE,
    Layout,
)
from processes import Component

PROVISIONER_NAMESPACE = "local-path-storage"
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


def environment(layout: Layout) -> dict[str, str]:
    """The little that every component gets to know of the surroundings."""
    return {"PATH": debian.SEARCH_PATH, "HOME": str(layout.state)}


def etcd(layout: Layout, program: Path) -> Component:
    """The store, on the loopback interface and only for the holder of a certificate."""
    at = layout.control_plane
    url = f"https://{LOOPBACK}:{at.etcd_port}"
    peer = f"http://{LOOPBACK}:{at.etcd_peer_port}"
    argv = [
        str(program),
        f"--name={NAME}",
        f"--data-dir={layout.state / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster={NAME}={peer}",
        f"--listen-metrics-urls=http://{LOOPBACK}:{at.etcd_health_port}",
        f"--cert-file={layout.pki / 'etcd.crt'}",
        f"--key-file={layout.pki / 'etcd.key'}",
        f"--trusted-ca-file={layout.pki / 'ca.crt'}",
        "--client-cert-auth",
        "--unsafe-no-fsync",  # a cluster that is thrown away need not survive a power cut
        "--log-level=warn",
    ]
    ports = [f"{LOOPBACK}:{port}" for port in (at.etcd_port, at.etcd_peer_port, at.etcd_health_port)]
    return Component("etcd", argv, ports, environment(layout))


def apiserver(layout: Layout, program: Path) -> Component:
    """The API server; on the bridge's address it is reached from pods and from this machine."""
    pki, at = layout.pki, layout.control_plane
    argv = [
        str(program),
        f"--bind-address={at.address}",
        f"--advertise-address={NODE_ADDRESS}",
        f"--secure-port={at.port}",
        f"--etcd-servers=https://{LOOPBACK}:{at.etcd_port}",
        f"--etcd-cafile={pki / 'ca.crt'}",
        f"--etcd-certfile={pki / 'etcd-client.crt'}",
        f"--etcd-keyfile={pki / 'etcd-client.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'kube-apiserver.crt'}",
        f"--tls-private-key-file={pki / 'kube-apiserver.key'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        f"--kubelet-client-certificate={pki / 'kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
        f"--service-account-key-file={pki / 'service-accounts.key'}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
    ]
    return Component("kube-apiserver", argv, [f"{at.address}:{at.port}"], environment(layout))


def controller_manager(layout: Layout, program: Path) -> Component:
    """The controllers: Jobs, CronJobs, Deployments, service accounts and so on."""
    pki = layout.pki
    argv = [
        str(program),
        f"--kubeconfig={pki / 'kube-controller-manager.kubeconfig'}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={CONTROLLER_MANAGER_PORT}",
        f"--tls-cert-file={pki / 'etcd.crt'}",
        f"--tls-private-key-file={pki / 'etcd.key'}",
        f"--service-account-private-key-file={pki / 'service-accounts.key'}",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--kube-api-qps=200",  # the default makes the first start take 5 s longer
        "--kube-api-burst=400",
    ]
    ports = [f"{LOOPBACK}:{CONTROLLER_MANAGER_PORT}"]
    return Component("kube-controller-manager", argv, ports, environment(layout))


def scheduler(layout: Layout, program: Path) -> Component:
    """The scheduler, for the one node there is."""
    argv = [
        str(program),
        f"--kubeconfig={layout.pki / 'kube-scheduler.kubeconfig'}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={SCHEDULER_PORT}",
        f"--tls-cert-file={layout.pki / 'etcd.crt'}",
        f"--tls-private-key-file={layout.pki / 'etcd.key'}",
        "--leader-elect=false",
    ]
    return Component("kube-scheduler", argv, [f"{LOOPBACK}:{SCHEDULER_PORT}"], environment(layout))


def containerd(layout: Layout, snapshotter: str) -> Component:
    """The container runtime with everything of its own in the state directory."""
    template = (HERE / "containerd.toml").read_text()
    values = {
        "@STATE@": str(layout.state),
        "@SOCKET@": str(layout.containerd_socket),
        "@PAUSE_IMAGE@": PAUSE_IMAGE,
        "@CNI_PLUGINS@": debian.cni_directory(),
        "@SNAPSHOTTER@": snapshotter,
    }
    for mark, value in values.items():
        template = template.replace(mark, value)
    settings = layout.config / "containerd.toml"
    network = layout.config / "cni" / "10-bridge.conflist"
    files = {settings: template, network: json.dumps(_cni(layout), indent=2)}
    argv = [debian.find("containerd"), "--config", str(settings)]
    surroundings = environment(layout)
    for variable in PROXY_VARIABLES:  # only containerd may have to pull through a proxy
        if variable in os.environ:
            surroundings[variable] = os.environ[variable]
            surroundings["NO_PROXY"] = os.environ.get("NO_PROXY", "localhost") + f",{RANGE}"
    return Component("containerd", argv, [], surroundings, files)


def _cni(layout: Layout) -> dict[str, object]:
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": POD_RANGE, "gateway": NODE_ADDRESS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(layout.state / "addresses"),
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": NAME, "plugins": [bridge, portmap]}


def kubelet(layout: Layout, program: Path) -> Component:
    """The node itself; its settings keep out of the way of the machine."""
    settings = layout.config / "kubelet.json"
    files = {settings: json.dumps(_kubelet_settings(layout), indent=2)}
    argv = [
        str(program),
        f"--config={settings}",
        f"--kubeconfig={layout.pki / 'kubelet.kubeconfig'}",
        f"--root-dir={layout.state / 'kubelet'}",
        f"--cert-dir={layout.state / 'kubelet' / 'pki'}",
        f"--hostname-override={NAME}",
        f"--node-ip={NODE_ADDRESS}",
    ]
    ports = [f"{NODE_ADDRESS}:{KUBELET_PORT}", f"{LOOPBACK}:{KUBELET_HEALTH_PORT}"]
    return Component("kubelet", argv, ports, environment(layout), files)


def _kubelet_settings(layout: Layout) -> dict[str, object]:
    pki = layout.pki
    endpoint = f"unix://{layout.containerd_socket}"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "port": KUBELET_PORT,
        "healthzBindAddress": LOOPBACK,
        "healthzPort": KUBELET_HEALTH_PORT,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki / "kubelet-serving.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet-serving.key"),
        "clusterDNS": [NODE_ADDRESS],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": "/etc/resolv.conf",
        "containerRuntimeEndpoint": endpoint,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "podLogsDir": str(layout.state / "pod-logs"),
        "volumePluginDir": str(layout.state / "kubelet" / "volume-plugins"),
        # Images come from archives and could not be fetched again: never throw them
        # away, and evict nothing because the developer's disk is full.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
            "imagefs.inodesFree": "0%",
        },
    }


def proxy(layout: Layout, program: Path) -> Component:
    """What makes service addresses work."""
    argv = [
        str(program),
        f"--kubeconfig={layout.pki / 'kube-proxy.kubeconfig'}",
        f"--hostname-override={NAME}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={POD_RANGE}",
        f"--healthz-bind-address={LOOPBACK}:{PROXY_HEALTH_PORT}",
        f"--metrics-bind-address={LOOPBACK}:{PROXY_METRICS_PORT}",
        # Leave the machine's connection tracking and loopback routing as they are.
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
        "--iptables-localhost-nodeports=false",
        "--nodeport-addresses=primary",
        "--oom-score-adj=0",
    ]
    ports = [f"{LOOPBACK}:{PROXY_HEALTH_PORT}", f"{LOOPBACK}:{PROXY_METRICS_PORT}"]
    return Component("kube-proxy", argv, ports, environment(layout))


def coredns(layout: Layout, program: Path) -> Component:
    """Name lookups, on the bridge's address."""
    corefile = layout.config / "Corefile"
    files = {corefile: corefile_text(layout, Path("/etc/resolv.conf"))}
    argv = [str(program), "-conf", str(corefile)]
    return Component("coredns", argv, [f"{NODE_ADDRESS}:{DNS_PORT}"], environment(layout), files)


def corefile_text(layout: Layout, resolver: Path) -> str:
    """Names of the cluster from the API server, all others from the machine's own resolver."""
    lines = [
        f".:{DNS_PORT} {{",
        f"    bind {NODE_ADDRESS}",
        "    errors",
        f"    kubernetes {CLUSTER_DOMAIN} in-addr.arpa {{",
        f"        kubeconfig {layout.pki / 'coredns.kubeconfig'} {NAME}",
        "        pods insecure",
        "        fallthrough in-addr.arpa",
        "        ttl 5",
        "    }",
    ]
    if resolver.exists() and "nameserver" in resolver.read_text():
        lines.append(f"    forward . {resolver}")
    return "\n".join([*lines, "}", ""])


def provisioner(layout: Layout, program: Path) -> Component:
    """What makes a directory for each PersistentVolumeClaim of class `standard`."""
    volumes = {"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [str(layout.state / "volumes")]}
    settings = layout.config / "provisioner.json"
    files = {settings: json.dumps({"nodePathMap": [volumes]}, indent=2)}
    argv = [
        str(program),
        "start",
        f"--config={settings}",
        f"--kubeconfig={layout.pki / 'provisioner.kubeconfig'}",
        f"--namespace={PROVISIONER_NAMESPACE}",
        f"--helper-image={BUSYBOX_IMAGE}",
        f"--helper-pod-file={HERE / 'helper-pod.yaml'}",
        "--configmap-name=local-path-config",
        "--service-account-name=local-path-provisioner-service-account",
    ]
    return Component("local-path-provisioner", argv, [], environment(layout), files)
