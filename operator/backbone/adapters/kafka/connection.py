"""Following a Secret: a changed one gets a new client, since a client keeps what it was made with."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Any

from confluent_kafka.admin import AdminClient, DescribeClusterResult

from ...errors import Rejected
from ...ports.stream import KafkaFault, KafkaTrouble, KafkaUnavailable
from .client import ANSWER_SECONDS, Answer, Asked, AskedEach, KafkaAdmin
from .settings import KafkaSettings, settings_fault


class KafkaConnection:
    """Asks one Kafka, by what a Secret says at the time of each call.

    `source` gives the settings, or raises Rejected. New credentials count for new connections alone, so
    changed settings get a new client. Settings that are wrong while a client works leave it as it is, since
    the Secret may be half written; `trouble` says what is wrong with them.
    """

    def __init__(self, source: Callable[[], KafkaSettings], within: float | None = None) -> None:
        """Connects to nothing yet. `within` bounds all calls together, in seconds from now."""
        self._source = source
        self._within = within
        self._until = None if within is None else time.monotonic() + within
        self._lock = Lock()
        self._admin: KafkaAdmin | None = None
        self.trouble: KafkaTrouble | None = None

    @property
    def settings(self) -> KafkaSettings:
        """Those of the present client. Raises KafkaUnavailable where there are none."""
        return self._present().settings

    def ask(self, asked: Asked[Answer], seconds: float = ANSWER_SECONDS, rights: str = "") -> Answer:
        """What a call gives. Raises KafkaUnavailable."""
        return self._present().ask(asked, self._left(seconds), rights)

    def ask_each(self, asked: AskedEach, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        """What a call gives for each name: its answer, or its KafkaError. Raises KafkaUnavailable."""
        return self._present().ask_each(asked, self._left(seconds))

    def delay(self) -> float:
        """How many seconds from now a quota lets no call through."""
        return self._present().delay()

    def described(self, seconds: float = ANSWER_SECONDS) -> DescribeClusterResult:
        """The cluster and its brokers, which needs no right. Raises KafkaUnavailable."""
        return self.ask(lambda client: _described(client, seconds), seconds)

    def check(self, seconds: float = ANSWER_SECONDS) -> KafkaTrouble | None:
        """The first thing that is wrong, for somebody who needs no right yet; None if nothing is."""
        try:
            self.described(seconds)
        except KafkaUnavailable as error:
            return error.trouble
        return None

    def close(self) -> None:
        """Let the client go."""
        with self._lock:
            admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()

    def _left(self, seconds: float) -> float:
        """The deadline of a call, within what is left for all of them. Raises KafkaUnavailable."""
        if self._until is None:
            return seconds
        left = self._until - time.monotonic()
        if left <= 0:
            told = f"Kafka at {self.settings.place}: not everything was done within {self._within:g} s"
            raise KafkaUnavailable(KafkaTrouble(KafkaFault.TIMED_OUT, f"{told}; the next check continues"))
        return min(seconds, left)

    def _present(self) -> KafkaAdmin:
        with self._lock:
            present = self._admin
            try:
                settings = self._source()
            except Rejected as error:
                self.trouble = KafkaTrouble(settings_fault(error), str(error))
                if present is None:
                    raise KafkaUnavailable(self.trouble) from None
                return present
            self.trouble = None
            if present is not None and present.settings == settings:
                return present
            fresh = self._admin = KafkaAdmin(settings)
        if present is not None:
            present.close()
        return fresh


def _described(client: AdminClient, seconds: float) -> Future[DescribeClusterResult]:
    asked: Future[DescribeClusterResult] = client.describe_cluster(request_timeout=seconds)
    return asked
