"""Loops of visits: never two at once, wake-ups merged, and nothing ends them but the object's end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from backbone import visits as module
from backbone.errors import Conflict, Denied, Unreachable, Waiting
from backbone.handling import Visited
from backbone.metrics import Metrics
from backbone.visits import Key, Visits
from backbone.vocabulary import Reason

KEY = Key("Thing", "ns", "one")
LATER = Visited("done", after=timedelta(seconds=60))


async def everywhere(namespace: str) -> bool:
    return True


class Script:
    """A reconciler that answers visits from a list, the last answer for ever."""

    def __init__(self, *answers: Visited | Exception | Callable[[], None]) -> None:
        self.answers = list(answers)
        self.visited = 0
        self.running = 0
        self.most_at_once = 0
        self.admitted: list[tuple[Reason, str]] = []
        self.hold: asyncio.Event | None = None

    async def visit(self, namespace: str, name: str) -> Visited:
        self.visited += 1
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            if self.hold is not None:
                await self.hold.wait()
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, Exception):
                raise answer
            assert isinstance(answer, Visited)
            return answer
        finally:
            self.running -= 1

    async def admit(self, namespace: str, name: str, reason: Reason, message: str) -> None:
        self.admitted.append((reason, message))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE", 0.001)
    monkeypatch.setattr(module, "FIRST_RETRY", 0.002)
    monkeypatch.setattr(module, "LAST_RETRY", 0.01)
    monkeypatch.setattr(module, "BUG_RETRY", 0.01)
    monkeypatch.setattr(module, "SHARE", 0.0)


@pytest.fixture
async def begin() -> AsyncIterator[Callable[[Script], Visits]]:
    made: list[Visits] = []

    def visits_of(script: Script) -> Visits:
        reconcilers: dict[str, object] = {"Thing": script}
        visits = Visits(reconcilers, Metrics(CollectorRegistry()), timedelta(seconds=60), everywhere)  # type: ignore[arg-type]
        made.append(visits)
        visits.wake(KEY)
        return visits

    yield visits_of
    for visits in made:
        await visits.close()


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not met():  # noqa: ASYNC110 - the condition lies in the loops under test
            await asyncio.sleep(0.001)


def results(visits: Visits) -> dict[str, float]:
    samples = [sample for family in visits._metrics.visits.collect() for sample in family.samples]
    return {item.labels["result"]: item.value for item in samples if item.name.endswith("_total")}


async def test_wake_ups_during_a_visit_are_merged_into_one_more(begin: Callable[[Script], Visits]) -> None:
    script = Script(LATER)
    script.hold = asyncio.Event()
    visits = begin(script)
    await until(lambda: script.running == 1)
    for _ in range(10):
        visits.wake(KEY)
    script.hold.set()
    await until(lambda: script.visited == 2)
    await asyncio.sleep(0.02)
    assert script.visited == 2
    assert script.most_at_once == 1


@pytest.mark.parametrize(
    ("error", "result"),
    [
        pytest.param(Conflict("older"), "conflict", id="a conflict leads to another look"),
        pytest.param(
            Waiting("ends", timedelta()), "waiting", id="a namespace that ends leads to another look"
        ),
        pytest.param(Unreachable("no answer"), "ApiUnreachable", id="no answer leads to another look"),
        pytest.param(Denied("forbidden"), "PermissionDenied", id="a missing right leads to another look"),
        pytest.param(ZeroDivisionError("bug"), "InternalError", id="a bug leads to another look"),
    ],
)
async def test_no_exception_ends_a_loop(
    begin: Callable[[Script], Visits], error: Exception, result: str
) -> None:
    script = Script(error, LATER)
    visits = begin(script)
    await until(lambda: script.visited == 2)
    await until(lambda: results(visits) == {result: 1, "done": 1})


async def test_a_bug_is_told_at_once_and_named(begin: Callable[[Script], Visits]) -> None:
    script = Script(ZeroDivisionError("by zero"), LATER)
    begin(script)
    await until(lambda: script.visited == 2)
    assert script.admitted == [(Reason.INTERNAL_ERROR, "ZeroDivisionError: by zero")]


async def test_a_blink_of_the_api_server_is_no_news_and_an_outage_is(
    begin: Callable[[Script], Visits],
) -> None:
    blinks = Script(Unreachable("1"), Unreachable("2"), LATER)
    begin(blinks)
    await until(lambda: blinks.visited == 3)
    assert blinks.admitted == []
    outage = Script(Unreachable("1"), Unreachable("2"), Unreachable("3"), LATER)
    begin(outage)
    await until(lambda: outage.visited == 4)
    assert outage.admitted == [(Reason.API_UNREACHABLE, "3")]


async def test_a_visit_that_never_ends_is_cut_off(
    begin: Callable[[Script], Visits], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEADLINE", 0.01)
    script = Script(LATER)
    script.hold = asyncio.Event()
    visits = begin(script)
    await until(lambda: results(visits).get("ApiUnreachable", 0) >= 3)
    assert script.admitted[0][0] is Reason.API_UNREACHABLE


async def test_an_object_that_is_gone_is_not_visited_again_until_it_comes_back(
    begin: Callable[[Script], Visits],
) -> None:
    script = Script(Visited("gone", gone=True))
    visits = begin(script)
    await until(lambda: script.visited == 1)
    await asyncio.sleep(0.01)
    assert visits._loops == {}
    visits.wake(KEY)
    await until(lambda: script.visited == 2)


async def test_an_object_that_comes_back_while_its_end_is_seen_is_visited_again(
    begin: Callable[[Script], Visits],
) -> None:
    script = Script(Visited("gone", gone=True), LATER)
    script.hold = asyncio.Event()
    visits = begin(script)
    await until(lambda: script.running == 1)
    visits.wake(KEY)
    script.hold.set()
    await until(lambda: script.visited == 2)


async def test_after_the_end_nobody_is_woken(begin: Callable[[Script], Visits]) -> None:
    script = Script(LATER)
    visits = begin(script)
    await until(lambda: script.visited == 1)
    await visits.close()
    visits.wake(KEY)
    await asyncio.sleep(0.02)
    assert (script.visited, visits._loops) == (1, {})


async def test_progress_is_measured_from_the_last_visit_that_ended(
    begin: Callable[[Script], Visits],
) -> None:
    script = Script(LATER)
    script.hold = asyncio.Event()
    visits = begin(script)
    await until(lambda: script.running == 1)
    await asyncio.sleep(0.02)
    during = visits.progress()["Thing"]
    assert (during.objects, during.queued, during.under_way) == (1, 0, 1)
    assert min(during.silent, during.longest, during.overdue, during.oldest_status) >= 0.02
    assert during.longest_of == "ns/one"
    released = asyncio.get_running_loop().time()
    script.hold.set()
    await until(lambda: results(visits) == {"done": 1})
    await asyncio.sleep(0.01)
    after = visits.progress()["Thing"]
    assert (after.queued, after.under_way, after.silent, after.longest, after.overdue) == (0, 0, 0, 0, 0)
    assert after.oldest_status <= asyncio.get_running_loop().time() - released


async def test_what_waits_for_its_turn_is_queued(
    begin: Callable[[Script], Visits], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    script = Script(LATER)
    script.hold = asyncio.Event()
    visits = begin(script)
    for number in range(4):
        visits.wake(Key("Thing", "ns", f"more-{number}"))
    await until(lambda: visits.progress()["Thing"].under_way == 2)
    await asyncio.sleep(0.01)
    assert (script.running, visits.progress()["Thing"].queued) == (2, 3)
    script.hold.set()
    await until(lambda: script.visited == 5)


async def test_a_status_that_could_not_be_looked_at_goes_on_ageing(begin: Callable[[Script], Visits]) -> None:
    script = Script(Unreachable("no answer"))
    visits = begin(script)
    await until(lambda: script.visited >= 3)
    await asyncio.sleep(0.02)
    assert visits.progress()["Thing"].oldest_status >= 0.02


async def test_the_first_that_gets_through_wakes_those_that_failed_for_the_same_reason(
    begin: Callable[[Script], Visits], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY", 60.0)
    monkeypatch.setattr(module, "LAST_RETRY", 60.0)
    monkeypatch.setattr(module, "SCOUT_RETRY", 60.0)
    script = Script(Denied("forbidden"), Denied("forbidden"), LATER)
    visits = begin(script)
    other = Key("Thing", "ns", "other")
    visits.wake(other)
    await until(lambda: results(visits) == {"PermissionDenied": 2})
    visits.wake(KEY)
    await until(lambda: results(visits) == {"PermissionDenied": 2, "done": 2})


async def test_a_refused_child_is_tried_again_before_the_ordinary_look(
    begin: Callable[[Script], Visits],
) -> None:
    refused = Visited("done", after=timedelta(seconds=60), refused=Reason.CHILD_REFUSED)
    script = Script(refused, refused, LATER)
    visits = begin(script)
    await until(lambda: results(visits) == {"ChildRefused": 2, "done": 1})


async def test_pauses_grow_to_a_bound_that_leaves_the_api_server_in_peace(
    begin: Callable[[Script], Visits], monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = begin(Script(LATER))
    monkeypatch.setattr(module, "FIRST_RETRY", 1.0)
    monkeypatch.setattr(module, "LAST_RETRY", 30.0)
    monkeypatch.setattr(module, "SHARE", 0.1)
    loop = module._Loop()
    whole = [1, 2, 4, 8, 16, 30, 30, 30]
    for expected in whole:
        assert 0.75 * expected <= pause_of(visits, loop) <= expected
    monkeypatch.setattr(module, "SHARE", 0.1)
    denied = [module._Loop(failures=9, failing=Reason.PERMISSION_DENIED) for _ in range(1000)]
    crowd = {Key("Thing", "ns", str(number)): item for number, item in enumerate(denied)}
    monkeypatch.setattr(visits, "_loops", crowd)
    assert 75 <= pause_of(visits, denied[-1], Reason.PERMISSION_DENIED) <= 100
    assert pause_of(visits, denied[0], Reason.PERMISSION_DENIED) <= 10, "one finds out for all"
    monkeypatch.undo()


def pause_of(visits: Visits, loop: module._Loop, reason: Reason | None = None) -> float:
    after = visits._failed(loop, "x", reason).after
    assert after is not None
    return after.total_seconds()


async def test_no_kind_waits_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 1)
    held, free = Script(LATER), Script(LATER)
    held.hold = asyncio.Event()
    reconcilers: dict[str, object] = {"Held": held, "Free": free}
    visits = Visits(reconcilers, Metrics(CollectorRegistry()), timedelta(seconds=60), everywhere)  # type: ignore[arg-type]
    visits.wake(Key("Held", "ns", "one"))
    visits.wake(Key("Free", "ns", "one"))
    await until(lambda: free.visited == 1)
    assert held.running == 1
    held.hold.set()
    await visits.close()


async def test_a_visit_under_way_may_end_before_the_process_does(begin: Callable[[Script], Visits]) -> None:
    script = Script(LATER)
    script.hold = asyncio.Event()
    visits = begin(script)
    await until(lambda: script.running == 1)
    closing = asyncio.create_task(visits.close())
    await asyncio.sleep(0.01)
    script.hold.set()
    await closing
    assert results(visits) == {"done": 1}


async def test_a_far_look_that_was_asked_for_does_not_replace_the_ordinary_one() -> None:
    script = Script(Visited("done", after=timedelta(hours=1)))
    reconcilers: dict[str, object] = {"Thing": script}
    visits = Visits(reconcilers, Metrics(CollectorRegistry()), timedelta(seconds=0.01), everywhere)  # type: ignore[arg-type]
    visits.wake(KEY)
    await until(lambda: script.visited >= 2)
    await visits.close()


async def test_an_object_that_seemed_gone_is_new_when_it_is_seen_again(
    begin: Callable[[Script], Visits],
) -> None:
    visits = begin(Script(Visited("gone", gone=True)))
    assert visits.changed(KEY, "mark")
    await until(lambda: visits._loops == {})
    assert visits.changed(KEY, "mark")


async def test_a_mark_that_stays_the_same_is_no_change() -> None:
    visits = Visits({}, Metrics(CollectorRegistry()), timedelta(seconds=60), everywhere)
    assert visits.changed(KEY, (1, "a"))
    assert not visits.changed(KEY, (1, "a"))
    assert visits.changed(KEY, (2, "a"))
    assert visits.changed(KEY, None)
    assert not visits.changed(KEY, None)
    assert visits._marks == {}


async def test_what_a_visit_reads_wakes_it_when_it_changes_and_else_leaves_it_asleep(
    begin: Callable[[Script], Visits],
) -> None:
    script = Script(LATER)
    visits = begin(script)
    await until(lambda: script.visited == 1)
    for number, mark in enumerate(("Pending", "Running"), start=2):
        for _ in range(3):
            visits.hear(KEY, "pod", mark)
            await asyncio.sleep(0.01)
        await until(lambda number=number: script.visited >= number)  # type: ignore[misc]
        assert script.visited == number
    # After a restart the first that is heard of a child may be its end.
    for number, source in enumerate(("pod", "another"), start=4):
        visits.hear(KEY, source, None)
        await until(lambda number=number: script.visited >= number)  # type: ignore[misc]
        await asyncio.sleep(0.01)
        assert script.visited == number


async def test_what_an_object_would_read_that_nobody_visits_wakes_nobody_and_is_not_kept(
    begin: Callable[[Script], Visits],
) -> None:
    script = Script(Visited("gone", gone=True))
    visits = begin(script)
    visits.hear(KEY, "pod", "Pending")
    await until(lambda: visits._loops == {})
    visits.hear(KEY, "pod", "Running")
    assert visits._loops == {}


async def test_where_another_operator_serves_nothing_is_visited_until_it_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "STAND_BY", 0.002)
    script, ours = Script(LATER), [False]

    async def serves(namespace: str) -> bool:
        return ours[0]

    visits = Visits({"Thing": script}, Metrics(CollectorRegistry()), timedelta(seconds=60), serves)  # type: ignore[dict-item]
    visits.changed(KEY, "mark")
    visits.wake(KEY)
    await until(lambda: results(visits).get("standing by", 0) > 3)
    assert script.visited == 0
    assert visits.progress()["Thing"].oldest_status < 1, "a status that is another one's business is not old"
    ours[0] = True
    await until(lambda: script.visited == 1)
    await visits.close()


async def test_an_object_that_goes_while_another_operator_serves_is_forgotten() -> None:
    async def serves(namespace: str) -> bool:
        return False

    visits = Visits({"Thing": Script(LATER)}, Metrics(CollectorRegistry()), timedelta(seconds=60), serves)  # type: ignore[dict-item]
    visits.changed(KEY, "mark")
    visits.wake(KEY)
    await until(lambda: results(visits).get("standing by", 0) > 0)
    assert visits.namespaces() == {"ns"}
    visits.changed(KEY, None)
    visits.wake(KEY)
    await until(lambda: visits.namespaces() == set())
    await visits.close()


async def test_what_cannot_be_looked_at_is_told_when_it_begins_and_when_it_ends(
    begin: Callable[[Script], Visits], caplog: pytest.LogCaptureFixture
) -> None:
    script = Script(*[Unreachable("no answer")] * 6, LATER)
    with caplog.at_level("INFO"):
        begin(script)
        await until(lambda: script.visited == 7)
        await asyncio.sleep(0.02)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ["Thing/ns/one: is not looked at: ApiUnreachable", "Thing/ns/one: is looked at again"]
