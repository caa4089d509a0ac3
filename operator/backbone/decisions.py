"""The log of decisions: one line each, with the object, what was done about it, and why."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from .conditions import Condition
from .evaluation import Notice
from .vocabulary import Reason

logger = logging.getLogger(__name__)

WHY_LIMIT = 300
"""Characters of a reason that are worth a place in a line; the object's status has the rest."""

TOLD_AS_ACTIONS = {Reason.RUN_STARTED, Reason.RELEASE_STARTED, Reason.DRIFT_REVERTED}
"""Reasons of events about what was done to a child, which has a line of its own."""


def told_in_log(
    before: Sequence[Condition], after: Sequence[Condition], notices: Sequence[Notice]
) -> Iterator[tuple[str, str]]:
    """What a visit found, as pairs of what and why: its events, and in one line the conditions that turned.

    `after` has the summary first. A condition whose words alone changed is no news.
    """
    for notice in notices:
        if notice.reason not in TOLD_AS_ACTIONS:
            yield str(notice.reason), notice.message
    known = {item.type: (item.status, item.reason) for item in before}
    turned = [item for item in after if known.get(item.type) != (item.status, item.reason)]
    news = [item for item in turned if item.reason != Reason.PENDING]
    if news:
        yield ", ".join(f"{item.type}={item.status}/{item.reason}" for item in news), news[0].message


def log_decision(subject: str, what: str, why: str, *, level: int = logging.INFO) -> None:
    """Log a decision about an object, named as kind/namespace/name.

    The three are fields of the record: how a line looks is the formatter's business.
    """
    line = " ".join(why.split())
    short = line if len(line) <= WHY_LIMIT else f"{line[: WHY_LIMIT - 1]}…"
    logger.log(
        level, "%s: %s", subject, what, extra={"decision": {"object": subject, "what": what, "why": short}}
    )
