"""What is mounted, and how to take it off again."""

import ctypes
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from report import Problem

DETACH = 2


@dataclass(frozen=True)
class Mount:
    """Where something is mounted, and which kind of file system it is."""

    point: str
    kind: str


def table() -> list[Mount]:
    """The mounts of this process's view, in the order in which they were made."""
    return parse(Path("/proc/self/mountinfo").read_text())


def parse(mountinfo: str) -> list[Mount]:
    """Read /proc/self/mountinfo; its octal escapes become the characters they stand for."""
    found = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        point = left.split()[4].encode().decode("unicode_escape")
        found.append(Mount(point, right.split()[0]))
    return found


def below(directory: Path) -> list[str]:
    """Mount points in a directory, the last made first."""
    inside = [m.point for m in table() if Path(m.point).is_relative_to(directory)]
    return inside[::-1]


def take_off(directory: Path) -> None:
    """Unmount everything in a directory, also what is still in use."""
    library = ctypes.CDLL(None, use_errno=True)
    for point in below(directory):
        library.umount2(os.fsencode(point), DETACH)
    if left := below(directory):
        raise Problem(f"still mounted: {left[0]}")


def remove_tree(directory: Path) -> None:
    """Delete a directory, but never through a mount into something else."""
    if inside := below(directory):
        raise Problem(f"not deleting {directory}: {inside[0]} is mounted there")
    if directory.is_dir() and not directory.is_symlink():
        shutil.rmtree(directory)
