"""An enum whose members carry their meaning and their severity; the reference pages are generated from it."""

from __future__ import annotations

from enum import Enum, StrEnum, auto
from typing import Self


class Severity(Enum):
    """What type of event an object gets when its summary condition turns to a reason."""

    NORMAL = auto()
    """Never a Warning: the object waits for something that comes without anybody's help."""
    PAUSED = auto()
    """Never a Warning: somebody asked that no work starts. The event of what follows is Resumed."""
    BY_STATUS = auto()
    """A Warning unless the summary is True."""
    WARNING = auto()
    """A Warning even where the summary is True: what exists works, and a change of it was refused."""


class Documented(StrEnum):
    """An enum of strings whose members carry their meaning and, as reasons, their severity."""

    meaning: str
    severity: Severity

    def __new__(cls, value: str, meaning: str, severity: Severity = Severity.BY_STATUS) -> Self:
        """Keep meaning and severity beside the value."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        member.severity = severity
        return member

    @classmethod
    def named(cls, value: str | None) -> Self | None:
        """The member of this value, or None."""
        return next((member for member in cls if member == value), None)
