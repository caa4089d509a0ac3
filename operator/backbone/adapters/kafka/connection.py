"""Following a Secret: a changed one gets a new client, since a client keeps what it was made with."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Any

from confluent_kafka.admin import AdminClient

from ...errors import Rejected
from ...ports.stream import KafkaTrouble, KafkaUnavailable
from .client import ANSWER_SECONDS, Answer, Asked, AskedEach, KafkaAdmin
from .settings import KafkaSettings, settings_fault


class KafkaConnection:
    """Asks one Kafka, by what a Secret says at the time of each call.

    `source` gives the settings, or raises Rejected. New credentials count for new connections alone, so
    changed settings get a new client. Settings that are wrong while a client works leave it as it is, since
    the Secret may be half written; `trouble` says what is wrong with them.
    """

    def __init__(self, source: Callable[[], KafkaSettings]) -> None:
        """Connects to nothing yet."""
        self._source = source
        self._lock = Lock()
        self._admin: KafkaAdmin | None = None
        self.trouble: KafkaTrouble | None = None

    @property
    def settings(self) -> KafkaSettings:
        """Those of the present client. Raises KafkaUnavailable where there are none."""
        return self._present().settings

    def ask(self, asked: Asked[Answer], seconds: float = ANSWER_SECONDS, rights: str = "") -> Answer:
        """What a call gives. Raises KafkaUnavailable."""
        return self._present().ask(asked, seconds, rights)

    def ask_each(self, asked: AskedEach, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        """What a call gives for each name: its answer, or its KafkaError. Raises KafkaUnavailable."""
        return self._present().ask_each(asked, seconds)

    def delay(self) -> float:
        """How many seconds from now a quota lets no call through."""
        return self._present().delay()

    def check(self, seconds: float = ANSWER_SECONDS) -> KafkaTrouble | None:
        """The first thing that is wrong, for somebody who needs no right yet; None if nothing is."""
        try:
            self.ask(lambda client: _described(client, seconds), seconds)
        except KafkaUnavailable as error:
            return error.trouble
        return None

    def close(self) -> None:
        """Let the client go."""
        with self._lock:
            admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()

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


def _described(client: AdminClient, seconds: float) -> Future[object]:
    asked: Future[object] = client.describe_cluster(request_timeout=seconds)
    return asked
