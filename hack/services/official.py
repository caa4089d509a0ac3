"""TimescaleDB, Redis and Kafka from their official images, in a namespace of a cluster that has Docker."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

from console import step
from deployment import Kubectl

NAMESPACE = "databackbone-services"
MANIFEST = Path(__file__).with_name("official.yaml")
WORKLOADS = {
    "TimescaleDB": "statefulset/timescale",
    "Redis": "deployment/redis",
    "Kafka": "statefulset/kafka",
}
ROLLOUT_SECONDS = 600
"""An image comes from far away the first time."""


class OfficialServices:
    """All three; TimescaleDB and Redis with the passwords of a Secret that is made once."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl.of(NAMESPACE)

    @property
    def present(self) -> bool:
        """Whether they were brought up, and not removed since."""
        return self._kubectl.find("namespace", NAMESPACE) is not None

    def up(self) -> None:
        """Apply what is missing and wait until all are ready. Raises Failure."""
        self._kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        if self._kubectl.find("secret", "logins") is None:
            logins = {name: secrets.token_hex(18) for name in ("timescale", "redis")}
            metadata = {"name": "logins", "namespace": NAMESPACE}
            self._kubectl.apply(
                {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": logins}
            )
        self._kubectl.run("apply", "-f", str(MANIFEST))
        self._scale(1)
        for title, workload in WORKLOADS.items():
            with step(f"{title} in namespace {NAMESPACE}"):
                self._kubectl.run(
                    *("rollout", "status", workload, f"--timeout={ROLLOUT_SECONDS}s"),
                    deadline=ROLLOUT_SECONDS + 30,
                )

    def down(self, *, remove: bool) -> None:
        """Stop them; the claims of TimescaleDB and Kafka stay, unless all is to be removed."""
        if remove:
            self._kubectl.run("delete", "namespace", NAMESPACE, deadline=300)
        else:
            self._scale(0)

    def running(self) -> dict[str, bool]:
        """Whether each of them is ready, by its title."""
        found = {title: self._kubectl.get(workload) for title, workload in WORKLOADS.items()}
        return {title: bool(seen["status"].get("readyReplicas")) for title, seen in found.items()}

    def uris(self) -> dict[str, str]:
        """Where they are, by the variable that leads there; pods and this machine reach all."""
        login = {
            name: base64.b64decode(value).decode()
            for name, value in self._kubectl.get("secret", "logins")["data"].items()
        }
        (node,) = self._kubectl.get("nodes")["items"]
        host = next(item["address"] for item in node["status"]["addresses"] if item["type"] == "InternalIP")
        port = {
            name: self._kubectl.get("service", name)["spec"]["ports"][0]["nodePort"]
            for name in ("timescale", "redis", "kafka")
        }
        return {
            "TIMESCALE_DSN": f"postgresql://postgres:{login['timescale']}@{host}:{port['timescale']}/market",
            "REDIS_URL": f"redis://:{login['redis']}@{host}:{port['redis']}/0",
            "KAFKA_BOOTSTRAP": f"{host}:{port['kafka']}",
        }

    def _scale(self, replicas: int) -> None:
        self._kubectl.run("scale", *WORKLOADS.values(), f"--replicas={replicas}")
