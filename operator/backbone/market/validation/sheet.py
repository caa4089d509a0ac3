"""What the checks have found so far: at most one reason for quarantine per row, and any number of flags."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...market.defects import Defect

Rows = npt.NDArray[np.bool_] | npt.NDArray[np.int64]
"""Rows as a mask over all, or as places."""

_DEFECTS = tuple(Defect)
_CODES = {defect: number for number, defect in enumerate(_DEFECTS, start=1)}


class Sheet:
    """Findings on the rows of one delivery, by their place in it. The first reason for quarantine stays."""

    def __init__(self, rows: int) -> None:
        self._reasons = np.zeros(rows, np.int8)
        self._flags = np.zeros(rows, np.int32)

    def quarantine(self, rows: Rows, defect: Defect) -> None:
        """Quarantine rows that are not in quarantine yet."""
        places = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        self._reasons[places[self._reasons[places] == 0]] = _CODES[defect]

    def instead(self, rows: Rows, defect: Defect) -> None:
        """Give rows that are in quarantine this reason in place of the one that they have."""
        places = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        self._reasons[places[self._reasons[places] != 0]] = _CODES[defect]

    def refused_for(self, *defects: Defect) -> npt.NDArray[np.bool_]:
        """Which rows are in quarantine for one of these reasons."""
        return np.isin(self._reasons, [_CODES[defect] for defect in defects])

    def flag(self, rows: Rows, defect: Defect) -> None:
        """Put a flag on rows."""
        places = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        self._flags[places] |= 1 << (_CODES[defect] - 1)

    @property
    def sound(self) -> npt.NDArray[np.bool_]:
        """Which rows are not in quarantine."""
        return np.equal(self._reasons, 0)

    def reasons(self) -> pa.Array:
        """Per row the reason for its quarantine, null where it is kept."""
        if not self._reasons.any():
            return pa.nulls(len(self._reasons), pa.string())
        names = pa.array([None, *(str(defect) for defect in _DEFECTS)], pa.string())
        return names.take(pa.array(self._reasons))

    def flags(self) -> pa.Array:
        """Per row its flags in the order of Defect, joined by commas; null where it has none."""
        if not self._flags.any():
            return pa.nulls(len(self._flags), pa.string())
        distinct, which = np.unique(self._flags, return_inverse=True)
        return pa.array([_names(mask) for mask in distinct.tolist()], pa.string()).take(pa.array(which))

    def quarantined(self) -> dict[Defect, int]:
        """Rows in quarantine by reason, the most frequent first."""
        if not self._reasons.any():
            return {}
        rows = np.bincount(self._reasons, minlength=len(_CODES) + 1)
        return _counted({defect: int(rows[code]) for defect, code in _CODES.items()})

    def flagged(self) -> dict[Defect, int]:
        """Kept rows by flag, the most frequent first."""
        kept = self._flags[self.sound]
        if not kept.any():
            return {}
        return _counted({item: int((kept >> (code - 1) & 1).sum()) for item, code in _CODES.items()})


def _names(mask: int) -> str | None:
    return ",".join(str(defect) for defect, code in _CODES.items() if mask >> (code - 1) & 1) or None


def _counted(counts: dict[Defect, int]) -> dict[Defect, int]:
    found = [(defect, count) for defect, count in counts.items() if count]
    return dict(sorted(found, key=lambda item: -item[1]))
