"""The control group under which all pods live: made, emptied and removed as one."""

import os
import time
from contextlib import suppress
from pathlib import Path

import mounts
from layout import CGROUP
from processes import kill
from report import Problem

EMPTY_DEADLINE = 15.0


def _roots() -> list[Path]:
    """Our group in each hierarchy: one with version 2, one per controller with version 1."""
    points = {m.point for m in mounts.table() if m.kind in ("cgroup", "cgroup2")}
    return [Path(point) / CGROUP for point in sorted(points)]


def create() -> None:
    """Make the group, and hand it the controllers where that has to be asked for."""
    roots = _roots()
    if not roots:
        raise Problem("no cgroup hierarchy is mounted: needs one at /sys/fs/cgroup")
    for root in roots:
        root.mkdir(exist_ok=True)
        control = root.parent / "cgroup.subtree_control"
        if control.exists():
            _hand_down(control)


def _hand_down(control: Path) -> None:
    for controller in (control.parent / "cgroup.controllers").read_text().split():
        _write(control, f"+{controller}")  # where one is refused the kubelet says what it lacks


def remove() -> None:
    """Kill every process in the group, then remove it and all groups below."""
    deadline = time.monotonic() + EMPTY_DEADLINE
    groups = [group for root in _roots() if root.is_dir() for group in _below(root)]
    while left := [group for group in groups if group.is_dir()]:
        if time.monotonic() > deadline:
            raise Problem(f"control group does not empty: {left[0]}")
        for group in left:
            _empty(group)
        for group in left:
            with suppress(OSError):  # its processes are still ending: once more
                group.rmdir()
        time.sleep(0.05)


def _below(root: Path) -> list[Path]:
    """The group and all below it, children first."""
    return [Path(directory) for directory, _, _ in os.walk(root, topdown=False)]


def _empty(group: Path) -> None:
    for switch, value in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
        if (group / switch).exists():  # a frozen process cannot end
            _write(group / switch, value)
    try:
        pids = (group / "cgroup.procs").read_text().split()
    except OSError:
        return
    for pid in pids:
        if int(pid) != os.getpid():
            kill(int(pid))


def _write(path: Path, value: str) -> None:
    with suppress(OSError):
        path.write_text(value)
