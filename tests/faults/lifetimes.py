"""The four things that happen to a backbone and its plan, each of which the operator may not survive."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import truth
from api_proxy import ApiProxy, Harm, Request
from deployment import Image, Kubectl, until
from documents import cron_job
from operator_process import OperatorProcess

Deadly = Callable[[int, Request], bool]
"""Whether the operator dies after a write: how many there were in the operation, and which it is."""


def starts_a_job(_: int, write: Request) -> bool:
    """Whether a write leaves a Job that nothing but its name ties to what it was started for."""
    return (write.method, write.resource) == ("POST", "jobs")


@dataclass(slots=True)
class Lifetimes:
    """One namespace, one operator that is killed and started again."""

    kubectl: Kubectl
    api: ApiProxy
    operator: OperatorProcess
    images: dict[str, Image]
    kills: dict[str, int] = field(default_factory=dict)
    """Deaths by operation."""

    def cycle(self, number: int) -> dict[str, int]:
        """Create, update, run and delete once, each with a death after its write of this number (0: none).

        Returns how many writes each took. Raises AssertionError where something was lost or done twice.
        """
        return self.cycle_until(lambda count, _: count == number, number)

    def cycle_until(self, deadly: Deadly, number: int = 0) -> dict[str, int]:
        """The same with a death in each operation after its first write that is deadly."""
        self.api.reset()
        writes = {name: self._under_fire(name, act, deadly) for name, act in self._operations(number)}
        truth.nothing_twice(self.api)
        return writes

    def _operations(self, number: int) -> Iterator[tuple[str, Callable[[], None]]]:
        token = f"token-{number}"
        yield "create", self._create
        first = truth.runs(self.kubectl)
        assert len(first) == 1, first
        yield "update", lambda: self._update(number)
        assert truth.runs(self.kubectl) == first, "a change of the spec starts no run"
        yield "run", lambda: self._run(token)
        ran = self.kubectl.get("ingestplan", "daily")["status"]
        assert len(truth.runs(self.kubectl)) == 2, truth.runs(self.kubectl)
        assert ran["dimensions"][0]["changed"] == 0, "every row of the first run was still there"
        stored = truth.stored_rows(self.kubectl, self.images)
        assert stored == {"dailyBars": truth.DAILY_ROWS}, stored
        truth.told_once(self.kubectl)
        yield "delete", self._delete

    def _under_fire(self, name: str, act: Callable[[], None], deadly: Deadly) -> int:
        """Do one operation, with one death at the most; how many writes it took, over all lives."""
        self.api.writes = 0
        self.api.harm = Harm(after_write=self._death(name, deadly))
        act()
        truth.wait_quiet(self.operator, self.api)
        if not self.operator.alive:
            self._revive()
            act()
            truth.wait_quiet(self.operator, self.api)
        return self.api.writes

    def _death(self, name: str, deadly: Deadly) -> Callable[[int, Request], None]:
        before = self.kills.get(name, 0)

        def strike(count: int, write: Request) -> None:
            if self.kills.get(name, 0) == before and deadly(count, write):
                self.kills[name] = before + 1
                self.operator.kill_now()

        return strike

    def _revive(self) -> None:
        """A new life, as a kubelet begins one; the dead one's Lease goes, so that nobody waits for it."""
        self.operator.wait_end()
        self.kubectl.run("delete", "lease", "databackbone-operator", "--ignore-not-found")
        self.operator.start().wait_leading()

    def _until(self, met: Callable[[], bool], what: str) -> None:
        """Wait for something, or for the operator's death."""
        until(lambda: met() or not self.operator.alive, bool, 120, what, truth.LOOK_EVERY)

    def _create(self) -> None:
        truth.create(self.kubectl)
        self._until(lambda: self._stands(("True", "Delivered")), "the first run")

    def _update(self, number: int) -> None:
        minute = 1 + number % 50
        spec = {"schedule": f"{minute} 3 29 2 *"}
        self.kubectl.run("patch", "ingestplan", "daily", "--type=merge", "-p", json.dumps({"spec": spec}))
        policy = {"spec": {"deletionPolicy": "Delete"}}
        self.kubectl.run("patch", "databackbone", "market", "--type=merge", "-p", json.dumps(policy))
        self._until(lambda: self._updated(spec["schedule"]), "the new schedule and policy")

    def _updated(self, schedule: str) -> bool:
        cron = self.kubectl.find("cronjob", cron_job(self.kubectl))
        claim = self.kubectl.find("pvc", "market-data")
        owned = claim is not None and bool(claim["metadata"].get("ownerReferences"))
        scheduled = cron is not None and cron["spec"]["schedule"] == schedule
        return owned and scheduled and self._stands(("True", "Delivered"))

    def _run(self, token: str) -> None:
        truth.annotate(self.kubectl, token)
        self._until(lambda: self._ran(token), "the run of the token")

    def _ran(self, token: str) -> bool:
        daily = self.kubectl.get("ingestplan", "daily")
        return truth.ran(daily, token) and self._stands(("True", "Delivered"))

    def _stands(self, ready: tuple[str, str]) -> bool:
        market = truth.current(self.kubectl.find("databackbone", "market"))
        return (
            market == ("True", "Available")
            and truth.current(self.kubectl.find("ingestplan", "daily")) == ready
        )

    def _delete(self) -> None:
        self.kubectl.run(
            "delete", "ingestplan/daily", "databackbone/market", "--ignore-not-found", "--wait=false"
        )
        self._until(self._gone, "nothing of ours is left")

    def _gone(self) -> bool:
        found = self.kubectl.get("databackbone,ingestplan,cronjob,job,pvc,pod,configmap")["items"]
        return [item["metadata"]["name"] for item in found] == ["kube-root-ca.crt"]
