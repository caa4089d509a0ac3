"""The target of a plan's exports: one folder, which belongs to one plan, with a folder for each export.

owner.json        the uid of the plan
<export>/         see adapters.exports.folder
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from ...parts.exports.faults import TargetError, TargetFault
from .disk import Disk, make_folders, naming_target_faults, temporary, write_durably
from .folder import ExportFolder

MARKER = "owner.json"


class Target:
    """A folder that takes the exports of one plan. Raises TargetError."""

    def __init__(self, root: Path, disk: Disk | None = None) -> None:
        self.root = root
        self._disk = disk or Disk()
        self._marker = root / MARKER

    def claim(self, owner: str) -> None:
        """Mark the folder as the plan's, if nobody has it.

        Raises TargetError: TargetMissing without the folder, TargetTaken if it belongs to another plan.
        """
        if not self.root.is_dir():
            raise TargetError(TargetFault.TARGET_MISSING, f"{self.root} is not a folder")
        with naming_target_faults(f"mark {self.root}"):
            if not self._marker.exists():
                self._mark(owner)
        found = self._owner()
        if found != owner:
            raise TargetError(
                TargetFault.TARGET_TAKEN,
                f"{self.root} belongs to the plan with uid {found}, and this plan has uid {owner}; "
                f"name another claim, or remove {MARKER} if that plan's exports are no longer needed",
            )

    def expect_room(self, needed: int) -> None:
        """Raise TargetError, TargetFull, where fewer bytes are free."""
        with naming_target_faults(f"ask for the free space of {self.root}"):
            room = os.statvfs(self.root)
        free = room.f_bavail * room.f_frsize
        if free < needed:
            raise TargetError(
                TargetFault.TARGET_FULL,
                f"{self.root} has {free} bytes free, and the export is expected to take {needed}",
            )

    def export(self, name: str) -> ExportFolder:
        """The folder of one export, created where it is absent."""
        folder = self.root / name
        with naming_target_faults(f"create {folder}"):
            make_folders(self._disk, self.root, folder, set())
        return ExportFolder(folder, self._disk)

    def _mark(self, owner: str) -> None:
        prepared = temporary(self._marker)
        try:
            write_durably(self._disk, prepared, f"{json.dumps({'planUid': owner})}\n".encode())
            self._disk.link(prepared, self._marker)
        except FileExistsError:
            return
        finally:
            self._disk.remove(prepared)
        self._disk.sync_folder(self.root)

    def _owner(self) -> str:
        """The uid that the marker has; a marker that does not read belongs to somebody all the same."""
        with naming_target_faults(f"read {self._marker}"):
            content = self._marker.read_bytes()
        try:
            return str(json.loads(content)["planUid"])
        except (ValueError, KeyError, TypeError):
            raise TargetError(
                TargetFault.TARGET_TAKEN,
                f"{self._marker} does not name a plan; remove it if it is not needed",
            ) from None
