"""How a report travels: as JSON in a termination message, which holds 4,096 bytes and vanishes with the pod.

A report that does not fit is shortened by its own levels, which leave out lists and texts and keep counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from pydantic import Field, ValidationError
from pydantic_core import to_json

from ..errors import Rejected
from ..plain_text import plain
from ..schema import Model

MESSAGE_BYTES = 4096

EXIT_OK = 0
EXIT_RUN_FAILED = 3
"""The run ended with a report that says what failed; starting it again at once would end the same way."""

NAME = 64
"""Characters of a name on the last level; with all names of a report that is less than MESSAGE_BYTES."""
NO_ROOM = "the report was too long for its details; the log of the pod has them"
"""What stands for the texts of a report that is cut."""

LARGEST = 2**63 - 1
"""The largest integer that a status holds."""


class Report(Model):
    """What a Job leaves as its termination message."""

    about: ClassVar[str]
    """What the report is about, in one word."""

    cut: bool = Field(default=False, description="Whether lists and texts are missing: the rest had no room.")

    def levels(self) -> Iterator[Self]:
        """Yield the report, then shorter versions of it; what matters least goes first."""
        yield self

    def encode(self) -> bytes:
        """Return JSON of at most MESSAGE_BYTES: the first level that fits, or else names and counts alone.

        It raises nothing: texts become plain, and a number that no status holds becomes the largest one.
        """
        for level in self.levels():
            written = _json(level.model_dump(by_alias=True, exclude_defaults=True, warnings=False))
            if len(written) <= MESSAGE_BYTES:
                return written
        return _json({**_without_lists(self), "cut": True})

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the report of a termination message; fields that only another version knows are ignored.

        Raises Rejected on anything else, with the name of the first field that is wrong.
        """
        try:
            return cls.model_validate_json(text, extra="ignore")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the message"
            raise Rejected(f"no {cls.about} report: {place}: {first['msg']}") from None


def _json(fields: Mapping[str, object]) -> bytes:
    return to_json(_writable(fields), serialize_unknown=True)


def _writable(value: object) -> object:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return min(max(value, -LARGEST), LARGEST)
    if isinstance(value, Mapping):
        return {name: _writable(item) for name, item in value.items()}
    return [_writable(item) for item in value] if isinstance(value, list | tuple) else value


def _without_lists(model: Model) -> dict[str, object]:
    """The fields of a model that differ from their defaults; a text is one that is empty by default."""
    kept: dict[str, object] = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if field.default in (value, "") or isinstance(value, list | tuple):
            continue
        if isinstance(value, Model):
            kept[field.alias or name] = _without_lists(value)
        else:
            kept[field.alias or name] = plain(value)[:NAME] if isinstance(value, str) else value
    return kept
