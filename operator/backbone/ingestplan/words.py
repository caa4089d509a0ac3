"""A person's words on entries of the quarantine, by the acknowledge annotation: a Job for each."""

from __future__ import annotations

from dataclasses import dataclass

from ..acknowledgement import Matter, parse
from ..errors import Rejected
from ..market.defects import Defect
from ..tokens import entries_of
from .children import Plan, run_name


@dataclass(frozen=True, slots=True)
class Word:
    """An entry of the annotation that is about entries of the quarantine, and the Job that does it."""

    entry: str
    matter: Matter
    job: str

    @property
    def options(self) -> tuple[str, ...]:
        """The options of `emp-runtime quarantine acknowledge` that it stands for."""
        symbol = ("--symbol", self.matter.subject) if self.matter.subject else ()
        return ("--reason", str(self.matter.reason), *symbol)


def words_of(plan: Plan, text: str) -> tuple[Word, ...]:
    """What an annotation says of the quarantine; of entries that do not read somebody else tells."""
    found = []
    for entry in entries_of(text):
        try:
            matter, _ = parse(entry)
        except Rejected:
            continue
        if isinstance(matter.reason, Defect):
            found.append(Word(entry, matter, run_name(plan, "acknowledge", entry)))
    return tuple(found)


def without_words(plan: Plan, text: str) -> str:
    """An annotation without these, while no Job can be started: they are heard later."""
    waiting = {word.entry for word in words_of(plan, text)}
    return ",".join(entry for entry in entries_of(text) if entry not in waiting)
