"""Why nobody makes the Job of a fire: the API server's words, by a dry run of the Job that would be made up.

The CronJob controller tells them in events of the CronJob alone, and makes up its own mind when to try again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ..errors import Denied
from ..evaluation import Refusal
from ..naming import slot_name
from ..ports.cluster import JOB, Cluster
from ..schema import read_back
from ..vocabulary import Reason
from . import children
from .actions import may_start
from .api import IngestPlanStatus
from .checks import hindrance
from .children import Plan, cron_job_name
from .claim_scope import runs_on_present_claim
from .fires import ASKED_AGAIN, unbegun
from .observation import Observation


@dataclass(frozen=True, slots=True)
class _Answer:
    job: str
    at: datetime
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class FireRefusals:
    """Asks the API server, and keeps its answer for a while."""

    cluster: Cluster
    _answers: dict[tuple[str, str], _Answer] = field(default_factory=dict)
    """By namespace and name of the plan, while a fire has no Job."""

    async def of(self, plan: Plan, seen: Observation, now: datetime) -> Refusal | None:
        """What refuses the Job of the last fire. None where a run began, or something else keeps it.

        Raises what the port raises; without the right to create Jobs nothing is known.
        """
        key = plan.namespace, plan.name
        fire = None
        if hindrance(plan, seen, ()) is None and may_start(seen):
            fire = unbegun(plan, runs_on_present_claim(seen), read_back(IngestPlanStatus, plan.status), now)
        if fire is None:
            self._answers.pop(key, None)
            return None
        name = slot_name(cron_job_name(plan), fire)
        known = self._answers.get(key)
        if known is None or known.job != name or now - known.at >= ASKED_AGAIN:
            known = self._answers[key] = _Answer(name, now, await self._asked(plan, seen, name))
        return known.refusal

    async def _asked(self, plan: Plan, seen: Observation, name: str) -> Refusal | None:
        job = children.run(plan, seen.images, seen.claim_uid, name, seen.services, pods=seen.pods)
        try:
            words = await self.cluster.refusal(job)
        except Denied:
            return None
        # A Job that was made since the others were listed may be what leaves no room for it.
        if words is None or await self.cluster.get(JOB, plan.namespace, name) is not None:
            return None
        return Refusal(name, Reason.CHILD_REFUSED, words)
