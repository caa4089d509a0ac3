"""What each verb does, whichever provider the cluster has."""

import json
import os
import shlex
import time
from pathlib import Path
from typing import Any, Protocol

import binaries
import records
import with_kind
from layout import NAME, RANGE, Layout
from lock import exclusive
from native import Native
from probe import Kubectl
from report import Problem, note, say, step

LOCK_SECONDS = 3600  # another run may be building
PATIENCE_SECONDS = 30  # before a cluster whose processes all run is thrown away
NOT_RUNNING = 3
HOW_TO_USE = 'eval "$(python3 hack/cluster env)"'


class Provider(Protocol):
    """A way to have a cluster."""

    name: str
    context: str

    def prepare(self) -> None:
        """Install and build what outlives the cluster."""

    def check(self) -> None:
        """A Problem when something of somebody else's is in the way."""

    def up(self) -> None:
        """Start, and wait until it can be used."""

    def down(self) -> None:
        """Undo `up`, however far it had come; fine to call twice."""

    def healthy(self, *, patience: float = 0) -> bool:
        """Whether it can be used; look again for so many seconds before saying no."""

    def details(self) -> dict[str, Any]:
        """Facts for `status`, `components` among them."""

    def load_image(self, archive: Path) -> list[str]:
        """Give the node a docker-archive's images; their names where these are known."""

    def restart_api_server(self, seconds: float) -> None:
        """Kill the API server and have it back after so long."""

    def mount_tiny(self, name: str, size_mib: int, *, read_only: bool) -> Path:
        """Mount a tmpfs of a fixed size on the node; again with other values: remount it."""

    def unmount_tiny(self, name: str) -> None:
        """Take such a tmpfs off again."""


def provider(name: str, layout: Layout) -> Provider:
    """The way of that name."""
    return with_kind.Kind(layout) if name == "kind" else Native(layout)


def choose(requested: str) -> str:
    """Say kind where a Docker engine answers, otherwise native; a Problem when neither can be."""
    docker = requested != "native" and with_kind.docker_answers()
    if requested == "kind" and not docker:
        raise Problem("kind needs a Docker engine that answers `docker info`", code=2)
    if docker:
        with_kind.use_project_environment()
        return "kind"
    if os.geteuid() != 0:
        engine = "a Docker engine that answers `docker info`, or "
        raise Problem(f"needs {engine if requested == 'auto' else ''}root for the native cluster", code=2)
    return "native"


def up(layout: Layout, requested: str, *, only_prepare: bool) -> None:
    """Have a cluster: keep a healthy one, otherwise clear what is left and make one."""
    chosen = provider(choose(requested), layout)
    with exclusive(layout.lock, seconds=LOCK_SECONDS, remove=True):
        record = records.read(layout)
        if record and record.phase == "ready" and _healthy(record, layout):
            if requested not in ("auto", record.provider):
                raise Problem(f"a {record.provider} cluster is running: take it down first")
            say(f"already running ({record.provider}): {HOW_TO_USE}")
            return
        chosen.prepare()
        if only_prepare:
            return
        if record:
            note("an earlier cluster is here that is unfinished or not healthy: removing it")
            _remove(layout, record)
        _start(layout, chosen)


def _start(layout: Layout, chosen: Provider) -> None:
    records.refuse_foreign(layout)
    chosen.check()
    note(f"starting a {chosen.name} cluster in {layout.state}")
    started = time.monotonic()
    records.write(layout, records.Record(chosen.name, "starting"))
    chosen.up()
    records.write(layout, records.Record(chosen.name, "ready"))
    say(f"ready after {time.monotonic() - started:.1f} s: {HOW_TO_USE}")


def _healthy(record: records.Record, layout: Layout) -> bool:
    return provider(record.provider, layout).healthy(patience=PATIENCE_SECONDS)


def down(layout: Layout) -> None:
    """Remove the cluster, or what a killed run left of it."""
    with exclusive(layout.lock, seconds=LOCK_SECONDS, remove=True):
        record = records.read(layout)
        if record is None:
            say("no cluster is here")
            return
        if record.provider == "native" and os.geteuid() != 0:
            raise Problem("the native cluster was made by root and needs root to go", code=2)
        with step("cluster removed"):
            _remove(layout, record)


def _remove(layout: Layout, record: records.Record) -> None:
    provider(record.provider, layout).down()
    records.remove(layout)


