"""Debian below the images where no registry of images is in reach, and the packages that build it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from commands import OWN_MOUNTS, logged

from console import say, step

IMAGE = "docker.io/library/debian:bookworm-slim"
"""The name that the Dockerfile's FROM asks for."""

PACKAGES = {"buildah": "buildah", "mmdebstrap": "mmdebstrap", "unshare": "util-linux"}
"""Program to Debian package."""

LEFT_OUT = ("doc/*", "groff/*", "info/*", "linda/*", "lintian/*", "locale/*", "man/*")
"""Below /usr/share, as in Debian's own slim images."""

RECIPE = [
    "--variant=minbase",
    "--format=tar",
    # Without these two the merge of /usr brings all of Perl.
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    "--include=usr-is-merged",
    *(f"--dpkgopt=path-exclude=/usr/share/{pattern}" for pattern in LEFT_OUT),
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--customize-hook=rm -rf $1/var/cache/apt/* $1/var/lib/apt/lists/* $1/var/log/*",
    "bookworm",
]
INSTALL_DEADLINE = 900.0
MAKE_DEADLINE = 1200.0

Buildah = Callable[[list[str], Path], None]


def install_packages() -> None:
    """Install what is missing, and say so: packages stay on the machine."""
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if not missing:
        return
    log = Path("/var/log/databackbone-image.log")
    say(f"  installing Debian packages, which stay: {' '.join(missing)}")
    apt = ["apt-get", "--quiet", "--option", "DPkg::Lock::Timeout=300"]
    with step("Debian packages"):
        logged([*apt, "update"], log, INSTALL_DEADLINE)
        logged(
            [*apt, "install", "--yes", "--no-install-recommends", *missing],
            log,
            INSTALL_DEADLINE,
            {"DEBIAN_FRONTEND": "noninteractive"},
        )


class Base:
    """A minimal Debian under the name of the official one; made once, kept until it is renewed."""

    def __init__(self, folder: Path, buildah: Buildah) -> None:
        self._folder = folder
        self._buildah = buildah
        recipe = hashlib.sha256("\n".join(RECIPE).encode()).hexdigest()[:16]
        self._image_id = self._folder / f"{recipe}.id"

    def identity(self) -> str:
        """The image's digest, empty where it was not made yet."""
        return self._image_id.read_text(encoding="utf-8") if self._image_id.exists() else ""

    def ensure(self) -> None:
        """Make it unless it is there."""
        if not self.identity():
            self.make()

    def make(self) -> None:
        """Bootstrap into a tar, and that tar into an image."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        log = self._folder / "log"
        with step(f"{IMAGE.rpartition('/')[2]} (mmdebstrap)"):
            tar = self._folder / "base.tar"
            command = [*OWN_MOUNTS, "mmdebstrap", "--mode=root", *RECIPE, str(tar)]
            logged(command, log, MAKE_DEADLINE, {"TMPDIR": str(self._folder)})
            recipe = self._folder / "Dockerfile"
            recipe.write_text('FROM scratch\nADD base.tar /\nCMD ["bash"]\n', encoding="utf-8")
            made = self._folder / "made"
            arguments = ["--format", "docker", "--tag", IMAGE, "--iidfile", str(made), str(self._folder)]
            self._buildah(["build", "--isolation", "chroot", "--pull-never", *arguments], log)
            tar.unlink()
            made.rename(self._image_id)
