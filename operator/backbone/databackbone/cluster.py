"""Which cluster this is."""

from __future__ import annotations

from ..ports.cluster import NAMESPACE, Cluster

NAMED_BY = "kube-system"


class ClusterIdentity:
    """The uid of the namespace that every cluster has and none shares; it is read once."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._uid: str | None = None

    async def __call__(self) -> str | None:
        """The uid; None where there is no such namespace. Raises what the port raises."""
        if self._uid is None:
            found = await self._cluster.get(NAMESPACE, "", NAMED_BY)
            self._uid = found["metadata"]["uid"] if found else None
        return self._uid
