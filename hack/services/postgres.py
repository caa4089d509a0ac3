"""PostgreSQL as a process on the loopback, for development and tests."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Self
from urllib.parse import quote

from console import Failure
from services.packages import ensure_postgres
from services.process import LOOPBACK, answers, free_port
from services.server import Server

DATABASE = "market"
ADMIN = "postgres"
START_DEADLINE = 60.0
_PLACES = ("/usr/local/bin", *(f"/usr/lib/postgresql/{version}/bin" for version in range(18, 12, -1)))
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "max_connections": "60",
    "shared_buffers": "64MB",
    "fsync": "off",  # what a killed process wrote is there all the same, and no test cuts the power
    "log_connections": "off",
}


class PostgresServer(Server):
    """PostgreSQL, with one administrator.

    `settings` are further settings of the server. PostgreSQL refuses to run as root: there it runs as the
    user postgres, or nobody, and the folder must be one that this user can reach.
    """

    title = "PostgreSQL"
    ending = signal.SIGINT

    def __init__(self, folder: Path, *, port: int = 0, settings: dict[str, str] | None = None) -> None:
        super().__init__(folder, port=port)
        self.settings = settings or {}
        self._user = _unprivileged() if os.geteuid() == 0 else None

    @property
    def data(self) -> Path:
        """The server's data."""
        return self.folder / "data"

    @property
    def password(self) -> str:
        """The administrator's password."""
        return (self.folder / "password").read_text()

    def uri(self, user: str = ADMIN, password: str | None = None, database: str = DATABASE) -> str:
        """The address of the database as a URI, with a password: the administrator's if none is given."""
        secret = self.password if password is None else password
        return (
            f"postgresql://{quote(user, safe='')}:{quote(secret, safe='')}@{LOOPBACK}:{self.port}/{database}"
        )

    def start(self) -> Self:
        """Start it and wait until it answers; nothing where it runs already."""
        if self.running:
            return self
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        given = {
            "unix_socket_directories": str(self.folder),
            "port": str(self.port),
            **_SETTINGS,
            **self.settings,
        }
        options = [part for name, value in given.items() for part in ("-c", f"{name}={value}")]
        self._launch([program("postgres"), "-D", str(self.data), *options], user=self._user)
        self._process.wait_until(self._ready, seconds=START_DEADLINE)
        # A first start may have ended before this: at a port that was taken, say.
        if not self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'", database="postgres"):
            self.sql(f'CREATE DATABASE "{DATABASE}"', database="postgres")
        return self

    def sql(self, statement: str, *, database: str = DATABASE) -> str:
        """Run one statement as the administrator; what psql prints, without headings."""
        done = subprocess.run(
            [program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, self.uri(database=database)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if done.returncode != 0:
            raise Failure(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()

    def standby(self, folder: Path) -> PostgresServer:
        """A copy of this server that only reads, as a replica does; this server is restarted for it."""
        self.stop()
        other = PostgresServer(folder, settings=self.settings)
        other._prepare_folder()
        shutil.copytree(self.data, other.data, symlinks=True)
        (other.data / "standby.signal").touch()
        (other.folder / "password").write_text(self.password)
        other._hand_over()
        self.start()
        return other.start()

    def _ready(self) -> bool:
        # Its own log says it before any client can tell a server that starts from one that is there.
        return answers(self.port) and self._accepts()

    def _accepts(self) -> bool:
        asked = [program("pg_isready"), "-q", "-h", LOOPBACK, "-p", str(self.port)]
        return subprocess.run(asked, timeout=10, check=False).returncode == 0

    def _initialise(self) -> None:
        ensure_postgres()
        self._prepare_folder()
        (self.folder / "password").write_text(secrets.token_urlsafe(18))
        self._hand_over()
        done = subprocess.run(
            [
                *(program("initdb"), "-D", str(self.data), "-U", ADMIN, "--no-sync"),
                *("-A", "scram-sha-256", f"--pwfile={self.folder / 'password'}"),
                *("-E", "UTF8", "--locale=C.UTF-8"),
            ],
            user=self._user,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise Failure(f"initdb: {done.stderr.strip()}")

    def _prepare_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.folder / "port").write_text(str(self.wanted_port or free_port()))
        (self.folder / "password").touch(mode=0o600)

    def _hand_over(self) -> None:
        if self._user is None:
            return
        for path in (self.folder, *self.folder.rglob("*")):
            shutil.chown(path, self._user)


def program(name: str) -> str:
    """The full path of one of PostgreSQL's programs."""
    path = shutil.which(name, path=os.pathsep.join((*_PLACES, os.environ["PATH"])))
    if path is None:
        raise Failure(f"{name} is not on this machine; install Debian's postgresql, or see hack/services")
    return path


def _unprivileged() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return ADMIN if ADMIN in known else "nobody"