def build(layout: Layout) -> None:
    """Only build the programs, also without root."""
    for name, path in binaries.ensure(layout, binaries.NATIVE).items():
        say(f"  {name}: {path}")


def running(layout: Layout) -> Provider:
    """The provider of the cluster that is up; a Problem when none is."""
    record = records.read(layout)
    if record is None or record.phase != "ready":
        raise Problem("no cluster is running: python3 hack/cluster up", code=NOT_RUNNING)
    return provider(record.provider, layout)


def status(layout: Layout, *, as_json: bool) -> int:
    """Tell what runs; 0 when the cluster can be used, 3 when not."""
    record = records.read(layout)
    if record is None:
        say(json.dumps({"running": False}) if as_json else "no cluster is running")
        return NOT_RUNNING
    one = provider(record.provider, layout)
    healthy = record.phase == "ready" and one.healthy()
    facts = {
        "running": healthy,
        "provider": record.provider,
        "phase": record.phase,
        "context": one.context,
        "kubeconfig": str(layout.kubeconfig),
        "bin": str(layout.bin),
        "state": str(layout.state),
        **one.details(),
    }
    if as_json:
        say(json.dumps(facts, indent=2))
    else:
        _print_table(facts)
    return 0 if healthy else NOT_RUNNING


def _print_table(facts: dict[str, Any]) -> None:
    condition = "running" if facts["running"] else f"not healthy (phase {facts['phase']})"
    say(f"{facts['provider']} cluster: {condition}")
    for key in ("context", "node", "kubeconfig", "bin", "state"):
        say(f"  {key:<12}{facts[key]}")
    if facts["components"]:
        say(f"  {'component':<26}{'pid':<9}{'state':<9}listens on")
    for name, one in facts["components"].items():
        say(f"  {name:<26}{one['pid']:<9}{one['state']:<9}{' '.join(one['ports'])}")


def load_image(layout: Layout, archives: list[Path]) -> None:
    """Give the node images from docker-archive files."""
    one = running(layout)
    for archive in archives:
        if not archive.is_file():
            raise Problem(f"no such file: {archive}")
        with step(f"load {archive.name}"):
            names = one.load_image(archive)
        for name in names:
            say(f"    {name}")


def environment(layout: Layout) -> None:
    """Lines for a shell to evaluate, so that kubectl and helm mean this cluster."""
    running(layout)
    say(f"export KUBECONFIG={shlex.quote(str(layout.kubeconfig))}")
    say(f'export PATH={shlex.quote(str(layout.bin))}:"$PATH"')
    if any(name.lower() in ("http_proxy", "https_proxy") for name in os.environ):
        excepted = f'"${{NO_PROXY:+$NO_PROXY,}}{RANGE}"'
        say(f"export NO_PROXY={excepted} no_proxy={excepted}")


def kubeconfig(layout: Layout) -> None:
    """Print where the kubeconfig is."""
    running(layout)
    say(str(layout.kubeconfig))


def restart_api_server(layout: Layout, seconds: float) -> None:
    """Kill the API server, and wait until it answers again."""
    one = running(layout)
    with step("API server killed and started again"):
        one.restart_api_server(seconds)


def tiny_volume(layout: Layout, name: str, size_mib: int, *, read_only: bool) -> None:
    """A PersistentVolume of storage class `tiny` that is really only so large."""
    one = running(layout)
    directory = one.mount_tiny(name, size_mib, read_only=read_only)
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": NAME}},
        "spec": {
            "capacity": {"storage": f"{size_mib}Mi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "tiny",
            "hostPath": {"path": str(directory), "type": "Directory"},
        },
    }
    _kubectl(layout).run("apply", "--filename=-", given=json.dumps(volume))
    say(f"persistentvolume/{name}: {size_mib} MiB, {'read-only' if read_only else 'writable'}")


def remove_tiny_volume(layout: Layout, name: str) -> None:
    """Remove the PersistentVolume and what is mounted for it."""
    one = running(layout)
    _kubectl(layout).run("delete", f"persistentvolume/{name}", "--ignore-not-found", "--wait=false")
    one.unmount_tiny(name)
    say(f"persistentvolume/{name}: removed")


def _kubectl(layout: Layout) -> Kubectl:
    return Kubectl(layout.bin / "kubectl", layout)
