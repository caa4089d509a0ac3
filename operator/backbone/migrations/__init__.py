"""The institutional schema as numbered SQL files, in the order in which they are applied.

A file that a database has seen is never edited: a change is a new file. What only TimescaleDB understands
stands in files that end in `.timescale.sql`, so that the rest runs on PostgreSQL too.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z_]+)(?P<timescale>\.timescale)?\.sql")
_COMMENT = re.compile(r"--[^\n]*")
_TABLE = re.compile(r"CREATE TABLE ([a-z_]+\.[a-z_]+)")
_HYPERTABLE = re.compile(r"create_hypertable\('([a-z_.]+)', by_range\('(\w+)', INTERVAL '(\d+) days'\)")


@dataclass(frozen=True, slots=True)
class Hypertable:
    """A table in chunks of a width, by a column."""

    table: str
    column: str
    width: timedelta


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its statements are applied together or not at all.

    `checksum` is of the statements without comments and layout, so that only a change of meaning changes it.
    """

    number: int
    name: str
    needs_timescale: bool
    statements: tuple[str, ...]

    @property
    def checksum(self) -> str:
        """SHA-256 of what the file does, in hexadecimal."""
        return hashlib.sha256(";\n".join(self.statements).encode()).hexdigest()

    @property
    def tables(self) -> tuple[str, ...]:
        """Tables that it creates, with their schema."""
        return tuple(name for statement in self.statements for name in _TABLE.findall(statement))

    @property
    def hypertables(self) -> tuple[Hypertable, ...]:
        """Tables that it makes hypertables of."""
        return tuple(
            Hypertable(table, column, timedelta(days=int(days)))
            for statement in self.statements
            for table, column, days in _HYPERTABLE.findall(statement)
        )


def packaged() -> tuple[Migration, ...]:
    """Every migration of this version, first to last. Raises ValueError where a file is misnamed."""
    here = (item for item in files(__name__).iterdir() if item.name.endswith(".sql"))
    found = sorted((parse(item.name, item.read_text(encoding="utf-8")) for item in here), key=_number)
    if [item.number for item in found] != list(range(1, len(found) + 1)):
        raise ValueError("migrations are numbered from 1 without a gap")
    return tuple(found)


@cache
def newest() -> int:
    """The number of this version's last migration, which its runs need."""
    return packaged()[-1].number


def parse(file: str, text: str) -> Migration:
    """A migration from its file's name and text. Raises ValueError where the name is not of the form."""
    match = _NAME.fullmatch(file)
    if match is None:
        raise ValueError(f"{file}: a migration is named 0001_what_it_makes.sql")
    bare = _COMMENT.sub("", text)
    statements = (" ".join(part.split()) for part in bare.split(";"))
    return Migration(
        int(match["number"]),
        match["name"],
        match["timescale"] is not None,
        tuple(statement for statement in statements if statement),
    )


def _number(migration: Migration) -> int:
    return migration.number
