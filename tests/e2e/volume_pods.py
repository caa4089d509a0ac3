"""Pods that do to a backbone's volume what only a worker may."""

from __future__ import annotations

from deployment import Kubectl, reader_pod


def run_on_the_volume(kubectl: Kubectl, image: str, name: str, code: str) -> None:
    """A pod of the worker image that runs Python with the volume writable."""
    pod = reader_pod(name, image, ["-c", code], claim="market-data")
    container = pod["spec"]["containers"][0]
    container["command"] = ["python3"]
    container["volumeMounts"][0]["readOnly"] = False
    pod["spec"]["volumes"][0]["persistentVolumeClaim"].pop("readOnly")
    kubectl.apply(pod)
