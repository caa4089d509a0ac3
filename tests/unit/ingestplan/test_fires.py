"""Which fires of a schedule had no run, and that each gets one at most: by values and generated outages."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.evaluations import conditions, fields, measured, message, started
from support.plans import BACKBONE, CRON_JOB, DELIVERED, SEEN, active, job, plan

from backbone.evaluation import Refusal
from backbone.ingestplan.api import IngestPlanStatus, RunStatus
from backbone.ingestplan.children import cron_job_name
from backbone.ingestplan.evaluate import evaluate
from backbone.ingestplan.fires import CATCHING_UP, LAG, note_fires, unbegun
from backbone.ingestplan.measures import MISSED_RUNS
from backbone.ingestplan.observation import Observation
from backbone.ingestplan.schedule import fire_after, last_fire
from backbone.naming import slot_name, slot_of
from backbone.ports.readings import JobReading
from backbone.vocabulary import Reason

NAME = cron_job_name(plan())
FIRE = datetime(2024, 3, 1, 22, 0, tzinfo=UTC)
"""Of the schedule in support.plans, after its last run."""
MORNING = datetime(2024, 3, 2, 6, 0, tzinfo=UTC)
AWAY = replace(SEEN, backbone=replace(BACKBONE, ready=False), cron_job=replace(CRON_JOB, suspended=True))
SETTLED = {"schedule": "0 22 * * 1-5 Etc/UTC", "settledUntil": "2024-03-01T10:05:00Z"}
KNOWN = {**DELIVERED, "fires": SETTLED}
RECORDED = {**DELIVERED, "fires": {**SETTLED, "missed": "2024-03-01T22:00:00Z"}}


@pytest.mark.parametrize(
    ("seen", "now", "missed"),
    [
        pytest.param(SEEN, FIRE + LAG, False, id="a moment after it the run is on its way"),
        pytest.param(AWAY, FIRE + LAG / 2, False, id="suspended by us, within what clocks differ by"),
        pytest.param(AWAY, FIRE + LAG, True, id="suspended by us"),
        pytest.param(replace(AWAY, backbone=None), FIRE + LAG, True, id="while there is no backbone"),
        pytest.param(SEEN, FIRE + CATCHING_UP, True, id="no Job when its controller starts it no more"),
        pytest.param(
            replace(SEEN, cron_job=replace(CRON_JOB, last_scheduled=FIRE)),
            MORNING,
            False,
            id="its Job was made and deleted",
        ),
        pytest.param(
            replace(SEEN, runs=(job("token", start=FIRE + LAG),)), MORNING, False, id="a run that began since"
        ),
        pytest.param(
            replace(SEEN, runs=(job(slot_name(NAME, FIRE), start=FIRE - LAG),)),
            MORNING,
            False,
            id="its Job, by a clock that is behind",
        ),
        pytest.param(
            replace(SEEN, former=(replace(CRON_JOB, name="daily", last_scheduled=FIRE),)),
            MORNING,
            False,
            id="its Job under the CronJob's former name",
        ),
        pytest.param(
            replace(SEEN, runs=(job("daily-1", start=FIRE - 2 * LAG, finished=FIRE + LAG, scheduled=True),)),
            MORNING,
            False,
            id="the run of the fire before was still under way",
        ),
        pytest.param(
            replace(SEEN, runs=(active("token", start=FIRE - LAG),)), MORNING, False, id="a run is under way"
        ),
        pytest.param(
            replace(SEEN, backbone=replace(BACKBONE, suspended=True)),
            MORNING,
            False,
            id="while somebody has suspended the backbone",
        ),
        pytest.param(SEEN, FIRE - LAG, False, id="before it"),
    ],
)
def test_a_fire_is_missed_when_nothing_began_and_nothing_will(
    seen: Observation, now: datetime, missed: bool
) -> None:
    result = evaluate(plan(KNOWN), seen, (), now)
    assert ("missed" in fields(result)["fires"]) is missed
    assert measured(result, MISSED_RUNS) == {(): missed}
    assert [notice.reason for notice in result.notices].count("RunMissed") == missed
    assert (conditions(result)["Ready"] == ("False", "RunMissed")) is missed
    assert started(result) == [], "it is told before it is made up"


def test_without_a_record_one_is_made_of_what_is_known_and_judged_at_the_next_visit() -> None:
    result = evaluate(plan(DELIVERED), SEEN, (), MORNING)
    assert fields(result)["fires"] == SETTLED, "as when an operator of the version before kept the plan"
    assert (result.notices, started(result), result.recheck_after) == ((), [], None)
    assert "missed" in fields(evaluate(plan(fields(result)), SEEN, (), MORNING))["fires"]


def test_until_it_is_made_up_ready_names_the_fire_and_what_keeps_it() -> None:
    result = evaluate(plan(RECORDED), AWAY, (), MORNING)
    assert conditions(result)["Ready"] == ("False", "RunMissed")
    assert "fire of 2024-03-01T22:00:00Z" in message(result, "Ready")
    assert "DataBackbone market is not Ready" in message(result, "Ready")
    assert conditions(result)["Reconciling"][0] == "True"
    assert (result.notices, measured(result, MISSED_RUNS)) == ((), {(): 0}), "it is told once"


def test_one_run_is_made_up_under_the_name_that_the_controller_gives() -> None:
    result = evaluate(plan(RECORDED), SEEN, (), MORNING)
    assert started(result) == [slot_name(NAME, FIRE)]
    assert started(evaluate(plan(RECORDED), SEEN, (), MORNING + LAG)) == started(result)
    under_way = replace(SEEN, runs=(active(started(result)[0], start=MORNING),))
    seen = evaluate(plan(fields(result)), under_way, (), MORNING + LAG)
    assert started(seen) == []
    assert conditions(seen)["Ready"] == ("False", "RunMissed")
    assert f"run {slot_name(NAME, FIRE)}, which is under way" in message(seen, "Ready")


def test_what_refuses_its_job_is_told_with_the_fire() -> None:
    refusal = Refusal(slot_name(NAME, FIRE), Reason.CHILD_REFUSED, "exceeded quota: jobs")
    result = evaluate(plan(RECORDED), SEEN, (refusal,), MORNING)
    assert conditions(result)["Ready"] == ("False", "RunMissed")
    assert "exceeded quota: jobs" in message(result, "Ready")


def test_within_its_deadline_the_controller_makes_it_up_by_itself() -> None:
    now = FIRE + CATCHING_UP - LAG
    result = evaluate(plan(RECORDED), replace(SEEN, cron_job=AWAY.cron_job), (), now)
    assert started(result) == []
    assert result.recheck_after == LAG


@pytest.mark.parametrize("token", [None, "now"])
def test_a_token_or_its_run_is_as_good_as_one_that_is_made_up(token: str | None) -> None:
    assert len(started(evaluate(plan(RECORDED, token=token), SEEN, (), MORNING))) == 1


def test_a_fire_while_the_plan_is_suspended_by_its_owner_is_none() -> None:
    resting = fields(evaluate(plan(RECORDED, suspend=True), AWAY, (), MORNING))
    assert "missed" not in resting["fires"]
    result = evaluate(plan(resting), SEEN, (), MORNING + timedelta(days=3))
    assert started(result) == []
    assert conditions(result)["Ready"] == ("True", "Delivered")


RESTING = replace(SEEN, backbone=replace(BACKBONE, suspended=True, ready=False, ready_reason="Suspended"))
"""The plan's backbone while somebody has suspended it."""


