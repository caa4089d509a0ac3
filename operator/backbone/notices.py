"""Which turn of an object is told by an event, and how long an event may be."""

from __future__ import annotations

from collections.abc import Sequence

from .conditions import Condition
from .documented import Documented, Severity
from .evaluation import Notice
from .vocabulary import Reason

NOTICE_REASON = 128
NOTICE_MESSAGE = 1024


def turned(before: Sequence[Condition], summary: Condition, notices: Sequence[Notice]) -> tuple[Notice, ...]:
    """An event for a summary that turned, unless this visit's other events say the same."""
    old = next((item for item in before if item.type == summary.type), None)
    same = old is not None and (old.status, old.reason) == (summary.status, summary.reason)
    if same or summary.reason == Reason.PENDING or any(item.reason == summary.reason for item in notices):
        return ()
    if old is not None and _paused(old) and summary.status == "True":
        # Nothing was done anew: the words of what made it Ready were told when it was done.
        return (Notice("Normal", Reason.RESUMED, summary.message),)
    return (Notice("Warning" if _warns(summary) else "Normal", summary.reason, summary.message),)


def _paused(stored: Condition) -> bool:
    """Whether a condition as status has it, whose reason is a text, is that of a pause."""
    reason = Reason.named(stored.reason)
    return reason is not None and reason.severity is Severity.PAUSED


def _warns(summary: Condition) -> bool:
    severity = summary.reason.severity if isinstance(summary.reason, Documented) else Severity.BY_STATUS
    if severity is Severity.BY_STATUS:
        return summary.status != "True"
    return severity is Severity.WARNING


def bounded(notice: Notice) -> Notice:
    """As long as the API server takes."""
    return Notice(notice.type, notice.reason[:NOTICE_REASON], notice.message[:NOTICE_MESSAGE])
