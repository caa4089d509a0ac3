"""What goes wrong when a program reads.

BackboneError
  Rejected             the question is wrong; it will be wrong again
    NotHeld            the copy holds nothing of that symbol, series or calendar, or not from that source
    Ambiguous          several sources hold it, or bars of several lengths; say which one
  NothingPublished     no run has published a copy yet
  StoreError           the copy could not be read; `outcome` names why
    StoreCorrupt       its content does not read back
"""

from __future__ import annotations

from ..errors import BackboneError, Rejected
from ..ports.store_errors import NothingPublished, StoreCorrupt, StoreError


class NotHeld(Rejected):
    """The copy holds nothing of a symbol, series or calendar, or nothing from the source that was named."""


class Ambiguous(Rejected):
    """Several lines answer to the question, and rows of two lines are never joined into one."""


__all__ = [
    "Ambiguous",
    "BackboneError",
    "NotHeld",
    "NothingPublished",
    "Rejected",
    "StoreCorrupt",
    "StoreError",
]
