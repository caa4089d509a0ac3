"""Which topics a backbone plans, and the one word for what Kafka has of each."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from typing import Any

import pytest

from backbone.parts.kafka.topics import (
    DEAD_LETTERS,
    INGEST,
    ORDER,
    OURS,
    PARTITIONS,
    WORST,
    Configure,
    Create,
    Grow,
    Step,
    TopicEntry,
    Verdict,
    growth_token,
    is_of_topics,
    judged,
    planned,
    refused_names,
    summary,
)
from backbone.ports.topics import Described, Management, PlannedTopic, Refusal, Seen, TopicWord

RECONCILE, OBSERVE, CREATE_ONLY = Management.RECONCILE, Management.OBSERVE, Management.CREATE_ONLY
TOPIC = PlannedTopic("quotes", 6, 3, {"retention.ms": "1000"})
SEEN = Described("uuid-1", 6, 3, {"retention.ms": "1000", "cleanup.policy": "delete"})


# Planning


def test_without_entries_our_own_topics_are_planned() -> None:
    found = planned([])
    assert [topic.name for topic in found] == list(OURS)
    assert {topic.partitions for topic in found} == {PARTITIONS}
    assert {topic.replicas for topic in found} == {None}
    assert {topic.management for topic in found} == {CREATE_ONLY}


def test_the_names_of_our_topics_are_those_of_the_documentation() -> None:
    assert OURS == (
        "ingest.dailyBars",
        "ingest.intradayBars",
        "ingest.intradayTrades",
        "ingest.macroSeries",
        "ingest.macroEvents",
        "dead-letters",
    )


def test_events_have_keys_and_dead_letters_have_none() -> None:
    assert {topic.name for topic in planned([]) if topic.keyed} == set(INGEST)


def test_an_entry_with_one_of_our_names_describes_our_topic() -> None:
    entry = TopicEntry("ingest.dailyBars", 12, 3, {"retention.ms": "1"}, RECONCILE)
    found = planned([entry])
    assert len(found) == len(OURS)
    assert found[0] == PlannedTopic("ingest.dailyBars", 12, 3, {"retention.ms": "1"}, RECONCILE, keyed=True)


def test_other_entries_follow_in_their_order_and_have_no_keyed_events() -> None:
    found = planned([TopicEntry("b"), TopicEntry("a", partitions=1)])[len(OURS) :]
    assert found == (PlannedTopic("b", PARTITIONS), PlannedTopic("a", 1))


def test_the_prefix_comes_before_every_name() -> None:
    found = planned([TopicEntry("a"), TopicEntry(DEAD_LETTERS, partitions=1)], "acme.")
    assert {topic.name for topic in found} == {f"acme.{name}" for name in (*OURS, "a")}
    assert [topic.partitions for topic in found if topic.name == "acme.dead-letters"] == [1]


def test_a_thousand_entries_are_planned() -> None:
    entries = [TopicEntry(f"topic-{number}") for number in range(1000)]
    assert len(planned(entries)) == 1000 + len(OURS)


def test_a_topic_is_created_with_the_brokers_time_unless_its_config_says_otherwise() -> None:
    assert TOPIC.created_with == {"message.timestamp.type": "LogAppendTime", "retention.ms": "1000"}
    own = replace(TOPIC, config={"message.timestamp.type": "CreateTime"})
    assert own.created_with == {"message.timestamp.type": "CreateTime"}


# Names


@pytest.mark.parametrize(
    ("name", "says"),
    [
        pytest.param(".", "does not accept the name .;", id="a dot"),
        pytest.param("..", "does not accept the name ..;", id="two dots"),
        pytest.param("", "has characters that Kafka does not accept", id="nothing"),
        pytest.param("a b", "'a b' has characters that Kafka does not accept", id="a space"),
        pytest.param("a/b", "'a/b' has characters that Kafka does not accept", id="a slash"),
        pytest.param("prices\n", "'prices\\n' has characters", id="the end of a line"),
        pytest.param("métal", "'métal' has characters", id="another alphabet"),
        pytest.param("x" * 250, f"{'x' * 40}… has 250 characters with its prefix", id="250 characters"),
    ],
)
def test_a_name_that_kafka_does_not_accept_is_refused_without_asking(name: str, says: str) -> None:
    found = refused_names([PlannedTopic(name, 1)])
    assert found[name].word is TopicWord.NAME_INVALID
    assert found[name].message.startswith("kafka.topics: ")
    assert says in found[name].message
    assert found[name].message.endswith("use 1 to 249 letters, digits, dots, underscores and hyphens")


@pytest.mark.parametrize("name", ["a", "x" * 249, "a.b_c-D9", "...", "_", "-"])
def test_other_names_are_accepted(name: str) -> None:
    assert refused_names([PlannedTopic(name, 1)]) == {}


def test_names_that_differ_by_dot_and_underscore_are_both_refused() -> None:
    found = refused_names([PlannedTopic(name, 1) for name in ("a.b", "a_b", "a-b", "a.b.c")])
    assert {name: verdict.word for name, verdict in found.items()} == {
        "a.b": TopicWord.NAME_COLLIDES,
        "a_b": TopicWord.NAME_COLLIDES,
    }
    assert "a.b and a_b differ only by . and _" in found["a.b"].message


def test_our_own_names_collide_with_no_other_of_ours() -> None:
    assert refused_names(planned([])) == {}
    assert refused_names(planned([], "acme.market_")) == {}


def test_names_that_are_left_never_collide() -> None:
    names = ["".join(letters) for length in (1, 2, 3) for letters in product("ab._", repeat=length)]
    for chosen in (*combinations(names, 2), names):
        refused = refused_names([PlannedTopic(name, 1) for name in chosen])
        left = [name.replace(".", "_") for name in chosen if name not in refused]
        assert len(left) == len(set(left))


# One word


def word(topic: PlannedTopic, seen: Seen, **others: object) -> TopicWord:
    return judged(topic, seen, **others).word  # type: ignore[arg-type]


def test_a_topic_as_the_spec_describes_it_is_ready() -> None:
    assert judged(TOPIC, SEEN) == Verdict(TopicWord.READY, identity="uuid-1")


@pytest.mark.parametrize("management", list(Management))
def test_ready_is_ready_under_each_management(management: Management) -> None:
    assert judged(replace(TOPIC, management=management), SEEN).steps == ()


@pytest.mark.parametrize(
    ("management", "create", "found", "steps", "says"),
    [
        pytest.param(CREATE_ONLY, True, TopicWord.PLANNED, (Create(),), "not created yet", id="to be made"),
        pytest.param(RECONCILE, True, TopicWord.PLANNED, (Create(),), "not created yet", id="to be kept up"),
        pytest.param(OBSERVE, True, TopicWord.MISSING, (), "its management is Observe", id="observed"),
        pytest.param(
            CREATE_ONLY, False, TopicWord.MISSING, (), "kafka.autoCreateTopics is false", id="not to be made"
        ),
        pytest.param(
            RECONCILE, False, TopicWord.MISSING, (), "kafka.autoCreateTopics is false", id="kept up, not made"
        ),
    ],
)
def test_a_topic_that_is_not_there(
    management: Management, create: bool, found: TopicWord, steps: tuple[Step, ...], says: str
) -> None:
    verdict = judged(replace(TOPIC, management=management), None, create=create)
    assert (verdict.word, verdict.steps) == (found, steps)
    assert says in verdict.message


@pytest.mark.parametrize("management", [CREATE_ONLY, OBSERVE])
@pytest.mark.parametrize(
    ("seen", "found"),
    [
        pytest.param(replace(SEEN, partitions=3), TopicWord.FEWER_PARTITIONS, id="fewer partitions"),
        pytest.param(replace(SEEN, partitions=9), TopicWord.MORE_PARTITIONS, id="more partitions"),
        pytest.param(replace(SEEN, replicas=1), TopicWord.REPLICATION_DIFFERS, id="other replicas"),
        pytest.param(replace(SEEN, config={"retention.ms": "5"}), TopicWord.DRIFTED, id="another value"),
    ],
)
def test_what_is_not_to_be_reconciled_is_told_and_never_altered(
    management: Management, seen: Described, found: TopicWord
) -> None:
    verdict = judged(replace(TOPIC, management=management), seen)
    assert (verdict.word, verdict.steps) == (found, ())


def test_fewer_partitions_grow_where_that_is_asked_for() -> None:
    verdict = judged(replace(TOPIC, management=RECONCILE), replace(SEEN, partitions=3))
    assert verdict.word is TopicWord.FEWER_PARTITIONS
    assert verdict.steps == (Grow(6),)
    assert verdict.message == "topic quotes has 3 partitions, and the spec 6; provisioning adds them"


def test_partitions_of_keyed_events_grow_only_with_an_approval() -> None:
    topic = replace(TOPIC, management=RECONCILE, keyed=True)
    seen = replace(SEEN, partitions=3)
    verdict = judged(topic, seen)
    assert verdict.steps == ()
    assert verdict.token == growth_token(topic, seen)
    assert is_of_topics(verdict.token)
    assert f"annotation backbone.emp.dev/confirm={verdict.token}" in verdict.message
    approved = judged(topic, seen, confirmed={verdict.token})
    assert (approved.steps, approved.token) == ((Grow(6),), None)


@pytest.mark.parametrize(
    ("topic", "seen"),
    [
        pytest.param({"name": "another"}, {}, id="another topic"),
        pytest.param({"partitions": 7}, {}, id="another number"),
        pytest.param({}, {"partitions": 4}, id="from another number"),
        pytest.param({}, {"identity": "uuid-2"}, id="a topic that was created again"),
    ],
)
def test_an_approval_is_of_one_growth_of_one_topic(topic: dict[str, Any], seen: dict[str, Any]) -> None:
    keyed = replace(TOPIC, management=RECONCILE, keyed=True)
    token = growth_token(keyed, replace(SEEN, partitions=3))
    verdict = judged(replace(keyed, **topic), replace(SEEN, **{"partitions": 3, **seen}), confirmed={token})
    assert verdict.steps == ()
    assert verdict.token not in {None, token}


def test_a_token_stays_where_something_worse_is_told() -> None:
    topic = replace(TOPIC, management=RECONCILE, keyed=True)
    verdict = judged(topic, replace(SEEN, partitions=3), known_identity="uuid-0")
    assert verdict.word is TopicWord.REPLACED
    assert verdict.token == growth_token(topic, replace(SEEN, partitions=3))


def test_an_approval_changes_nothing_where_nothing_is_reconciled() -> None:
    seen = replace(SEEN, partitions=3)
    assert judged(TOPIC, seen, confirmed={growth_token(TOPIC, seen)}).steps == ()


def test_partitions_never_shrink() -> None:
    verdict = judged(replace(TOPIC, management=RECONCILE), replace(SEEN, partitions=7))
    assert (verdict.word, verdict.steps) == (TopicWord.MORE_PARTITIONS, ())
    assert verdict.message.endswith("Kafka cannot remove partitions; set partitions to 7")


def test_replicas_are_told_and_never_changed() -> None:
    verdict = judged(replace(TOPIC, management=RECONCILE), replace(SEEN, replicas=2))
    assert (verdict.word, verdict.steps) == (TopicWord.REPLICATION_DIFFERS, ())
    assert "has 2 replicas, and the spec 3" in verdict.message


def test_the_brokers_own_number_of_replicas_never_differs() -> None:
    assert word(replace(TOPIC, replicas=None), replace(SEEN, replicas=1)) is TopicWord.READY


def test_drift_is_put_back_where_that_is_asked_for() -> None:
    verdict = judged(replace(TOPIC, management=RECONCILE), replace(SEEN, config={"retention.ms": "5"}))
    assert verdict.word is TopicWord.DRIFTED
    assert verdict.steps == (Configure({"retention.ms": "1000"}),)
    assert verdict.message == "retention.ms of topic quotes is 5, and 1000 in the spec; provisioning sets it"


def test_only_the_keys_that_the_spec_names_are_compared_and_only_those_that_differ_are_set() -> None:
    topic = replace(TOPIC, management=RECONCILE, config={"retention.ms": "1", "cleanup.policy": "compact"})
    seen = replace(SEEN, config={"retention.ms": "1", "cleanup.policy": "delete", "segment.ms": "7"})
    assert judged(topic, seen).steps == (Configure({"cleanup.policy": "compact"}),)


def test_several_keys_that_drifted_are_counted() -> None:
    topic = replace(TOPIC, config={"b": "1", "a": "1", "c": "1"})
    verdict = judged(topic, replace(SEEN, config={"a": "2", "b": "2", "c": "2"}))
    assert verdict.message.startswith("a of topic quotes is 2, and 1 in the spec (and 2 further keys)")


@pytest.mark.parametrize(
    ("desired", "actual", "equal"),
    [
        pytest.param("compact,delete", "delete, compact", True, id="a list in another order"),
        pytest.param("0010", "10", True, id="a number"),
        pytest.param("-1", "-1", True, id="a number below zero"),
        pytest.param("true", "false", False, id="a switch"),
        pytest.param("0.5", "0.50", False, id="a fraction, which Kafka keeps as it was written"),
        pytest.param("LogAppendTime", "CreateTime", False, id="a word"),
        pytest.param("", "delete", False, id="nothing"),
    ],
)
def test_two_spellings_of_one_value_are_no_drift(desired: str, actual: str, equal: bool) -> None:
    found = word(replace(TOPIC, config={"key": desired}), replace(SEEN, config={"key": actual}))
    assert (found is TopicWord.READY) is equal


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(None, id="nobody could read it"),
        pytest.param({"retention.ms": None}, id="Kafka does not show it"),
    ],
)
def test_a_config_that_nobody_saw_is_no_drift(config: dict[str, str | None] | None) -> None:
    assert word(TOPIC, replace(SEEN, config=config)) is TopicWord.READY


@pytest.mark.parametrize("management", [CREATE_ONLY, RECONCILE, OBSERVE])
def test_a_key_that_kafka_does_not_know_is_told_of_a_topic_that_exists_and_never_set(
    management: Management,
) -> None:
    config = {"retention.ms": "1000", "retention.msec": "1", "cleanup.policies": "compact"}
    topic = replace(TOPIC, config=config, management=management)
    verdict = judged(topic, replace(SEEN, config={"retention.ms": "5"}))
    assert verdict.word is TopicWord.CONFIG_INVALID
    assert "Kafka does not know cleanup.policies, retention.msec; correct config" in verdict.message
    steps = (Configure({"retention.ms": "1000"}),) if management is RECONCILE else ()
    assert verdict.steps == steps


def test_the_time_of_a_topic_that_exists_is_nobodys_business() -> None:
    plain = replace(TOPIC, config={})
    assert word(plain, replace(SEEN, config={"message.timestamp.type": "CreateTime"})) is TopicWord.READY


def test_a_topic_that_was_made_again_says_so_before_anything_else() -> None:
    verdict = judged(TOPIC, replace(SEEN, partitions=1), known_identity="uuid-0")
    assert verdict.word is TopicWord.REPLACED
    assert verdict.identity == "uuid-1"
    assert "records from before are lost" in verdict.message
    assert word(TOPIC, SEEN, known_identity="uuid-1") is TopicWord.READY


def test_a_topic_that_was_made_again_is_brought_up_all_the_same() -> None:
    topic = replace(TOPIC, management=RECONCILE)
    seen = replace(SEEN, partitions=1, config={"retention.ms": "5"})
    verdict = judged(topic, seen, known_identity="uuid-0")
    assert verdict.steps == (Grow(6), Configure({"retention.ms": "1000"}))


@pytest.mark.parametrize("said", list(TopicWord))
def test_what_kafka_refused_is_the_word(said: TopicWord) -> None:
    assert judged(TOPIC, Refusal(said, "in its words")) == Verdict(said, "in its words")


CONFIGS: tuple[dict[str, str | None] | None, ...] = (None, {"retention.ms": "1000"}, {"retention.ms": "5"})
SEEN_TOPICS = [
    Described(*described) for described in product(["uuid-1", "uuid-2"], (3, 6, 9), (1, 3), CONFIGS)
]
SWITCHES = (False, True)


class Approves:
    """Every token, or none."""

    def __init__(self, all_of_them: bool) -> None:
        self._all = all_of_them

    def __contains__(self, _: object) -> bool:
        return self._all


@pytest.mark.parametrize("management", [CREATE_ONLY, OBSERVE])
def test_nothing_that_exists_is_altered_unless_it_is_to_be_reconciled(management: Management) -> None:
    for seen, known, approved, keyed in product((None, *SEEN_TOPICS), (None, "uuid-1"), SWITCHES, SWITCHES):
        topic = replace(TOPIC, management=management, keyed=keyed)
        verdict = judged(topic, seen, known_identity=known, confirmed=Approves(approved))
        assert verdict.steps == (() if seen is not None or management is OBSERVE else (Create(),))


def test_ready_and_steps_exclude_each_other() -> None:
    for seen, approved, keyed in product(SEEN_TOPICS, SWITCHES, SWITCHES):
        verdict = judged(
            replace(TOPIC, management=RECONCILE, keyed=keyed), seen, confirmed=Approves(approved)
        )
        if verdict.word is TopicWord.READY:
            assert (verdict.steps, verdict.message) == ((), "")
        else:
            assert verdict.message


# Summary


def test_a_summary_counts_by_word_and_has_the_worst_first() -> None:
    verdicts = {
        "d": Verdict(TopicWord.READY),
        "c": Verdict(TopicWord.DRIFTED, "drifted"),
        "b": Verdict(TopicWord.NOT_AUTHORIZED, "denied"),
        "a": Verdict(TopicWord.DRIFTED, "drifted too"),
    }
    found = summary(verdicts)
    assert found.counts == {TopicWord.NOT_AUTHORIZED: 1, TopicWord.DRIFTED: 2, TopicWord.READY: 1}
    assert list(found.counts) == [TopicWord.NOT_AUTHORIZED, TopicWord.DRIFTED, TopicWord.READY]
    assert [name for name, _ in found.worst] == ["b", "a", "c"]


def test_a_summary_names_twenty_topics_and_counts_all() -> None:
    found = summary({f"t{number:04}": Verdict(TopicWord.MISSING, "missing") for number in range(1000)})
    assert len(found.worst) == WORST == 20
    assert found.counts == {TopicWord.MISSING: 1000}


def test_a_summary_of_nothing_is_empty() -> None:
    assert summary({}).counts == {}


def test_ready_is_the_best_word_and_each_has_a_place() -> None:
    assert max(ORDER, key=ORDER.__getitem__) is TopicWord.READY
    assert ORDER.keys() == set(TopicWord)
