"""Decide what is true of a FailoverDrill: it ends at once, since this version has no scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..evaluation import Evaluation, Finding, Refusal, Subject, as_conditions
from ..grading.chain import Chain, first
from ..grading.summary import summarize
from ..schema import read_back
from ..vocabulary import ConditionType, Reason
from .api import FailoverDrillSpec, FailoverDrillStatus
from .observation import Observation


@dataclass(frozen=True, slots=True)
class Case:
    """A drill, what was seen of its backbone, and what its status said before."""

    drill: Subject[FailoverDrillSpec]
    seen: Observation
    previous: FailoverDrillStatus


def evaluate(
    drill: Subject[FailoverDrillSpec], seen: Observation, refusals: Sequence[Refusal], now: datetime
) -> Evaluation:
    """Wait for the backbone, or end the drill. One that has ended stays as it ended."""
    previous = read_back(FailoverDrillStatus, drill.status)
    case = Case(drill, seen, previous)
    summary = summarize(first(SUCCEEDED, case) or _no_scenario(case), settled="The drill has ended.")
    findings = {
        ConditionType.SUCCEEDED: summary.found,
        ConditionType.RECONCILING: summary.reconciling,
        ConditionType.STALLED: summary.stalled,
    }
    ended = summary.found.holds is not None
    return Evaluation(
        conditions=as_conditions(findings, drill.generation),
        fields=_ended(previous, now.replace(microsecond=0)) if ended else previous,
    )


def _backbone_missing(case: Case) -> Finding | None:
    """First: nothing can be rehearsed without one. A drill that has ended needs none any more."""
    if case.seen.backbone is not None or case.previous.completion_time is not None:
        return None
    drill = case.drill
    message = (
        f"There is no DataBackbone {drill.spec.backbone_ref.name} in namespace {drill.namespace}; "
        "the drill begins when there is."
    )
    return Finding(None, Reason.BACKBONE_NOT_FOUND, message)


SUCCEEDED: Chain[Case] = (_backbone_missing,)


def _no_scenario(case: Case) -> Finding:
    """Stuck, since without Stalled tools that know no condition Succeeded would take the drill for done."""
    message = f"This version cannot run {case.drill.spec.scenario}; nothing was touched."
    return Finding(False, Reason.SCENARIO_NOT_AVAILABLE, message, stuck=True)


def _ended(previous: FailoverDrillStatus, now: datetime) -> FailoverDrillStatus:
    return FailoverDrillStatus(
        start_time=previous.start_time or now, completion_time=previous.completion_time or now
    )
