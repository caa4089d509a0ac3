"""TimescaleDB as a process of this machine, for development and tests.

No package index has a native build, so this is the real TimescaleDB compiled to WebAssembly, behind a server
of our own in `timescale/`; the first lines of its server.mjs say what it does not show faithfully.
"""

from __future__ import annotations

import json
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

from services.packages import MANIFEST, cache, modules, node
from services.process import answers, free_port
from services.server import Server

DATABASE = "market"
ADMIN = "postgres"
START_DEADLINE = 120.0


class TimescaleServer(Server):
    """TimescaleDB, with its users and their passwords."""

    title = "TimescaleDB"

    @property
    def users(self) -> dict[str, str]:
        """Passwords by user; assign to change them while the server runs."""
        return dict(json.loads((self.folder / "users.json").read_text()))

    @users.setter
    def users(self, users: dict[str, str]) -> None:
        scratch = self.folder / "users.new"
        scratch.touch(mode=0o600)
        scratch.write_text(json.dumps(users))
        scratch.rename(self.folder / "users.json")

    def uri(self, user: str = ADMIN, password: str | None = None, database: str = DATABASE) -> str:
        """The address of the database as a URI, with a password: the user's own if none is given."""
        secret = self.users[user] if password is None else password
        return (
            f"postgresql://{quote(user, safe='')}:{quote(secret, safe='')}@{self.host}:{self.port}/{database}"
        )

    def start(self) -> Self:
        """Start it and wait until it answers; nothing where it runs already."""
        if self.running:
            return self
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.folder / "port").exists():
            (self.folder / "port").write_text(str(self.wanted_port or free_port(self.host)))
            self.users = {ADMIN: secrets.token_urlsafe(18)}
        program, place = node(), modules()
        if not (self.folder / "data").exists():
            shutil.copytree(ensure_template(), self.folder / "data")
        self.run(program, place)
        return self

    def run(self, program: str, place: Path) -> None:
        """Run the server on the folder's data, with this node and these modules; returns once it answers."""
        settings = {
            "folder": str(self.folder / "data"),
            "modules": str(place),
            "host": self.host,
            "port": self.port,
            "users": str(self.folder / "users.json"),
            "database": DATABASE,
        }
        self._launch([program, str(MANIFEST / "server.mjs"), json.dumps(settings)])
        self._process.wait_until(lambda: answers(self.port, self.host), seconds=START_DEADLINE)


def ensure_template() -> Path:
    """The folder of an empty database, to be copied: making one takes ten seconds, once per version."""
    program, place = node(), modules()
    template = cache() / "services" / f"{place.name}-empty"
    if not template.exists():
        made = TimescaleServer(template.with_name(f"{template.name}.{secrets.token_hex(4)}"))
        made.folder.mkdir(parents=True, mode=0o700)
        (made.folder / "port").write_text(str(free_port()))
        made.users = {ADMIN: ""}
        made.run(program, place)
        made.stop()
        with suppress(OSError):  # another process was first
            (made.folder / "data").rename(template)
        shutil.rmtree(made.folder)
    return template
