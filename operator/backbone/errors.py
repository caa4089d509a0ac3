"""What the shell raises and the handlers translate.

BackboneError
  Rejected      the input is wrong; only a change of the input helps
  Waiting       nothing is wrong, something is not there yet; look again `after`
  Unreachable   an outside system did not answer or refused; nothing is known about its state
    Denied      it answered, and said that we may not
    Conflict    it answered, and our view was old
"""

from __future__ import annotations

from datetime import timedelta


class BackboneError(Exception):
    """Anything this project raises on purpose."""


class Rejected(BackboneError):
    """The input is wrong, and only a change of the input helps."""


class Waiting(BackboneError):
    """Something is not there yet."""

    def __init__(self, message: str, after: timedelta) -> None:
        super().__init__(message)
        self.after = after


class Unreachable(BackboneError):
    """An outside system could not be asked. Never the same as an empty or healthy answer."""


class Denied(Unreachable):
    """The outside system refused the caller's identity or right."""


class Conflict(Unreachable):
    """The object changed since it was read; look again and decide anew."""