@pytest.mark.parametrize("looks", [1, 3], ids=["looked at once", "looked at again"])
@pytest.mark.parametrize(
    "resumed",
    [
        pytest.param(SEEN, id="Ready at once"),
        pytest.param(AWAY, id="not Ready yet"),
        pytest.param(replace(SEEN, backbone=None), id="and deleted"),
    ],
)
def test_a_fire_while_the_backbone_is_suspended_is_made_up_without_an_alarm(
    resumed: Observation, looks: int
) -> None:
    resting = KNOWN
    for look in range(looks):
        seen = evaluate(plan(resting), RESTING, (), FIRE + look * timedelta(hours=1) - LAG)
        assert (seen.notices, measured(seen, MISSED_RUNS)) == ((), {(): 0})
        resting = fields(seen)
    told = evaluate(plan(resting), resumed, (), MORNING)
    words = (
        "The backbone was suspended at the fire of 2024-03-01T22:00:00Z; its run is made up as soon as one "
        "can store."
    )
    assert [(item.type, item.reason, item.message) for item in told.notices] == [
        ("Normal", "RunMissed", words)
    ]
    assert measured(told, MISSED_RUNS) == {(): 0}
    assert fields(told)["fires"] == RECORDED["fires"]
    again = evaluate(plan(resting), resumed, (), MORNING + LAG)
    assert again.notices == told.notices, "as long as it is not recorded"
    made_up = evaluate(plan(fields(told)), SEEN, (), MORNING + LAG)
    assert started(made_up) == [slot_name(NAME, FIRE)]
    assert measured(made_up, MISSED_RUNS) == {(): 0}


