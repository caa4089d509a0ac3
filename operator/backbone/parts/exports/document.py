"""A manifest as bytes: JSON with a digest of its own, which does not fit an edited or truncated document.

The digest is the SHA-256 of the document without it, as JSON in ASCII with sorted keys and no spaces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from ...errors import Rejected

DIGEST = "digest"
_NUMBER = re.compile("[1-9][0-9]{0,17}")
FORMAT = 1
"""Raised when a reader of this version would misread what a later one writes."""


def manifest_number(text: str) -> int | None:
    """The number of a manifest, from the text of `current` or the name of its file; None if it is none."""
    return int(text) if _NUMBER.fullmatch(text) else None


def written(fields: Mapping[str, Any]) -> bytes:
    """The bytes of a document; the digest is added."""
    text = json.dumps({**fields, DIGEST: _digest(fields)}, indent=1, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def read(content: bytes, name: str) -> dict[str, Any]:
    """The fields of a document that is whole. Raises Rejected, with the name and what is wrong."""
    try:
        fields = json.loads(content)
    except ValueError as error:
        raise Rejected(f"{name} is not JSON: {error}") from None
    if not isinstance(fields, dict) or fields.pop(DIGEST, None) != _digest(fields):
        raise Rejected(f"{name} is not as it was written: its digest does not fit its content")
    if fields.get("format") != FORMAT:
        raise Rejected(f"{name} has format {fields.get('format')!r}, and this version reads format {FORMAT}")
    return fields


def _digest(fields: Mapping[str, Any]) -> str:
    plain = json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(plain.encode()).hexdigest()
