"""Decide what is true of a FailoverDrill: it ends at once, since this version has no scenario."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..evaluation import Evaluation, Finding, Refusal, Subject, as_conditions
from ..schema import read_back
from ..vocabulary import ConditionType, Reason
from .api import FailoverDrillSpec, FailoverDrillStatus
from .observation import Observation


def evaluate(
    drill: Subject[FailoverDrillSpec], seen: Observation, refusals: Sequence[Refusal], now: datetime
) -> Evaluation:
    """Wait for the backbone, or end the drill. One that has ended stays as it ended."""
    moment = now.replace(microsecond=0)
    previous = read_back(FailoverDrillStatus, drill.status)
    if seen.backbone is None and previous.completion_time is None:
        return Evaluation(conditions=as_conditions(_waiting(drill), drill.generation), fields=previous)
    start = previous.start_time or moment
    return Evaluation(
        conditions=as_conditions(_failed(drill), drill.generation),
        fields=FailoverDrillStatus(start_time=start, completion_time=previous.completion_time or moment),
    )


def _waiting(drill: Subject[FailoverDrillSpec]) -> dict[ConditionType, Finding]:
    message = (
        f"There is no DataBackbone {drill.spec.backbone_ref.name} in namespace {drill.namespace}; "
        "the drill begins when there is."
    )
    return {
        ConditionType.SUCCEEDED: Finding(None, Reason.BACKBONE_NOT_FOUND, message),
        ConditionType.RECONCILING: Finding(True, Reason.PROGRESSING, message),
        ConditionType.STALLED: Finding(False, Reason.SETTLED, "The operator goes on by itself."),
    }


def _failed(drill: Subject[FailoverDrillSpec]) -> dict[ConditionType, Finding]:
    """Without Stalled, tools that know no condition Succeeded would take the drill for done."""
    message = f"This version cannot run {drill.spec.scenario}; nothing was touched."
    return {
        ConditionType.SUCCEEDED: Finding(False, Reason.SCENARIO_NOT_AVAILABLE, message),
        ConditionType.RECONCILING: Finding(False, Reason.SETTLED, "The drill has ended."),
        ConditionType.STALLED: Finding(True, Reason.SCENARIO_NOT_AVAILABLE, message),
    }
