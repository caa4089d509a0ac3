"""Tokens: annotations by which a user asks for something once, and what status remembers of them. Pure.

A value that status does not remember is a new request. It is recorded with what it started, so that it is
handled once, and the annotation stays: metadata belongs to the user, or to the tool that applies the object.
A further token is an entry in TOKENS and the code that acts on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import StringConstraints

from .documented import Documented
from .errors import Rejected
from .naming import digest
from .vocabulary import (
    ANNOTATION_ACKNOWLEDGE,
    ANNOTATION_CONFIRM,
    ANNOTATION_EXPORT_NOW,
    ANNOTATION_QUARANTINE_RELEASE,
    ANNOTATION_RUN_NOW,
)

KEPT_LIMIT = 253
"""Characters of a value that status keeps."""

ENTRIES_LIMIT = 20
"""Entries of a list that are read, and that status keeps: the last ones."""

SUPERSEDED_LIMIT = 10
"""Superseded values that status keeps: the last ones."""

Kept = Annotated[str, StringConstraints(max_length=KEPT_LIMIT)]
"""A value as status keeps it; a longer one as its digest."""


class Memory(Documented):
    """Which handled values status remembers, and thus when a value counts as new."""

    LAST = (
        "Last",
        "The value that was handled last. The same value asks for nothing more, also where the annotation "
        "was removed meanwhile; one that comes back after another value asks again.",
    )
    WHILE_SET = (
        "WhileSet",
        "The value that was handled last, while the annotation is there. The same value asks again where the "
        "annotation was removed meanwhile, or after another value.",
    )
    ENTRIES = (
        "Entries",
        f"Each of the last {ENTRIES_LIMIT} entries. None of them asks twice, also where the annotation was "
        f"removed meanwhile. Of a longer list the last {ENTRIES_LIMIT} entries are read.",
    )


@dataclass(frozen=True, slots=True)
class Token:
    """An annotation that asks for something once. `meaning` is what a new value does.

    `forms` are the ways to write a value, and `source` says where to find its parts. `recorded` are the
    fields of status that remember it, one for each kind of Job that gets it.
    """

    annotation: str
    kind: str
    forms: tuple[str, ...]
    meaning: str
    recorded: tuple[str, ...]
    memory: Memory
    source: str = ""
    listed: bool = False
    """Whether commas separate several."""
    passed_on: bool = False
    """Whether a Job gets the value itself: no digest can stand for it, and it has to be printable."""

    @property
    def advice(self) -> str:
        """How to write a value, as the end of a message."""
        *others, last = self.forms
        forms = f"{', '.join(others)} or {last}" if others else last
        return f"write it as {forms}{self.source and f', {self.source}'}"

    def value(self, annotations: Mapping[str, str]) -> str | None:
        """The value; None where there is none, and where `problem` says why it is not read."""
        text = annotations.get(self.annotation, "")
        if self.listed:
            text = text.strip()
        return text if text and self._defect(text) is None else None

    def problem(self, annotations: Mapping[str, str]) -> str | None:
        """A sentence about a value that nothing can be made of: what is wrong, and what to do."""
        text = annotations.get(self.annotation, "")
        defect = self._defect(text) if text else None
        if defect is None:
            return None
        return f"The annotation {self.annotation} is ignored: {defect}; {self.advice}, or remove it."

    def how_to_confirm(self, tokens: Sequence[str], handled: str | None) -> str:
        """A clause that asks for the annotation with these tokens.

        `handled` is the last value that a Job handled; a value is handled once, and the clause says so.
        """
        value = ",".join(tokens)
        clause = f"the annotation {self.annotation}={value} confirms it"
        if handled is None:
            return clause
        if handled == value:
            return f"{clause}; it had this value before, so remove it first and then add it again"
        return f"{clause}; {handled[:64]}, which it said last, confirms nothing that waits"

    def split(self, text: str) -> tuple[str, str]:
        """What a value of the form `<name>:<token>` names, and its token. Raises Rejected."""
        name, colon, token = text.partition(":")
        if not colon or not token:
            raise Rejected(f"{text[:60]!r} has no token; {self.advice}")
        return name, token

    def _defect(self, text: str) -> str | None:
        if self.listed and not entries_of(text):
            return f"{text[:60]!r} has no token"
        if self.passed_on and len(text.strip()) > KEPT_LIMIT:
            return f"it has more than {KEPT_LIMIT} characters"
        if self.passed_on and not all(entry.isprintable() for entry in entries_of(text)):
            return f"{text[:60]!r} has a character that cannot be printed"
        return None


RUN_NOW = Token(
    annotation=ANNOTATION_RUN_NOW,
    kind="IngestPlan",
    forms=("<token>",),
    meaning="Starts one run. One run by this annotation is under way at a time: the newest value waits, and "
    "the value that it replaced starts no run.",
    recorded=("status.triggers.runNow",),
    memory=Memory.LAST,
)
QUARANTINE_RELEASE = Token(
    annotation=ANNOTATION_QUARANTINE_RELEASE,
    kind="IngestPlan",
    forms=("<reason>:<token>", "all:<token>", "<dimension>/<reason>:<token>"),
    meaning="Releases the plan's rows of that reason from quarantine, one release at a time.",
    recorded=("status.triggers.quarantineRelease",),
    memory=Memory.LAST,
)
EXPORT_NOW = Token(
    annotation=ANNOTATION_EXPORT_NOW,
    kind="IngestPlan",
    forms=("<name>:<token>",),
    source="where <name> is that of an entry of spec.exports",
    meaning="Starts one export of that name. It waits while an export of that name is under way, and while "
    "the target does not exist.",
    recorded=("status.exportNow.token",),
    memory=Memory.LAST,
)
ACKNOWLEDGE = Token(
    annotation=ANNOTATION_ACKNOWLEDGE,
    kind="IngestPlan",
    forms=("<Reason>:<token>", "<Reason>/<subject>:<token>"),
    source="as the message that asks for it names it",
    meaning="Acknowledges what waits for a person at that moment, and nothing that comes later.",
    recorded=("status.acknowledgements",),
    memory=Memory.ENTRIES,
    listed=True,
)
CONFIRM = Token(
    annotation=ANNOTATION_CONFIRM,
    kind="DataBackbone",
    forms=("<token>",),
    source="as the condition RetentionMet, Migrated or TopicsProvisioned names it",
    meaning="Starts one check of the database and one of the topics, which make the pending changes of these "
    "tokens: such as dropping rows, taking over another backbone's database, or moving keys of a topic.",
    recorded=("status.database.confirmed", "status.topics.confirmed"),
    memory=Memory.WHILE_SET,
    listed=True,
    passed_on=True,
)
TOKENS = (RUN_NOW, QUARANTINE_RELEASE, EXPORT_NOW, ACKNOWLEDGE, CONFIRM)


def kept(value: str) -> str:
    """A value as status keeps it."""
    return value if len(value) <= KEPT_LIMIT else f"sha256:{digest(value, length=64)}"


def fresh(value: str | None, handled: str | None) -> str | None:
    """A value as status will keep it, where it is not the one that was handled last; else None."""
    asked = kept(value) if value is not None else None
    return asked if asked != handled else None


def with_ignored(message: str, kind: str, annotations: Mapping[str, str]) -> str:
    """A message about an object of a kind, and a sentence about each token on it that does nothing."""
    said = [
        token.problem(annotations)
        if token.kind == kind
        else f"The annotation {token.annotation} does nothing on a {kind}: set it on the {token.kind}."
        for token in TOKENS
        if annotations.get(token.annotation)
    ]
    ignored = [sentence for sentence in said if sentence is not None]
    return " ".join([f"{message.rstrip('.')}.", *ignored]) if ignored else message


def entries_of(text: str | None) -> tuple[str, ...]:
    """What commas separate in a value."""
    return tuple(entry for entry in map(str.strip, (text or "").split(",")) if entry)


@dataclass(frozen=True, slots=True)
class Entries:
    """A list of which each entry is handled by itself: those to handle now, and what status keeps then."""

    fresh: tuple[str, ...]
    kept: tuple[str, ...]
    written: int
    """How many different ones there are, also those that are too many to be read."""


def read_entries(text: str, handled: Sequence[str]) -> Entries:
    """Read a list against the entries that status keeps, the latest last."""
    written = list(dict.fromkeys(entries_of(text)))
    # Of more than status keeps, those cut off would be new again at the next visit.
    entries = {kept(entry): entry for entry in written[-ENTRIES_LIMIT:]}
    new = tuple(entry for name, entry in entries.items() if name not in handled)
    # Those of the present annotation last, so that they stay.
    names = [name for name in handled if name not in entries] + list(entries)
    return Entries(new, tuple(names[-ENTRIES_LIMIT:]), len(written))


@dataclass(frozen=True, slots=True)
class Queue:
    """What status remembers of a token of which one value is handled at a time."""

    handled: str | None
    waiting: str | None
    superseded: tuple[str, ...]

    def joined(self, value: str | None, *, blocked: bool) -> Queue:
        """The queue after a fresh value came, or none. Only where it is `blocked` does the value wait."""
        waiting = value if blocked else None
        if waiting == self.waiting:
            return self
        lost = self.lost_to(value)
        superseded = self.superseded if lost is None else (*self.superseded, lost)[-SUPERSEDED_LIMIT:]
        return replace(self, waiting=waiting, superseded=superseded)

    def lost_to(self, value: str | None) -> str | None:
        """The value that waits, where another one takes its place or where it was taken back; else None."""
        return self.waiting if self.waiting not in {value, self.handled} else None
