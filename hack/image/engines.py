"""What can build an image here: a Docker engine, or buildah as root on Debian."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

import base
import inputs
import settings
from commands import OWN_MOUNTS, logged

from console import Failure, step

BUILD_DEADLINE = 3600.0
SAVE_DEADLINE = 600.0
ANSWER_DEADLINE = 10.0

STEPS_KEPT = 400
"""Intermediate images that buildah may keep as its cache; a change of the code adds about ten."""


class Engine(Protocol):
    """Builds the Dockerfile's targets and writes them as docker-archive files."""

    name: str

    def base(self) -> str:
        """What identifies the base image, so that another base means another image."""

    def prepare(self) -> None:
        """Install and make what a build needs."""

    def refresh_base(self) -> None:
        """Get the base image anew."""

    def build(self, context: Path, target: str, archive: Path) -> None:
        """Build one target of the Dockerfile in `context` and write its archive.

        Raises Failure with the end of the log.
        """


def choose(cache: Path) -> Engine:
    """The engine of this machine. Raises Failure where there is none and none can be set up."""
    if docker_answers():
        return Docker(cache)
    if os.geteuid() == 0 and shutil.which("apt-get"):
        return Buildah(cache)
    raise Failure("building images needs a Docker engine that answers, or root on Debian")


def docker_answers() -> bool:
    """Whether a Docker engine can be reached."""
    if shutil.which("docker") is None:
        return False
    question = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        answer = subprocess.run(question, capture_output=True, timeout=ANSWER_DEADLINE, check=False)
    except subprocess.TimeoutExpired:
        return False
    return answer.returncode == 0


class Docker:
    """A Docker engine; it pulls the base by itself."""

    name = "docker"

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._pull: list[str] = []

    def base(self) -> str:
        """Docker's own cache tells whether the base is another one."""
        return ""

    def prepare(self) -> None:
        """Nothing: the engine is there."""

    def refresh_base(self) -> None:
        """Pull at the next build, which happens because the archives go."""
        self._pull = ["--pull"]
        for archive in self._cache.glob("backbone-*.tar"):
            archive.unlink()

    def build(self, context: Path, target: str, archive: Path) -> None:
        """`docker build` and `docker save`."""
        image = f"docker.io/library/{inputs.reference(target)}"
        log = self._cache / f"{target}.log"
        with settings.secrets() as secrets:
            options = [*self._pull, *secrets, "--target", target, "--tag", image]
            command = ["docker", "build", *options, str(context)]
            logged(command, log, BUILD_DEADLINE, {"DOCKER_BUILDKIT": "1"})
        save = ["docker", "save", "--output", str(archive), image]
        logged(save, self._cache / "save.log", SAVE_DEADLINE)


class Buildah:
    """buildah with a storage of its own; its mounts live and die with each command."""

    name = "buildah"

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._storage = cache / "storage"
        # Inside the storage: whoever removes that removes the knowledge of its base.
        self._base = base.Base(self._storage / "base", self._run)

    def base(self) -> str:
        """The identity of the base that was made last, empty before the first."""
        return self._base.identity()

    def prepare(self) -> None:
        """Install buildah and mmdebstrap, make the base, remove what earlier builds left behind."""
        base.install_packages()
        self._base.ensure()
        self._run(["rm", "--all"], self._cache / "prune.log")
        steps = self._storage / "overlay-images"
        if steps.is_dir() and len(list(steps.iterdir())) > STEPS_KEPT:
            with step("forgetting the steps of earlier builds"):
                self._run(["rmi", "--prune"], self._cache / "prune.log")

    def refresh_base(self) -> None:
        """Make the base anew."""
        base.install_packages()
        self._base.make()

    def build(self, context: Path, target: str, archive: Path) -> None:
        """`buildah build` and `buildah push`."""
        image = f"docker.io/library/{inputs.reference(target)}"
        log = self._cache / f"{target}.log"
        with settings.secrets() as secrets:
            options = ["--isolation", "chroot", "--pull-never", "--layers", "--format", "docker", *secrets]
            self._run(["build", *options, "--target", target, "--tag", image, str(context)], log)
        self._run(["push", image, f"docker-archive:{archive}:{image}"], self._cache / "save.log")

    def _run(self, arguments: list[str], log: Path) -> None:
        storage = ["--root", str(self._storage), "--runroot", str(self._storage / "run")]
        command = [*OWN_MOUNTS, "buildah", "--storage-driver", "overlay", *storage, *arguments]
        logged(command, log, BUILD_DEADLINE, {"TMPDIR": str(self._cache)})
