"""Keys of a Secret that say where a service is, in whatever words the service has for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import Rejected

HIGHEST_PORT = 65535


def texts(name: str, folder: Path, keys: Iterable[str]) -> dict[str, str]:
    """What a Secret says, as Kubernetes mounts it: one file per key. Raises Rejected, never with a value."""
    found = {}
    for key in keys:
        try:
            found[key] = (folder / key).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError):
            raise Rejected(f"Secret {name}: {key} cannot be read as text") from None
    return found


def refuse_doubled(name: str, given: Mapping[str, str], parts: Iterable[str]) -> None:
    """Raise Rejected where parts stand beside the uri that has them."""
    doubled = [key for key in parts if key in given]
    if doubled:
        raise Rejected(
            f"Secret {name}: uri says it all, and {', '.join(doubled)} as well; keep one of the two"
        )


def port(place: str, text: str | None, default: int, hint: str) -> int:
    """A port from text. Raises Rejected with the hint on what to write."""
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= HIGHEST_PORT:
        raise Rejected(f"{place} is no number from 1 to {HIGHEST_PORT}; {hint}")
    return int(text)


def fingerprint(keys: Mapping[str, str], salt: bytes) -> str:
    """What tells one Secret's keys from others, and gives none away.

    Slow on purpose: who reads the salt beside it must not find a short password by trying. The same for any
    order of the keys.
    """
    content = json.dumps(sorted(keys.items())).encode()
    return hashlib.scrypt(content, salt=salt, n=2**14, r=8, p=1, dklen=16).hex()
