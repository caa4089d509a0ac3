"""The journal of what a backbone was asked to be, in its own database."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import translated
from .session import connected
from .settings import ConnectionSettings

_MAKE_SALT = "INSERT INTO telemetry.configuration_salt (salt) VALUES (%s) ON CONFLICT DO NOTHING"
_SALT = "SELECT salt FROM telemetry.configuration_salt"
_LAST = """
    SELECT "sequence", state FROM telemetry.configuration_changes
    WHERE backbone = %s ORDER BY "sequence" DESC LIMIT 1
"""
_APPEND = """
    INSERT INTO telemetry.configuration_changes (backbone, "sequence", name, generation, changes, state)
    VALUES (%s, %s, %s, %s, %s::jsonb, %s::jsonb) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Configured:
    """An entry: what a backbone was, and the number of the entry among its own."""

    sequence: int
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ConfigurationJournal:
    """The journal in the database of some settings, which has been migrated. Calls raise DatabaseError."""

    settings: ConnectionSettings

    def salt(self) -> bytes:
        """The database's own salt; it is made by the first who asks."""
        with connected(self.settings) as connection, translated("read the salt", self.settings):
            connection.execute(_MAKE_SALT, [secrets.token_hex(32)])
            ((salt,),) = connection.execute(_SALT).fetchall()
        return bytes.fromhex(salt)

    def last(self, backbone: str) -> Configured | None:
        """The last entry of a backbone."""
        with connected(self.settings) as connection, translated("read the journal", self.settings):
            row = connection.execute(_LAST, [backbone]).fetchone()
        return Configured(*row) if row is not None else None

    def append(
        self,
        backbone: str,
        name: str,
        generation: int,
        entry: Configured,
        changes: list[Mapping[str, Any]],
    ) -> None:
        """Write an entry. Whoever was first with its number has it: the same entry twice is one."""
        values = [json.dumps(changes), json.dumps(entry.state)]
        with connected(self.settings) as connection, translated("write the journal", self.settings):
            connection.execute(_APPEND, [backbone, entry.sequence, name, generation, *values])
