"""The commit, disturbed before each of its steps, with a reader that looks at each of them; and its mutants.

Each mutant takes one protection away from the product's code, and the same exploration finds it.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from support.exports import export, next_manifest, year
from support.failing_disk import FailingDisk, Killed

from backbone.adapters.exports import pruning
from backbone.adapters.exports.attempt import Attempt
from backbone.adapters.exports.folder import CURRENT, ExportFolder, Found
from backbone.adapters.exports.pruning import prune
from backbone.adapters.exports.reading import open_export
from backbone.adapters.exports.verifying import differences
from backbone.errors import BackboneError
from backbone.market.canonical import hashed_schema, rows_hash
from backbone.market.dimensions import DAILY_BARS
from backbone.parts.exports.faults import TargetError, TargetFault
from backbone.parts.exports.manifest import Manifest
from backbone.parts.exports.partitions import Partition
from backbone.parts.exports.plan import Plan

OLD, NEW, OTHER = (Partition("yahoo", period) for period in ("2024", "2025", "2026"))
FIRST = pa.concat_tables([year("yahoo", 2024, 1.0), year("yahoo", 2025, 2.0)])
SECOND = pa.concat_tables([year("yahoo", 2024, 1.0), year("yahoo", 2025, 3.0), year("yahoo", 2026, 4.0)])
THIRD = pa.concat_tables([year("yahoo", 2024, 1.0), year("yahoo", 2025, 6.0), year("yahoo", 2026, 4.0)])
RIVAL = pa.concat_tables([year("yahoo", 2024, 5.0), year("yahoo", 2025, 2.0)])
"""What the rival's store has: it starts from the first export, too, and another partition changed."""

TWO_DAYS = 2 * 86_400.0
Violations = Iterator[str]


def folder(root: Path, disk: FailingDisk | None = None) -> ExportFolder:
    return ExportFolder(root, disk or FailingDisk(), wait=timedelta(0))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """An export that has happened once."""
    root = tmp_path / "base"
    root.mkdir()
    export(folder(root), FIRST, job="bars-0")
    return root


TRUTHS = {id(item): rows_hash(item, hashed_schema(DAILY_BARS)) for item in (FIRST, SECOND, THIRD, RIVAL)}


def wrong(root: Path, *truths: pa.Table) -> Violations:
    """What a reader finds wrong: the current export is whole, and its rows are those of one of the stores."""
    try:
        opened = open_export(root)
        manifest = folder(root).manifest(opened.number)
    except BackboneError as error:
        yield f"does not open: {error}"
        return
    yield from differences(root, manifest)
    if manifest.hash not in {TRUTHS[id(truth)] for truth in truths}:
        yield "the rows of no store"


def ended(
    root: Path, disk: FailingDisk, stored: pa.Table = SECOND, changed: tuple[Partition, ...] = (NEW, OTHER)
) -> str:
    """Export, and say how it ended."""
    try:
        export(folder(root, disk), stored, changed=changed, job="bars-2")
    except TargetError as error:
        return error.fault
    except Killed:
        return "Killed"
    return "Succeeded"


def again(root: Path, job: str) -> Violations:
    """The next export mends everything: it is whole, has the present rows, and leaves what is explained."""
    # Before the second file: the first one is written, and replaced nothing.
    disk = FailingDisk(2, lambda: found.extend(wrong(root, FIRST, SECOND)), flushes=False)
    found: list[str] = []
    export(folder(root, disk), THIRD, changed=(NEW, OTHER), job=job)
    yield from found
    yield from wrong(root, THIRD)


def kill() -> None:
    raise Killed


def fail() -> None:
    raise OSError(errno.ENOSPC, "no space left")


def killed(
    root: Path, at: int, lose: Callable[[FailingDisk], None] = lambda _disk: None, *, flushes: bool = False
) -> Violations:
    disk = FailingDisk(at, kill, flushes=flushes)
    outcome = ended(root, disk)
    lose(disk)
    yield from wrong(root, *([SECOND] if outcome == "Succeeded" else [FIRST, SECOND]))
    # A container that starts again has the same Job and attempt, and so the same names.
    yield from again(root, "bars-2")


def power_cut(root: Path, at: int, *, names: bool) -> Violations:
    yield from killed(root, at, lambda disk: disk.cut_power(root, names=names), flushes=True)


def refused(root: Path, at: int) -> Violations:
    outcome = ended(root, FailingDisk(at, fail))
    if outcome not in {"Succeeded", TargetFault.TARGET_FULL}:
        yield f"ended {outcome}"
    yield from wrong(root, FIRST, SECOND)
    yield from again(root, "bars-3")


