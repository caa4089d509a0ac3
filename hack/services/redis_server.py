"""Redis as a process of this machine, for development and tests."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from console import Failure
from services.certificates import certify
from services.packages import ensure_redis
from services.process import LOOPBACK, answers, free_port
from services.server import Server

ADMIN = "admin"
START_DEADLINE = 20.0
EVERYTHING = "~* &* +@all"


@dataclass(frozen=True)
class User:
    """Somebody who may log in; `rules` are those of Redis' ACL."""

    password: str
    rules: str = EVERYTHING


class RedisServer(Server):
    """Redis, into which nobody gets without a password: beside the administrator there are `users`.

    With `tls` it speaks nothing else; its authority is `certificates / "ca.crt"`. `settings` are further
    settings of the server. It keeps nothing on disk, so a killed one comes back empty. A `sentinel` holds
    no data at all.
    """

    title = "Redis"

    def __init__(
        self,
        folder: Path,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        tls: bool = False,
        users: Mapping[str, User] | None = None,
        settings: Mapping[str, str] | None = None,
        replica_of: RedisServer | None = None,
        sentinel: bool = False,
    ) -> None:
        super().__init__(folder, host=host, port=port)
        self.tls = tls
        self.users = dict(users or {})
        self.settings = dict(settings or {})
        self._primary = replica_of
        self._mode = ["--sentinel"] if sentinel else []

    @property
    def certificates(self) -> Path:
        """Where the server's certificate and its authority are."""
        return self.folder / "certificates"

    @property
    def password(self) -> str:
        """The administrator's password."""
        return (self.folder / "password").read_text()

    def uri(self, user: str = ADMIN, *, database: int = 0) -> str:
        """The address for a user as a URI, with the password."""
        password = self.password if user == ADMIN else self.users[user].password
        scheme = "rediss" if self.tls else "redis"
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"{scheme}://{login}@{self.host}:{self.port}/{database}"

    def start(self) -> Self:
        """Start it and wait until it answers; nothing where it runs already."""
        if self.running:
            return self
        program = _program(self.folder)
        self._prepare()
        self._launch([program, str(self.folder / "redis.conf"), *self._mode])
        self._process.wait_until(self._ready, seconds=START_DEADLINE)
        return self

    def restart(self) -> None:
        """Kill it and start it again, on the same port."""
        self.kill()
        self.start()

    def set_user(self, name: str, user: User) -> None:
        """Add a user or change one while it runs; connections that are open stay as they are."""
        self.command("ACL", "SETUSER", name, "reset", "on", f">{user.password}", *user.rules.split())
        self.users[name] = user

    def command(self, *arguments: str) -> str:
        """Run one command as the administrator; what redis-cli prints."""
        secure = ["--tls", "--cacert", str(self.certificates / "ca.crt")] if self.tls else []
        done = subprocess.run(
            ["redis-cli", "-e", "-h", self.host, "-p", str(self.port), *secure, "--user", ADMIN, *arguments],
            env={"PATH": os.environ["PATH"], "REDISCLI_AUTH": self.password},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if done.returncode != 0:
            raise Failure(f"redis-cli {arguments[0]}: {(done.stdout + done.stderr).strip()}")
        return done.stdout.strip()

    def _ready(self) -> bool:
        if not answers(self.port, self.host):
            return False
        try:
            return self.command("PING") == "PONG"
        except Failure:
            return False

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.folder / "port").exists():
            (self.folder / "password").touch(mode=0o600)
            (self.folder / "password").write_text(secrets.token_urlsafe(18))
            (self.folder / "port").write_text(str(self.wanted_port or free_port(self.host)))
        if self.tls and not self.certificates.exists():
            certify(self.certificates, self.host, "redis")
        _write_secret(self.folder / "users.acl", self._acl())
        _write_secret(self.folder / "redis.conf", self._configuration())

    def _acl(self) -> list[str]:
        users = {ADMIN: User(self.password), **self.users}
        return [
            "user default off",
            *(f"user {name} on >{user.password} {user.rules}" for name, user in users.items()),
        ]

    def _configuration(self) -> list[str]:
        place = self.certificates
        lines = {
            "bind": self.host,
            "dir": str(self.folder),
            "aclfile": str(self.folder / "users.acl"),
            "save": '""',
            "repl-diskless-sync-delay": "0",
            "port": "0" if self.tls else str(self.port),
        }
        if self.tls:
            lines |= {
                "tls-port": str(self.port),
                "tls-cert-file": str(place / "server.crt"),
                "tls-key-file": str(place / "server.key"),
                "tls-ca-cert-file": str(place / "ca.crt"),
                "tls-auth-clients": "no",
            }
        if self._primary is not None:
            lines |= {
                "replicaof": f"{self._primary.host} {self._primary.port}",
                "masteruser": ADMIN,
                "masterauth": self._primary.password,
            }
        return [f"{name} {value}" for name, value in (lines | self.settings).items()]


def _program(folder: Path) -> str:
    """The server's program, which goes by the name that it is called by."""
    ensure_redis()
    found = shutil.which("redis-server")
    if found is not None:
        return found
    multiple = shutil.which("redis-check-rdb")
    if multiple is None:
        raise Failure("redis-server is not on this machine; install Debian's redis-tools")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    link = folder / "redis-server"
    if not link.exists():
        link.symlink_to(multiple)
    return str(link)


def _write_secret(path: Path, lines: list[str]) -> None:
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")
