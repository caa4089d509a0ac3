"""TimescaleDB, Redis and Kafka on the machine that the cluster runs on, and the Secrets for pods."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from deployment import Kubectl, running_cluster
from host_kafka import HostKafka, host_kafka
from services.redis_server import RedisServer
from services.timescaledb import TimescaleServer

SCHEMAS = ("market", "telemetry")


@dataclass(frozen=True)
class HostServices:
    """The servers, at an address that pods reach."""

    timescale: TimescaleServer
    redis: RedisServer
    kafka: HostKafka

    def secrets(self, kubectl: Kubectl, password: str | None = None) -> None:
        """Make a Secret for each, of its name; with another password that of TimescaleDB leads nowhere."""
        self.kafka.secret(kubectl)
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
    """The servers, for as long as the block lasts."""
    host = str(running_cluster()["host_address"])
    with (
        TimescaleServer(folder / "timescale", host=host) as timescale,
        RedisServer(folder / "redis", host=host) as redis,
        host_kafka(folder / "kafka") as kafka,
    ):
        yield HostServices(timescale, redis, kafka)