def raced(root: Path, at: int) -> Violations:
    rival: list[str] = []

    def export_meanwhile() -> None:
        try:
            export(folder(root), RIVAL, changed=(OLD,), job="rival")
            rival.append("Succeeded")
        except TargetError as error:
            rival.append(error.fault)

    ours = ended(root, FailingDisk(at, export_meanwhile, flushes=False))
    if not rival:
        return
    truth = {"Succeeded": SECOND, TargetFault.SUPERSEDED: RIVAL}[ours]
    if {ours, *rival} != {"Succeeded", TargetFault.SUPERSEDED}:
        yield f"two exports from one manifest ended {ours} and {rival}"
    yield from wrong(root, truth)
    if len(folder(root).numbers()) != 2 or unexplained(root):
        yield "the one that lost left something behind"


def pruned_meanwhile(root: Path, at: int) -> Violations:
    """The clock of the process that removes files is two days ahead."""

    def remove_files() -> None:
        grow_old(root)
        with suppress(TargetError):
            prune(folder(root), keep=1)

    ended(root, FailingDisk(at, remove_files, flushes=False))
    yield from wrong(root, FIRST, SECOND)


def pruned(root: Path, at: int) -> Violations:
    """Removing files ends before each of its steps; every manifest that is there has its files."""
    export(folder(root), SECOND, changed=(NEW, OTHER))
    grow_old(root)
    with suppress(Killed):
        prune(folder(root, FailingDisk(at, kill)), keep=1)
    yield from wrong(root, SECOND)
    for number in folder(root).numbers():
        if damaged := folder(root).damaged(folder(root).manifest(number)):
            yield f"manifest {number} lacks files of {damaged}"
    prune(folder(root), keep=1)
    yield from unexplained(root)


def committed_meanwhile(root: Path, at: int) -> Violations:
    """An export whose files seem to be old commits while files are removed."""
    continued = folder(root)
    found = continued.found()
    plan = Plan(1, (NEW, OTHER), (found.manifest.by_partition[OLD],) if found.manifest else ())
    with suppress(TargetError), Attempt(continued, DAILY_BARS, "bars-2", 1) as attempt:
        manifest = next_manifest(continued, attempt, found, plan, SECOND)
        grow_old(root)
        disk = FailingDisk(at, lambda: attempt.commit(manifest, found))
        prune(folder(root, disk), keep=1)
    yield from wrong(root, FIRST, SECOND)


def read_meanwhile(root: Path, at: int) -> Violations:
    """A reader opened the export just before another one took its place, and old files are removed."""
    grow_old(root)
    opened = open_export(root)
    export(folder(root), SECOND, changed=(NEW, OTHER))
    prune(folder(root, FailingDisk(at)), keep=1)
    try:
        opened.rows.to_table()
    except OSError as error:
        yield f"a file went while it was read: {error}"


def grow_old(root: Path) -> None:
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, (0, path.stat().st_mtime - TWO_DAYS))


def unexplained(root: Path) -> list[str]:
    """Files that no manifest names."""
    named = {file.path for number in folder(root).numbers() for file in folder(root).manifest(number).files}
    there = {path.relative_to(root).as_posix() for path in (root / "data").rglob("*") if path.is_file()}
    return sorted(there - named)


DISTURBANCES: dict[str, Callable[[Path, int], Violations]] = {
    "killed": killed,
    "power cut, names lost": partial(power_cut, names=True),
    "power cut, names kept": partial(power_cut, names=False),
    "no space": refused,
    "another export": raced,
    "files removed meanwhile": pruned_meanwhile,
    "removal killed": pruned,
    "a commit during removal": committed_meanwhile,
    "removal under a reader": read_meanwhile,
}
FLUSHING = {"power cut, names lost", "power cut, names kept", "no space"}
"""Where it matters what was flushed, or that flushing fails. The others see the same before and after it."""


def steps(base: Path, *, flushes: bool) -> int:
    """How many steps an export has."""
    root, disk = base.with_name("counted"), FailingDisk(flushes=flushes)
    shutil.copytree(base, root)
    ended(root, disk)
    shutil.rmtree(root)
    return disk.steps


def explored(base: Path, disturbance: str) -> Violations:
    """What is wrong after a disturbance at the end, before the last step, the one before it, and so on."""
    every = steps(base, flushes=disturbance in FLUSHING)
    for at in range(every + 1, 0, -1):
        root = base.with_name(f"{disturbance}-{at}")
        shutil.copytree(base, root)
        for found in DISTURBANCES[disturbance](root, at):
            yield f"{disturbance} before step {at}: {found}"
        shutil.rmtree(root)


@pytest.mark.parametrize("disturbance", DISTURBANCES)
def test_no_disturbance_before_any_step_shows_a_reader_half_an_export(base: Path, disturbance: str) -> None:
    assert steps(base, flushes=True) > steps(base, flushes=False) >= 8
    assert list(explored(base, disturbance)) == []


