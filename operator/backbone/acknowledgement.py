"""What waits for a person's word, and the annotation by which it comes. Pure; every kind uses it.

The annotation holds entries `<Reason>[/<subject>]:<token>`, separated by commas. The token is of the user's
choice and makes an entry new. Each entry is heard once: it acknowledges what waits at that moment and nothing
that comes later, and status keeps it, so that an annotation may stay where it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import StringConstraints

from .errors import Rejected
from .evaluation import Notice
from .naming import digest
from .vocabulary import ANNOTATION_ACKNOWLEDGE, Reason

ENTRY_LIMIT = 253
ENTRIES_LIMIT = 20
FORM = "write it as <Reason>:<token>, or <Reason>/<subject>:<token>, as the message that asks for it does"

Entry = Annotated[str, StringConstraints(max_length=ENTRY_LIMIT)]
"""An entry as status keeps it; a longer one as its digest."""


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that waits for a person's word; `subject` tells several of one reason apart."""

    reason: Reason
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
    entries = dict.fromkeys(_kept(part) for part in map(str.strip, text.split(",")) if part)
    fresh = [part for part in map(str.strip, text.split(",")) if part and _kept(part) not in heard]
    matters: set[Matter] = set()
    notices: list[Notice] = []
    for entry in dict.fromkeys(fresh):
        try:
            matter, token = parse(entry)
        except Rejected as error:
            notices.append(Notice("Warning", Reason.ACKNOWLEDGEMENT_REFUSED, str(error)))
            continue
        if matter in waiting:
            matters.add(matter)
            notices.append(Notice("Normal", Reason.ACKNOWLEDGED, f"{matter}, by token {token[:60]!r}."))
        else:
            message = f"Nothing of {matter} waits for a word; a later one needs another token."
            notices.append(Notice("Warning", Reason.ACKNOWLEDGEMENT_REFUSED, message))
    # Those of the present annotation last, since what is cut off would be new again.
    kept = [entry for entry in heard if entry not in entries] + list(entries)
    return Heard(frozenset(matters), tuple(kept[-ENTRIES_LIMIT:]), tuple(notices))


def parse(entry: str) -> tuple[Matter, str]:
    """What an entry speaks of, and its token. Raises Rejected."""
    what, colon, token = entry.partition(":")
    if not colon or not token.strip():
        raise Rejected(f"{entry[:60]!r} has no token; {FORM}")
    name, _, subject = what.partition("/")
    reason = Reason.named(name.strip())
    if reason is None:
        raise Rejected(f"{name.strip()[:60]!r} is no reason; {FORM}")
    return Matter(reason, subject.strip()), token.strip()


def how_to(matter: Matter) -> str:
    """The end of a message that asks for a word."""
    return f"The annotation {ANNOTATION_ACKNOWLEDGE}={matter}:<token of your choice> acknowledges it."


def _kept(entry: str) -> str:
    return entry if len(entry) <= ENTRY_LIMIT else f"sha256:{digest(entry, length=64)}"
