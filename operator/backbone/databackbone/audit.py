"""What changed between two specs of a backbone, as the part of its status that tells it; pure.

A spec names Secrets and holds none, so nothing here has to be kept from anybody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from ..schema import Model

MOST_CHANGES = 20
PATH_LIMIT = 256
VALUE_LIMIT = 96
SUMMARY_LIMIT = 512

Value = Annotated[str, StringConstraints(max_length=VALUE_LIMIT)]


class ConfigurationChange(Model):
    """One field of the spec."""

    path: str = Field(max_length=PATH_LIMIT, description="Path of the field below spec.")
    before: Value | None = Field(default=None, description="Previous value; absent if the field was not set.")
    after: Value | None = Field(default=None, description="New value; absent if the field was removed.")

    def __str__(self) -> str:
        return f"{self.path}: {self.before or 'absent'} → {self.after or 'absent'}"


class LastChange(Model):
    """The last change of the spec that was accepted."""

    generation: int = Field(ge=0, description="Generation of the object with this change.")
    at: datetime = Field(description="When the operator accepted the change (UTC).")
    summary: str = Field(max_length=SUMMARY_LIMIT, description="Summary of the changes in one line.")
    changes: tuple[ConfigurationChange, ...] = Field(
        default=(), max_length=MOST_CHANGES, description="The changed fields."
    )
    more: int = Field(default=0, ge=0, description="Number of changes that are not listed.")


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[ConfigurationChange, ...]:
    """What changed from one document to another, by path. A list is one value."""
    old, new = _flat(before), _flat(after)
    return tuple(
        ConfigurationChange(
            path=_cut(path, PATH_LIMIT), before=_value(old.get(path)), after=_value(new.get(path))
        )
        for path in sorted({*old, *new})
        if old.get(path) != new.get(path)
    )


def last_change(changes: tuple[ConfigurationChange, ...], generation: int, at: datetime) -> LastChange:
    """The changes as status tells them; a list that is cut says by how much."""
    return LastChange(
        generation=generation,
        at=at.replace(microsecond=0),
        summary=summary(changes),
        changes=changes[:MOST_CHANGES],
        more=max(len(changes) - MOST_CHANGES, 0),
    )


def summary(changes: tuple[ConfigurationChange, ...]) -> str:
    """As many changes as a line holds, and how many there are beyond."""
    told = [str(item) for item in changes]
    for shown in range(len(told), 0, -1):
        rest = f"; and {len(told) - shown} more" if shown < len(told) else ""
        line = "; ".join(told[:shown]) + rest
        if len(line) <= SUMMARY_LIMIT:
            return line
    return f"{len(told)} changes"


def _flat(document: Mapping[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in document.items():
        place = f"{path}.{name}" if path else name
        if isinstance(value, Mapping):
            found |= _flat(value, place)
        elif value is not None:
            found[place] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return found


def _value(text: str | None) -> str | None:
    return None if text is None else _cut(text, VALUE_LIMIT)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
