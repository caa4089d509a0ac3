"""Decide what is true of a FailoverDrill: it ends at once, since this version has no scenario."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..evaluation import Evaluation, Finding, Refusal, Subject, as_conditions
from ..schema import read_back
from ..vocabulary import ConditionType, Reason
from .api import FailoverDrillSpec, FailoverDrillStatus


def evaluate(
    drill: Subject[FailoverDrillSpec], seen: None, refusals: Sequence[Refusal], now: datetime
) -> Evaluation:
    """End the drill. One that has ended stays as it ended."""
    moment = now.replace(microsecond=0)
    previous = read_back(FailoverDrillStatus, drill.status)
    start = previous.start_time or moment
    message = f"This version cannot run {drill.spec.scenario}; nothing was touched."
    over = Finding(False, Reason.SETTLED, "The drill has ended.")
    findings = {
        ConditionType.SUCCEEDED: Finding(False, Reason.SCENARIO_NOT_AVAILABLE, message),
        ConditionType.RECONCILING: over,
        ConditionType.STALLED: over,
    }
    return Evaluation(
        conditions=as_conditions(findings, drill.generation),
        fields=FailoverDrillStatus(start_time=start, completion_time=previous.completion_time or moment),
    )