def test_a_fire_a_moment_before_the_backbone_goes_on_is_no_alarm_either() -> None:
    resting = fields(evaluate(plan(KNOWN), RESTING, (), FIRE - LAG))
    told = evaluate(plan(resting), AWAY, (), FIRE)
    assert fields(told)["fires"] == RECORDED["fires"]
    later = evaluate(plan(fields(told)), AWAY, (), FIRE + 2 * CATCHING_UP)
    assert measured(told, MISSED_RUNS) == measured(later, MISSED_RUNS) == {(): 0}
    assert [item.type for item in (*told.notices, *later.notices)] == ["Normal"]


def test_a_fire_after_the_backbone_went_on_is_missed_as_any_other() -> None:
    resting = fields(evaluate(plan(KNOWN), RESTING, (), FIRE - timedelta(hours=2)))
    resumed = evaluate(plan(resting), AWAY, (), FIRE - timedelta(hours=1))
    assert fields(resumed)["fires"] == SETTLED
    missed = evaluate(plan(fields(resumed)), AWAY, (), MORNING)
    assert measured(missed, MISSED_RUNS) == {(): 1}
    assert [item.type for item in missed.notices] == ["Warning"]


def test_another_schedule_begins_anew() -> None:
    result = evaluate(plan(RECORDED, schedule="0 4 * * *"), SEEN, (), MORNING)
    assert "missed" not in fields(result)["fires"]


def test_an_outage_over_a_weekend_is_told_as_one_event_and_counted_by_fire() -> None:
    status, events, count = DELIVERED, 0, 0
    thursday = datetime(2024, 3, 7, 23, 0, tzinfo=UTC)
    now = FIRE - timedelta(hours=1)
    while now <= thursday:
        result = evaluate(plan(status), AWAY, (), now)
        status = fields(result)
        events += sum(notice.reason == "RunMissed" for notice in result.notices)
        count += measured(result, MISSED_RUNS)[()] or 0
        now += timedelta(hours=2)
    assert (events, count) == (1, 5), "Friday, and Monday to Thursday"
    made_up = evaluate(plan(status), SEEN, (), thursday)
    assert started(made_up) == [slot_name(NAME, thursday - timedelta(hours=1))]


SCHEDULES = ("*/2 * * * *", "*/15 * * * *", "0 * * * *", "20,50 8-20 * * 1-5")
STEP = timedelta(seconds=30)
CALM = timedelta(hours=2)
"""At the end, in which nothing is in the way: longer than the longest of these schedules' periods by day."""


