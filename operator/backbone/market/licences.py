"""Which rows may leave as a copy: what sources say of the rights in their series, and what that permits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from .dimensions import Dimension

COLUMN = "licence"

_FRED = "the legal notices of FRED, section III"


@dataclass(frozen=True, slots=True)
class Licence:
    """A source's word on the rights in a series, whether it restricts copies, and who says so."""

    name: str
    restricted: bool
    authority: str


LICENCES = (
    Licence("public domain: citation requested", restricted=False, authority=_FRED),
    Licence("copyrighted: citation required", restricted=False, authority=_FRED),
    Licence("copyrighted: pre-approval required", restricted=True, authority=_FRED),
    Licence("public domain", restricted=False, authority="COPYRIGHT of statsmodels.datasets.macrodata"),
    Licence("NCSA", restricted=False, authority="LICENSE.md of the package arch"),
)
"""What counts as restricted. What is not listed here does, and so does a series without a word."""

_FREE = pa.array([item.name.lower() for item in LICENCES if not item.restricted], pa.string())


@dataclass(frozen=True, slots=True, order=True)
class LeftOut:
    """One series that may not be copied, and the licence that says so; empty where none is named."""

    source: str
    subject: str
    licence: str


class LicenceGate:
    """Lets rows pass whose licence permits copies, and counts the others by name.

    `declared` are sources' own words on all they deliver, which hold for rows that have none. A dimension
    without licences passes as it is.
    """

    def __init__(self, dimension: Dimension, declared: Mapping[str, str]) -> None:
        self._dimension = dimension
        self._sources = pa.array(list(declared), pa.string())
        self._words = pa.array(list(declared.values()), pa.string())
        self.left_out: Counter[LeftOut] = Counter()
        """How many rows were left out."""
        self.licences: set[str] = set()
        """Licences of the rows that passed."""

    def passed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a batch that may be copied."""
        if COLUMN not in self._dimension.facts.names:
            return batch
        named = self._words.take(pc.index_in(batch["source"], self._sources))
        words = pc.coalesce(batch[COLUMN], named)
        free = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(words)), _FREE)
        self.licences |= set(words.filter(free).unique().to_pylist())
        kept = batch.filter(free)
        if kept.num_rows < batch.num_rows:
            refused = pc.invert(free)
            names = zip(
                batch["source"].filter(refused).to_pylist(),
                batch[self._dimension.subject].filter(refused).to_pylist(),
                words.filter(refused).to_pylist(),
                strict=True,
            )
            self.left_out.update(LeftOut(source, name, word or "") for source, name, word in names)
        return kept
