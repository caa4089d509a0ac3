"""Secrets as files: one folder per Secret, one file per key, as Kubernetes mounts them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..vocabulary import Outcome
from .protocol import ProviderFailure

LOCATION_VARIABLE = "EMP_SECRETS_DIR"

API_KEY = "api-key"
PROXY = "proxy-url"
AUTHORITY = "ca.crt"


@dataclass(frozen=True, slots=True)
class Secret:
    """One Secret's folder; nothing of it is ever logged or reported but its name."""

    name: str
    folder: Path

    def text(self, key: str) -> str | None:
        """The content of a key without white space around it; None where it is absent or empty.

        Raises ProviderFailure where it is there and does not read.
        """
        try:
            return (self.folder / key).read_text(encoding="utf-8").strip() or None
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnicodeDecodeError):
            # Without the cause: an error of decoding carries the content.
            raise ProviderFailure(
                Outcome.ACCESS_REFUSED, f"{key} of the Secret {self.name} does not read"
            ) from None

    def file(self, key: str) -> Path | None:
        """Where a key's content is; None where it is absent."""
        path = self.folder / key
        return path if path.is_file() else None


def secret(name: str) -> Secret:
    """A Secret under EMP_SECRETS_DIR, else under ./secrets. It need not be there."""
    return Secret(name, Path(os.environ.get(LOCATION_VARIABLE) or "secrets") / name)
