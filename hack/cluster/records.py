"""The state directory's own record: which provider, and how far it came."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import mounts
from layout import Layout
from report import Problem


@dataclass(frozen=True)
class Record:
    """`phase` is "starting" until the cluster was once ready for use, then "ready"."""

    provider: str
    phase: str


def read(layout: Layout) -> Record | None:
    """The record, None when no cluster was begun here."""
    try:
        return Record(**json.loads(layout.record.read_text()))
    except FileNotFoundError:
        return None


def write(layout: Layout, record: Record) -> None:
    """Replace the record in one go."""
    layout.state.mkdir(mode=0o755, parents=True, exist_ok=True)
    scratch = layout.record.with_suffix(".new")
    scratch.write_text(json.dumps(asdict(record)) + "\n")
    scratch.rename(layout.record)


def refuse_foreign(layout: Layout) -> None:
    """Never take over, and so later delete, a directory with something else in it."""
    if layout.state.is_dir() and any(layout.state.iterdir()) and not layout.record.exists():
        raise Problem(f"{layout.state} holds something that is no cluster: choose another", code=2)


def remove(layout: Layout) -> None:
    """Delete the state directory, the record last, so that a killed run can be taken up."""
    if not layout.state.is_dir():
        return
    for child in layout.state.iterdir():
        if child == layout.record:
            continue
        if child.is_dir() and not child.is_symlink():
            mounts.remove_tree(child)
        else:
            child.unlink()
    layout.record.unlink(missing_ok=True)
    layout.state.rmdir()


def link_programs(layout: Layout, programs: dict[str, Path]) -> None:
    """Put programs that a person calls into one directory for the PATH."""
    layout.bin.mkdir(exist_ok=True)
    for name, target in programs.items():
        link = layout.bin / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
