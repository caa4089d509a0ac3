"""The spec that was accepted last, as status keeps it to tell the next change; pure.

It is kept whole where it fits. Where it does not, what is longest is kept as a digest, which still tells
whether it changed: no spec is too long for the status.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import JsonValue

from ..naming import digest
from ..schema import Model

ROOM = 65_536
"""Characters of status.acceptedSpec."""
LEAST = 80
"""Characters that are always enough for a name and a digest."""

Path = tuple[str, ...]
Document = dict[str, Any]


def keep(spec: Model) -> str:
    """The spec as JSON of at most ROOM characters, without what is default."""
    return _text(_fold(_sparse(spec), ROOM))


def before_and_after(kept: str, spec: Model) -> tuple[Document, Document] | None:
    """What was accepted last and what the spec says now, as whole documents; None where `kept` does not read.

    Both have the defaults of today. What was kept as a digest and differs stands in both as words.
    """
    changed: dict[Path, tuple[str, str | None]] = {}
    try:
        stored = _unfold(json.loads(kept), _sparse(spec), (), changed)
        before = _whole(type(spec).model_validate(stored))
    except ValueError:
        return None
    after = _whole(spec)
    for path, words in changed.items():
        for document, said in zip((before, after), words, strict=True):
            _put(document, path, said)
    return before, after


def _sparse(spec: Model) -> Document:
    return spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def _whole(spec: Model) -> Document:
    return spec.model_dump(mode="json", by_alias=True, exclude_none=True)


def _text(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _fold(value: JsonValue, room: int) -> JsonValue:
    """The value in at most `room` characters; each field of a section has an equal share of the section's."""
    if len(_text(value)) <= room:
        return value
    if isinstance(value, dict):
        share = room // len(value)
        if share >= LEAST and all(len(_text(name)) <= share - LEAST for name in value):
            return {name: _fold(item, share - len(_text(name)) - 3) for name, item in value.items()}
    return _mark(value)


def _mark(value: JsonValue) -> dict[str, JsonValue]:
    text = _text(value)
    size = f"{len(value):,} entries" if isinstance(value, list | dict) else f"{len(text):,} characters"
    return {"#": digest(text, length=16), "of": size}


def _words(mark: dict[str, JsonValue]) -> str:
    return f"{mark['of']}, sha256 {mark['#']}"


def _unfold(
    stored: JsonValue, present: JsonValue, path: Path, changed: dict[Path, tuple[str, str | None]]
) -> JsonValue:
    """What was kept, with the present value wherever there is a digest; `changed` gets those that differ."""
    if not isinstance(stored, dict):
        return stored
    if stored.keys() == {"#", "of"}:
        now = None if present is None else _mark(present)
        if now != stored:
            changed[path] = _words(stored), None if now is None else _words(now)
        return present
    inner = present if isinstance(present, dict) else {}
    read = {name: _unfold(item, inner.get(name), (*path, name), changed) for name, item in stored.items()}
    return {name: item for name, item in read.items() if item is not None}


def _put(document: Document, path: Path, words: str | None) -> None:
    for name in path[:-1]:
        document = document.setdefault(name, {})
    if words is not None:
        document[path[-1]] = words
