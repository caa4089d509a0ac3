"""Samples of consumer groups: commits before ends, what could not be read is absent, a look is bounded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import pytest

from backbone.grading.lag import GroupMemory, LagRules, judged
from backbone.ports.lag import Bounds, Commit, GroupSample, LagReason, LagWord, Members, Partition, Written
from backbone.ports.stream import KafkaFault, KafkaTrouble, KafkaUnavailable
from backbone.runtime import sampling
from backbone.runtime.lag_look import Look, Seen, Watched, looked
from backbone.runtime.sampling import Pace, now, sampled, window

ONE, TWO = Partition("one", 0), Partition("two", 0)
PACE = Pace(apart=0.0)
AWAY = KafkaUnavailable(KafkaTrouble(KafkaFault.TIMED_OUT, "Kafka does not answer"))


@dataclass
class Moving:
    """A Kafka whose one group keeps up: each call finds it and its logs ten records further."""

    place: int = 100
    fails: Callable[[int], bool] = lambda _: False
    calls: list[str] = field(default_factory=list)
    topics: Mapping[str, tuple[Partition, ...] | str] = field(
        default_factory=lambda: {"one": (ONE,), "two": (TWO,)}
    )
    who: Members | str = field(default_factory=lambda: Members(1, {ONE: 1, TWO: 1}))
    behind: int = 0
    stands: bool = False

    def _called(self, name: str) -> int:
        self.calls.append(name)
        if self.fails(len(self.calls)):
            raise AWAY
        self.place += 0 if self.stands else 10
        return self.place

    def partitions(self, topics: Collection[str]) -> dict[str, tuple[Partition, ...] | str]:
        return {name: found for name, found in self.topics.items() if name in topics}

    def members(self, groups: Collection[str]) -> dict[str, Members | str]:
        self._called("members")
        return dict.fromkeys(groups, self.who)

    def commits(
        self, wanted: Mapping[str, Collection[Partition]]
    ) -> dict[str, dict[Partition, Commit] | str]:
        place = self._called("commits") - self.behind
        return {group: {item: Commit(place) for item in found} for group, found in wanted.items()}

    def bounds(self, partitions: Collection[Partition]) -> dict[Partition, Bounds | str]:
        place = self._called("bounds")
        return {item: Bounds(0, place, 3) for item in partitions}

    def written(self, wanted: Mapping[str, Mapping[Partition, int]]) -> dict[str, dict[Partition, Written]]:
        return {group: dict.fromkeys(found, now()) for group, found in wanted.items()}

    def retention(self, topics: Collection[str]) -> dict[str, int]:
        return dict.fromkeys(topics, 3_600_000)


def ends_first(kafka: Moving, asked: Mapping[str, Collection[Partition]]) -> dict[str, GroupSample]:
    """The mutant: what a sampler sees that reads the ends of the logs before the commits."""
    bounds = kafka.bounds([ONE])
    kafka.bounds = lambda _: bounds  # type: ignore[method-assign]
    try:
        return sampled(kafka, asked)
    finally:
        del kafka.bounds  # type: ignore[method-assign]


def lags(kafka: Moving, sample: Callable[..., dict[str, GroupSample]]) -> list[int]:
    """The end minus the commit of ten samples, as they were read."""
    readings = [sample(kafka, {"g": [ONE]})["g"].readings[ONE] for _ in range(10)]
    return [item.end - (item.committed or 0) for item in readings]


def test_a_group_that_keeps_up_is_never_ahead_of_its_log() -> None:
    assert min(lags(Moving(), sampled)) >= 0


def test_ends_that_are_read_before_commits_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert min(lags(Moving(), ends_first)) < 0
    monkeypatch.setattr(sampling, "sampled", ends_first)
    samples = window(Moving(), {"g": [ONE]}, PACE, lambda _: None)["g"]
    found = judged(samples, ONE, None, LagRules())
    assert (found.word, found.reason) == (LagWord.UNKNOWN, LagReason.COMMIT_BEYOND_END)


def test_a_sample_without_an_answer_has_no_readings() -> None:
    samples = window(Moving(fails=lambda call: call == 5), {"g": [ONE]}, PACE, lambda _: None)["g"]
    assert [bool(item.readings) for item in samples] == [True, False] + [True] * 8
    assert samples[1].fault == "Kafka does not answer"
    assert judged(samples, ONE, None, LagRules()).word is LagWord.UNKNOWN


def test_no_answer_at_all_is_raised() -> None:
    with pytest.raises(KafkaUnavailable):
        window(Moving(fails=lambda _: True), {"g": [ONE]}, PACE, lambda _: None)


def test_samples_are_as_far_apart_as_asked() -> None:
    pauses: list[float] = []
    window(Moving(), {"g": [ONE]}, Pace(apart=6.0), lambda _: None, pauses.append)
    assert len(pauses) == 9
    assert all(5.5 < pause <= 6.0 for pause in pauses)


def test_each_sample_is_told() -> None:
    said: list[str] = []
    window(Moving(), {"g": [ONE]}, PACE, said.append)
    assert said[0] == "lag: sample 1 of 10"
    assert len(said) == 10


def look(kafka: Moving, memory: Mapping[str, GroupMemory] | None = None, *topics: str) -> Look:
    return looked(kafka, [Watched("g", topics or ("one",))], memory or {}, PACE, lambda _: None)


def group(found: Look) -> Seen:
    return found.groups["g"]


def test_two_looks_that_agree_say_ok() -> None:
    kafka = Moving()
    first = look(kafka)
    assert group(first).group.entered.word is LagWord.UNKNOWN
    second = look(kafka, first.memory)
    assert group(second).group.entered.word is LagWord.OK
    assert group(second).group.partitions[ONE].leader_epoch == 3


def test_the_oldest_unread_record_and_its_end_are_told() -> None:
    found = group(look(Moving(behind=500)))
    assert found.oldest is not None
    assert 0 <= found.oldest < 5
    assert found.hours is not None
    assert 0.9 < found.hours <= 1.0


def test_no_lag_has_no_age_and_what_was_not_read_has_none_either() -> None:
    assert group(look(Moving(stands=True))).oldest == 0.0
    assert group(look(Moving(who="no right"))).group.window is LagWord.UNKNOWN
    assert group(look(Moving(topics={"one": "no such topic"}))).oldest is None


@pytest.mark.parametrize("topics", [{"one": (ONE,)}, {"one": (ONE,), "two": "no such topic"}])
def test_a_topic_that_is_not_described_makes_the_group_unknown(
    topics: dict[str, tuple[Partition, ...] | str],
) -> None:
    found = group(look(Moving(topics=topics, stands=True), None, "one", "two")).group
    assert (found.window, found.worst) == (LagWord.UNKNOWN, TWO)
    assert "topic" in found.fault


def test_what_is_known_of_a_topic_outlasts_a_look_that_could_not_describe_it() -> None:
    kafka = Moving(place=1000)
    first = look(kafka, None, "one", "two")
    kafka.topics = {"one": (ONE,), "two": "no answer"}
    second = look(kafka, first.memory, "one", "two")
    kafka.topics = {"one": (ONE,), "two": (TWO,)}
    kafka.place, kafka.stands, kafka.behind = 1300, True, 900
    third = look(kafka, second.memory, "one", "two")
    assert group(third).group.partitions[TWO].word is LagWord.REWIND
