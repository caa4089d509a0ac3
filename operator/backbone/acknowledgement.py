"""What requires a person's acknowledgement, and the annotation that gives it. Pure; every kind uses it.

The annotation holds entries `<Reason>[/<subject>]:<token>`, separated by commas. The token is of the user's
choice and makes an entry new. Each entry is heard once: it acknowledges what waits at that moment and nothing
that comes later, and status keeps it, so that an annotation may stay where it is. The last twenty are read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .errors import Rejected
from .evaluation import Notice
from .market.defects import Defect
from .tokens import ACKNOWLEDGE, ENTRIES_LIMIT, read_entries
from .vocabulary import Reason


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that requires an acknowledgement; `subject` tells several of one reason apart."""

    reason: Reason | Defect
    subject: str = ""

    def __str__(self) -> str:
        """As it stands in an entry, before the token."""
        return f"{self.reason}/{self.subject}" if self.subject else str(self.reason)


@dataclass(frozen=True, slots=True)
class Heard:
    """What the annotation's new entries acknowledge, which entries were heard so far, and what to tell."""

    matters: frozenset[Matter]
    entries: tuple[str, ...]
    notices: tuple[Notice, ...]


def hear(text: str, waiting: Collection[Matter], heard: Sequence[str]) -> Heard:
    """Take the entries of an annotation that are new, against what waits now.

    `heard` are the entries that status holds, the latest last; `Heard.entries` replaces them.
    """
    entries = read_entries(text, heard)
    matters: set[Matter] = set()
    notices: list[Notice] = []
    for entry in entries.fresh:
        try:
            matter, token = parse(entry)
        except Rejected as error:
            notices.append(Notice("Warning", Reason.ACKNOWLEDGEMENT_REFUSED, str(error)))
            continue
        if matter in waiting:
            matters.add(matter)
            notices.append(Notice("Normal", Reason.ACKNOWLEDGED, f"{matter}, by token {token[:60]!r}."))
        else:
            message = f"{matter} does not require an acknowledgement now; a later one needs another token."
            notices.append(Notice("Warning", Reason.ACKNOWLEDGEMENT_REFUSED, message))
    if entries.fresh and entries.written > ENTRIES_LIMIT:
        message = f"Of {entries.written} entries the last {ENTRIES_LIMIT} are read: remove older ones."
        notices.append(Notice("Warning", Reason.ACKNOWLEDGEMENT_REFUSED, message))
    return Heard(frozenset(matters), entries.kept, tuple(notices))


def parse(entry: str) -> tuple[Matter, str]:
    """What an entry speaks of, and its token. Raises Rejected."""
    what, token = ACKNOWLEDGE.split(entry.strip())
    if not what.isprintable():
        # No name has such a character, and a Job whose arguments hold one may never start.
        raise Rejected(f"{what[:60]!r} has a character that cannot be printed; {ACKNOWLEDGE.advice}")
    name, _, subject = what.partition("/")
    reason = Reason.named(name.strip()) or Defect.named(name.strip())
    if reason is None:
        raise Rejected(f"{name.strip()[:60]!r} is not a reason; {ACKNOWLEDGE.advice}")
    return Matter(reason, subject.strip()), token.strip()


def how_to(matter: Matter) -> str:
    """The end of a message that requires an acknowledgement."""
    return f"The annotation {ACKNOWLEDGE.annotation}={matter}:<token of your choice> acknowledges it."