def test_a_folder_that_nobody_flushed_is_flushed_by_the_next_export(tmp_path: Path) -> None:
    """The process that created it was killed before it flushed the name, and its system lives on."""
    root, disk = tmp_path / "bars", FailingDisk()
    root.mkdir()
    for place in ("data", "data/dailyBars", "data/dailyBars/yahoo", "data/dailyBars/yahoo/2024", "manifests"):
        disk.make_folder(root / place)
    export(folder(root, disk), FIRST)
    disk.cut_power(root, names=True)
    assert list(wrong(root, FIRST)) == []


Mutate = Callable[[pytest.MonkeyPatch], None]


def unflushed(method: str, place: str) -> Mutate:
    """Nothing in a folder, or of this name, is flushed."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        flush = getattr(FailingDisk, method)

        def skipping(disk: FailingDisk, path: Path) -> None:
            if place not in path.as_posix():
                flush(disk, path)

        patch.setattr(FailingDisk, method, skipping)

    return apply


def overwriting_manifests(patch: pytest.MonkeyPatch) -> None:
    def link(_disk: FailingDisk, source: Path, target: Path) -> None:
        target.unlink(missing_ok=True)
        target.hardlink_to(source)

    patch.setattr(FailingDisk, "link", link)


def overwriting_data(patch: pytest.MonkeyPatch) -> None:
    create = FailingDisk.create

    def over(disk: FailingDisk, path: Path) -> object:
        path.unlink(missing_ok=True)
        return create(disk, path)

    patch.setattr(FailingDisk, "create", over)


def moving_first(patch: pytest.MonkeyPatch) -> None:
    def commit(attempt: Attempt, manifest: Manifest, found: Found) -> None:
        with attempt._folder.locked():
            attempt._expect_unmoved(found)
            attempt._move_current(manifest.number)
        attempt._publish(manifest)

    patch.setattr(Attempt, "commit", commit)


def without_lock(patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def locked(_folder: ExportFolder) -> Iterator[None]:
        yield

    patch.setattr(ExportFolder, "locked", locked)


def without(name: str) -> Mutate:
    return lambda patch: patch.setattr(Attempt, name, lambda *_: None)


def forgetting_that_it_moved(patch: pytest.MonkeyPatch) -> None:
    move = Attempt._move_current

    def moved(attempt: Attempt, number: int) -> None:
        try:
            move(attempt, number)
        finally:
            attempt._moving = False

    patch.setattr(Attempt, "_move_current", moved)


def leaving_its_files(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Attempt, "__exit__", lambda *_: None)


def removing_files_first(patch: pytest.MonkeyPatch) -> None:
    """A list of manifests that are to go is empty the first time; their files are named by none already."""
    outdated = pruning._outdated

    def named(export_folder: ExportFolder, numbers: set[int]) -> set[str]:
        gone = outdated(export_folder, 1, pruning._now(export_folder) - pruning.GRACE_SECONDS)
        kept = [export_folder.manifest(number) for number in numbers - set(gone)]
        return {file.path for manifest in kept for file in manifest.files}

    patch.setattr(pruning, "_named", named)
    patch.setattr(pruning, "_outdated", lambda *_: [])


def removing_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pruning, "GRACE_SECONDS", -1.0)


MUTANTS: dict[str, tuple[str, Mutate]] = {
    "data files are not flushed": ("power cut, names kept", unflushed("sync_file", "/data/")),
    "names of data files are not flushed": ("power cut, names lost", unflushed("sync_folder", "/data/")),
    "manifests are not flushed": ("power cut, names kept", unflushed("sync_file", "/manifests/")),
    "names of manifests are not flushed": ("power cut, names lost", unflushed("sync_folder", "/manifests")),
    "current is not flushed": ("power cut, names kept", unflushed("sync_file", f".{CURRENT}")),
    "current moves before the manifest is there": ("killed", moving_first),
    "a manifest replaces another one": ("another export", overwriting_manifests),
    "a data file replaces another one": ("killed", overwriting_data),
    "current moves from whatever it is": ("another export", without("_expect_unmoved")),
    "current moves without the lock": ("another export", without_lock),
    "files are not checked at the commit": ("files removed meanwhile", without("_expect_files")),
    "files are removed without the lock": ("a commit during removal", without_lock),
    "an error after the move removes files": ("no space", forgetting_that_it_moved),
    "an export that lost leaves its files": ("another export", leaving_its_files),
    "files go before their manifest": ("removal killed", removing_files_first),
    "files go without the day": ("removal under a reader", removing_at_once),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_each_mutant_is_found(base: Path, monkeypatch: pytest.MonkeyPatch, mutant: str) -> None:
    disturbance, mutate = MUTANTS[mutant]
    mutate(monkeypatch)
    assert next(explored(base, disturbance), None) is not None
