"""How the operator's log looks: one line per record, as key=value or JSON, and nothing said twice."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from .settings import LogFormat

CAUSES = 1000
"""Of how many causes it is known that they were told."""

_ATTEMPT = re.compile(r"Request attempt #(\d+)(?:/\d+)? failed")
_POSTING = re.compile(r"POST \S+/events\b", re.IGNORECASE)
_PLAIN = re.compile(r"[^\s\"=]+")


class Calm(logging.Filter):
    """Lets pass what the framework says once, and not what it repeats with each try.

    That an event could not be posted is told once for each cause, when it is given up, and not at all where
    its namespace is being deleted: there nobody reads it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._causes: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is news."""
        if not record.name.startswith("kopf."):
            return True
        message = record.getMessage()
        attempt = _ATTEMPT.search(message)
        if attempt is not None:
            return attempt[1] == "1" and not _POSTING.search(message)
        if not message.startswith("Failed to post an event"):
            return True
        cause = message.partition("Event: type=")[0]
        news = cause not in self._causes and "being terminated" not in message
        if len(self._causes) >= CAUSES:
            self._causes.clear()
        self._causes.add(cause)
        return news


class Lines(logging.Formatter):
    """A record as one line of fields: time (UTC), severity, logger, and what it says."""

    def __init__(self, log_format: LogFormat) -> None:
        super().__init__()
        self._log_format = log_format

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields = self._fields(record)
        if self._log_format == "json":
            return json.dumps(fields, ensure_ascii=False, default=str)
        return " ".join(f"{key}={_plain(str(value))}" for key, value in fields.items())

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, Any] = {
            "timestamp": moment.replace("+00:00", "Z"),
            "severity": record.levelname.lower(),
            "logger": record.name,
        }
        decision, about = getattr(record, "decision", None), getattr(record, "k8s_ref", None)
        if isinstance(decision, dict):
            return {**fields, **decision}
        fields["message"] = record.getMessage()
        if isinstance(about, dict):
            named = (about.get("kind"), about.get("namespace"), about.get("name"))
            fields["object"] = "/".join(str(part) for part in named if part)
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return fields


def configure(log_format: LogFormat, stream: TextIO | None = None) -> None:
    """Have every record from INFO on written to the stream, standard error if none is named."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines(log_format))
    handler.addFilter(Calm())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Slow callbacks are the metrics' business.
    logging.getLogger("asyncio").propagate = False
    # A line per watched event says nothing.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)


def _plain(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)