@dataclass
class World:
    """A CronJob controller as Kubernetes has it, and an operator that visits every half minute."""

    schedule: str
    now: datetime
    takes: timedelta
    status: IngestPlanStatus = field(init=False)
    jobs: dict[str, JobReading] = field(default_factory=dict)
    suspended: bool = False
    last_scheduled: datetime | None = None
    missed: int = 0

    def __post_init__(self) -> None:
        last = RunStatus(id="first", outcome="Succeeded", start=self.now, end=self.now)
        self.status = IngestPlanStatus(last_run=last)

    def step(self, *, ready: bool, controller: bool, operator: bool, records: bool, refuses: bool) -> None:
        for name, found in self.jobs.items():
            if found.finished is None and self.now - found.created >= self.takes:
                self.jobs[name] = replace(found, finished=self.now)
        if controller and not self.suspended and not refuses:
            self._fire()
        if operator:
            self._visit(ready, records=records, refuses=refuses)
        self.now += STEP

    def _fire(self) -> None:
        since = max(self.last_scheduled or self.now - CALM, self.now - (CATCHING_UP - LAG))
        fire = last_fire(self.schedule, "Etc/UTC", since, self.now)
        busy = any(item.scheduled and item.finished is None for item in self.jobs.values())
        if fire is None or busy:
            return
        assert slot_name(NAME, fire) not in self.jobs, "that would end the controller's attention"
        self._create(slot_name(NAME, fire), scheduled=True)
        self.last_scheduled = fire

    def _visit(self, ready: bool, *, records: bool, refuses: bool) -> None:
        standing = replace(CRON_JOB, suspended=self.suspended, last_scheduled=self.last_scheduled)
        runs = tuple(sorted(self.jobs.values(), key=lambda item: item.created))
        seen = replace(SEEN, cron_job=standing, runs=runs)
        subject = plan(schedule=self.schedule)
        fire = unbegun(subject, seen, self.status, self.now) if ready and refuses else None
        if fire is not None:
            seen = replace(seen, refusal=Refusal(slot_name(NAME, fire), Reason.CHILD_REFUSED, "a quota"))
        self.suspended = not ready or fire is not None
        fires = note_fires(subject, seen, self.status, self.now, valid=True, paused=self.suspended)
        if fires.due is not None and ready and not refuses:
            # A second Job of the name is refused as existing.
            self._create(slot_name(NAME, fires.due), scheduled=False)
        if records:
            self.status = fires.status
            self.missed += fires.news is not None

    def _create(self, name: str, *, scheduled: bool) -> None:
        made = replace(active(name, start=self.now), scheduled=scheduled)
        self.jobs.setdefault(name, made)


STRETCH = st.fixed_dictionaries(
    {
        "ready": st.booleans(),
        "controller": st.booleans(),
        "operator": st.booleans(),
        "records": st.booleans(),
        "refuses": st.booleans(),
    }
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    schedule=st.sampled_from(SCHEDULES),
    minutes=st.integers(0, 24 * 60),
    takes=st.sampled_from([timedelta(seconds=20), timedelta(minutes=4)]),
    stretches=st.lists(st.tuples(STRETCH, st.integers(1, 60)), max_size=5),
)
def test_whatever_was_away_the_last_fire_has_one_run_in_the_end_and_no_fire_two(
    schedule: str,
    minutes: int,
    takes: timedelta,
    stretches: list[tuple[dict[str, bool], int]],
) -> None:
    world = World(schedule, datetime(2024, 3, 6, tzinfo=UTC) + timedelta(minutes=minutes), takes)
    begin = world.now
    for how, steps in stretches:
        for _ in range(steps):
            world.step(**how)
    calm = world.now
    well = {"ready": True, "controller": True, "operator": True, "records": True, "refuses": False}
    while world.now - calm < CALM:
        world.step(**well)

    last = last_fire(schedule, "Etc/UTC", begin, world.now - CATCHING_UP)
    begun = [item.created for item in world.jobs.values()]
    assert last is None or any(moment >= last for moment in begun), "the last fire has its run"
    made_up = [item for item in world.jobs.values() if item.created > calm and not item.scheduled]
    assert len(made_up) <= 1, "one run is made up, and not one for each fire"
    assert world.status.fires is not None
    assert world.status.fires.missed is None
    fires = [slot for name in world.jobs if (slot := slot_of(NAME, name)) is not None]
    assert len(fires) == len(set(fires)) == len(world.jobs)
    assert all(fire_after(schedule, "Etc/UTC", fire - STEP) == fire for fire in fires)


def test_without_an_outage_nothing_is_missed() -> None:
    world = World("*/2 * * * *", datetime(2024, 3, 6, tzinfo=UTC), timedelta(minutes=5))
    well = {"ready": True, "controller": True, "operator": True, "records": True, "refuses": False}
    for _ in range(400):
        world.step(**well)
    assert world.missed == 0
    assert all(item.scheduled for item in world.jobs.values())
