"""Words of others, as every store, report and terminal can hold them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .errors import Rejected

_PICTURES = {0x7F: "␡", **{code: chr(0x2400 + code) for code in range(0x20)}}
_UNKNOWN = "\ufffd"
_IN_NO_NAME = re.compile("[\0\ud800-\udfff]")


def plain(text: str) -> str:
    """A text in one line of Unicode: spaces of every kind are spaces, and what cannot be shown has a sign.

    JSON may hold half of a character, and a text of PostgreSQL not the one of number 0.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if letter.isspace() else _PICTURES.get(ord(letter), _UNKNOWN)


def is_text(given: object) -> bool:
    """Whether the text of something, such as a path, is Unicode, which a name on a disk need not be."""
    try:
        str(given).encode()
    except UnicodeEncodeError:
        return False
    return True


def expect_names(texts: Iterable[str]) -> None:
    """Raise Rejected for a text that no store can hold: one says that it has none such, another fails."""
    for text in texts:
        if _IN_NO_NAME.search(text):
            raise Rejected(f"{text!a} holds a character that no name has")
