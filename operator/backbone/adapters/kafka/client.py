"""A client that administers one Kafka: its thread, its deadlines, and the first thing that is wrong."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, ThrottleEvent
from confluent_kafka.admin import AdminClient

from ...ports.stream import KafkaFault, KafkaTrouble, KafkaUnavailable
from .errors import LASTING, UNASKED, Sign, sign_of, trouble_of_answer, trouble_of_signs
from .settings import KafkaSettings

POLL_SECONDS = 0.05
CLOSE_SECONDS = 10.0
ANSWER_SECONDS = 15.0
SETTLE_SECONDS = 1.0
"""How long all brokers have to have failed in a lasting way before a call gives up ahead of its deadline."""

Answer = TypeVar("Answer")
Asked = Callable[[AdminClient], "Future[Answer]"]
AskedEach = Callable[[AdminClient], Mapping[Any, "Future[Any]"]]


class KafkaAdmin:
    """One client for one set of settings; safe to use from several threads.

    The client lives in a thread of its own, which makes it, polls it and lets it go: only there is it asked.
    Closing it can hang, so that thread is waited for 10 s and then left to the end of the process.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        """Connects to nothing yet. Raises KafkaUnavailable where the client refuses the settings."""
        self.settings = settings
        self._work: SimpleQueue[Callable[[AdminClient], None]] = SimpleQueue()
        self._made: Future[None] = Future()
        self._closing = threading.Event()
        self._signs: dict[str, Sign] = {}
        self._all_down_since: float | None = None
        self._reached = False
        self._throttled_until = 0.0
        self._thread = threading.Thread(target=self._run, name="kafka-admin", daemon=True)
        self._thread.start()
        self._made.result(ANSWER_SECONDS)

    def ask(self, asked: Asked[Answer], seconds: float = ANSWER_SECONDS, rights: str = "") -> Answer:
        """What a call gives, within a time. Raises KafkaUnavailable, which may name `rights` to add."""
        asking = self._begun(asked)
        until = time.monotonic() + seconds
        while True:
            try:
                answer = asking.result(min(0.1, max(0.0, until - time.monotonic())))
            except TimeoutError:
                if time.monotonic() >= until or self._hopeless():
                    raise KafkaUnavailable(self._trouble()) from None
            except KafkaException as error:
                raise KafkaUnavailable(self._named(error.args[0], rights)) from None
            else:
                self._reached = True
                self._signs.clear()
                return answer

    def ask_each(self, asked: AskedEach, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        """What a call gives for each name: its answer, or the KafkaError of that name alone.

        Raises KafkaUnavailable, also where the call failed for every name since no broker could be asked.
        """
        found = self.ask(lambda client: _gathered(asked(client)), seconds)
        errors = [answer for answer in found.values() if isinstance(answer, KafkaError)]
        if errors and len(errors) == len(found) and all(error.code() in UNASKED for error in errors):
            raise KafkaUnavailable(self._trouble())
        return found

    def delay(self) -> float:
        """How many seconds from now a broker will answer nothing, since a quota of the user's is used up."""
        polled: Future[int] = Future()
        # A broker's word on its quota comes with an answer, and is heard at the poll after it.
        self._work.put(lambda client: polled.set_result(client.poll(0)))
        with suppress(TimeoutError):
            polled.result(1.0)
        return max(0.0, self._throttled_until - time.monotonic())

    def close(self) -> None:
        """Let the client go; nothing is asked afterwards."""
        self._closing.set()
        self._thread.join(CLOSE_SECONDS)

    def _begun(self, asked: Asked[Answer]) -> Future[Answer]:
        """The future of a call, which the client's thread makes."""
        told: Future[Answer] = Future()

        def begin(client: AdminClient) -> None:
            try:
                asked(client).add_done_callback(lambda done: _hand_on(done, told))
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
                told.set_exception(error)

        if self._closing.is_set():
            raise KafkaUnavailable(KafkaTrouble(KafkaFault.FAILED, "the client of Kafka is closed"))
        self._work.put(begin)
        return told

    def _run(self) -> None:
        try:
            told: dict[str, Any] = {
                "error_cb": self._erred,
                "throttle_cb": self._throttled,
                "logger": self._logger(),
            }
            client = AdminClient(self.settings.parameters(), **told)
        except (KafkaException, ValueError, TypeError) as error:
            self._made.set_exception(KafkaUnavailable(_refused(error, self.settings)))
            return
        self._made.set_result(None)
        while not self._closing.is_set():
            with suppress(Empty):
                self._work.get(timeout=POLL_SECONDS)(client)
            client.poll(0)

    def _logger(self) -> logging.Logger:
        """Takes the client's log, of which nothing goes further: it is noise but for its signs."""
        logger = logging.Logger("kafka", logging.INFO)
        logger.addHandler(_Signs(self._noted))
        return logger

    def _erred(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._all_down_since = self._all_down_since or time.monotonic()
        else:
            self._noted(error.str(), error.code())

    def _throttled(self, event: ThrottleEvent) -> None:
        self._throttled_until = time.monotonic() + event.throttle_time

    def _noted(self, text: str, code: int | None = None) -> None:
        sign = sign_of(text, code)
        if sign is not None:
            self._signs[sign.place] = sign

    def _hopeless(self) -> bool:
        since, signs = self._all_down_since, list(self._signs.values())
        if since is None or not signs or time.monotonic() - since < SETTLE_SECONDS:
            return False
        return not self._reached and all(sign.fault in LASTING for sign in signs)

    def _trouble(self) -> KafkaTrouble:
        return trouble_of_signs(list(self._signs.values()), self.settings, reached=self._reached)

    def _named(self, error: KafkaError, rights: str) -> KafkaTrouble:
        """What an error means; of a call that only timed out, what the client told beside it."""
        if error.code() in UNASKED:
            return self._trouble()
        return trouble_of_answer(error, self.settings, rights)


class _Signs(logging.Handler):
    """Hands on the lines of a log."""

    def __init__(self, take: Callable[[str], None]) -> None:
        super().__init__()
        self._take = take

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on one line."""
        self._take(record.getMessage())


def _gathered(futures: Mapping[Any, Future[Any]]) -> Future[dict[str, Any]]:
    """All answers of a call by name, once the last is there; in place of an answer stands its KafkaError."""
    gathered: Future[dict[str, Any]] = Future()
    found: dict[str, Any] = {}
    lock = threading.Lock()

    def take(key: Any, done: Future[Any]) -> None:  # noqa: ANN401 - a name, or a resource that has one
        error = done.exception()
        failed = error.args[0] if isinstance(error, KafkaException) else error
        with lock:
            found[getattr(key, "name", key)] = done.result() if error is None else failed
            complete = len(found) == len(futures)
        if complete:
            gathered.set_result(found)

    if not futures:
        gathered.set_result(found)
    for key, future in futures.items():
        future.add_done_callback(partial(take, key))
    return gathered


def _hand_on(done: Future[Any], told: Future[Any]) -> None:
    error = done.exception()
    if error is not None:
        told.set_exception(error)
    else:
        told.set_result(done.result())


def _refused(error: Exception, settings: KafkaSettings) -> KafkaTrouble:
    """Why the client was not made, by the key of the Secret; its own words may quote what it was given."""
    text = str(error)
    options = {"ssl.ca.pem": "ca.crt", "ssl.certificate.pem": "tls.crt", "ssl.key.pem": "tls.key"}
    keys = [key for option, key in options.items() if option in text]
    what = f"{keys[0]} is not taken" if keys else "its keys are not taken together"
    hint = (
        "put a certificate and the key that belongs to it there, as PEM" if keys else "look at each of them"
    )
    return KafkaTrouble(KafkaFault.INVALID_SETTINGS, f"Secret {settings.name}: {what} by the client; {hint}")
