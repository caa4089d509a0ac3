"""Keys of a Secret that say where a service is, in whatever words the service has for them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import Rejected

HIGHEST_PORT = 65535
READS = 5
"""How often a Secret that changes meanwhile is read; Kubernetes changes one at most once a minute."""


class SecretMissing(Rejected):
    """There is no Secret of that name, or it has no key: the kubelet mounts both as an empty folder."""


def texts(
    name: str, folder: Path, keys: Iterable[str], first: str = "a uri or the parts of one"
) -> dict[str, str]:
    """The keys of a Secret as Kubernetes mounts it, one file per key; all keys are of one version.

    `first` says, for the message about an empty folder, what the Secret must hold. Raises SecretMissing if
    the folder is empty, and Rejected if a key cannot be read or the Secret changes during each of READS
    reads. No message holds a value.
    """
    named = tuple(keys)
    for _ in range(READS):
        version, found, fault = _version(folder), {}, None
        try:
            found = _texts(name, folder, named, first)
        except Rejected as error:
            fault = error
        # A change during the read may have mixed the keys of two versions.
        if _version(folder) == version:
            if fault is not None:
                raise fault
            return found
    raise Rejected(f"Secret {name} changed during each of {READS} reads; find out what writes it so often")


def _version(folder: Path) -> str:
    """The link that Kubernetes swaps with each version of a Secret; empty for a folder made by hand."""
    try:
        return str((folder / "..data").readlink())
    except OSError:
        return ""


def _texts(name: str, folder: Path, keys: Iterable[str], first: str) -> dict[str, str]:
    if not _holds_any(folder):
        state = "is empty" if folder.is_dir() else "is no folder"
        raise SecretMissing(
            f"there is no Secret {name}, or it has no key at all: {folder} {state}; make it, with {first}"
        )
    found = {}
    for key in keys:
        try:
            found[key] = (folder / key).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError):
            raise Rejected(f"Secret {name}: {key} cannot be read as text") from None
    return found


def _holds_any(folder: Path) -> bool:
    """Whether a key is there; what begins with two dots is the kubelet's own."""
    try:
        return any(not item.name.startswith("..") for item in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        # What may not be listed may be read all the same.
        return True


def completed(name: str, uri: Mapping[str, str], parts: Mapping[str, str]) -> dict[str, str]:
    """What a uri says, and of the parts beside it what it leaves open.

    Raises Rejected where a part says something else than the uri.
    """
    found = {key: value for key, value in uri.items() if value}
    differing = [key for key, value in parts.items() if key in found and not _alike(key, found[key], value)]
    if differing:
        raise Rejected(
            f"Secret {name}: uri and {', '.join(differing)} beside it say different things; "
            "correct one of the two, or take it out"
        )
    return {**parts, **found}


def _alike(part: str, one: str, other: str) -> bool:
    """Whether two values of a part mean the same: a Service's name is one with and without its namespace."""
    if part != "host":
        return one == other
    short, long = sorted((value.lower().rstrip(".") for value in (one, other)), key=len)
    return long == short or long.startswith(f"{short}.")


def refuse_several(place: str, hosts: str) -> None:
    """Raise Rejected where more than one host is named."""
    if "," in hosts:
        raise Rejected(
            f"{place} names several hosts, which is not supported; name one address that leads to the "
            "primary, whichever it is, such as its Service"
        )


def port(place: str, text: str | None, default: int, hint: str) -> int:
    """A port from text. Raises Rejected with the hint on what to write."""
    if text is None:
        return default
    found = number(text)
    if found is None or not 0 < found <= HIGHEST_PORT:
        raise Rejected(f"{place} is not a number from 1 to {HIGHEST_PORT}; {hint}")
    return found


def number(text: str) -> int | None:
    """A number of at most nine digits; None for anything else."""
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def refuse_unescaped(place: str, uri: str, hint: str) -> None:
    """Raise Rejected for what a parser would drop without a word, or take for something else."""
    if re.search(r"\s|%(?![0-9A-Fa-f]{2})", uri):
        raise Rejected(f"{place} holds a space, or a % that begins no escape; {hint}")


def fingerprint(keys: Mapping[str, str], salt: bytes) -> str:
    """What tells one Secret's keys from others, and gives none away.

    Slow on purpose: who reads the salt beside it must not find a short password by trying. The same for any
    order of the keys.
    """
    content = json.dumps(sorted(keys.items())).encode()
    return hashlib.scrypt(content, salt=salt, n=2**14, r=8, p=1, dklen=16).hex()
