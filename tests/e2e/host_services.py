"""TimescaleDB and Redis on the machine that the cluster runs on, and the Secrets by which pods reach them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from deployment import Kubectl, running_cluster
from services.redis_server import RedisServer
from services.timescaledb import TimescaleServer

SCHEMAS = ("market", "telemetry")


@dataclass(frozen=True)
class HostServices:
    """Both servers, at an address that pods reach."""

    timescale: TimescaleServer
    redis: RedisServer

    def secrets(self, kubectl: Kubectl, password: str | None = None) -> None:
        """Make the Secrets `timescale` and `redis`; with another password the first one leads nowhere."""
        for name, uri in (("timescale", self.timescale.uri(password=password)), ("redis", self.redis.uri())):
            kubectl.apply(
                {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"uri": uri}}
            )

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of a statement, as the administrator."""
        with psycopg.connect(self.timescale.uri(), autocommit=True, prepare_threshold=None) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def rows(self, table: str) -> int:
        """How many rows a table of the market's has."""
        return int(self.query(f"SELECT count(*) FROM market.{table}")[0][0])

    def empty(self) -> None:
        """Leave nothing of an earlier test."""
        self.timescale.start()
        self.redis.start()
        for schema in SCHEMAS:
            self.query(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        self.redis.command("FLUSHALL")


@contextmanager
def host_services(folder: Path) -> Iterator[HostServices]:
    """Both servers, for as long as the block lasts."""
    host = str(running_cluster()["host_address"])
    with (
        TimescaleServer(folder / "timescale", host=host) as timescale,
        RedisServer(folder / "redis", host=host) as redis,
    ):
        yield HostServices(timescale, redis)
