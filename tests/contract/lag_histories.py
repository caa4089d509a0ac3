"""What is done to consumers, and the word that is true of them then; `record_lag.py` records each of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from confluent_kafka import Producer

from backbone.ports.lag import LagReason, LagWord
from lag_scene import LONG_SESSION, Child, Scene

OK, WARNING, STALLED, STOPPED = LagWord.OK, LagWord.WARNING, LagWord.STALLED, LagWord.STOPPED
REWIND, UNKNOWN = LagWord.REWIND, LagWord.UNKNOWN


@dataclass(frozen=True)
class History:
    """`did` is what was done to the consumer; the label follows from it, and from no rule."""

    did: str
    word: LagWord
    play: Callable[[Scene], object]
    reason: LagReason | None = None
    tolerated: int = 0
    expired: bool = False
    live: bool = False
    """Whether `make test` does it anew."""


def keeps_up(scene: Scene, **asked: Any) -> None:
    scene.make()
    scene.produce(20)
    scene.consume(**asked)
    scene.until_committed(20)
    scene.trickle()
    scene.look()


def idle(scene: Scene) -> None:
    scene.make()
    scene.consume()
    scene.look()


def caught_up(scene: Scene, count: int = 20, **asked: Any) -> Child:
    """A consumer that has read all."""
    scene.make()
    scene.produce(count)
    child = scene.consume(**asked)
    scene.until_committed(count)
    return child


def slow_topic(scene: Scene) -> None:
    caught_up(scene, 3)
    scene.look()
    scene.look_later({4: partial(scene.produce, 1)})


def stopped(scene: Scene, count: int = 10, **asked: Any) -> None:
    caught_up(scene, **asked).stop()
    scene.until_nobody()
    scene.produce(count)
    scene.look()


def stopped_while_records_come(scene: Scene) -> None:
    child = caught_up(scene)
    scene.trickle()
    scene.look()
    child.stop()
    scene.until_nobody()
    scene.look()


def killed_just_now(scene: Scene) -> None:
    """The broker takes the member for live for the rest of its session."""
    child = caught_up(scene, config=LONG_SESSION)
    scene.look()
    child.stop()
    scene.produce(10)
    scene.look()
    scene.look_later()


def frozen(scene: Scene) -> None:
    child = caught_up(scene)
    child.freeze()
    scene.produce(10)
    scene.until_nobody()
    scene.look()


def frozen_with_a_long_session(scene: Scene) -> None:
    child = caught_up(scene, config=LONG_SESSION)
    child.freeze()
    scene.trickle()
    scene.look()
    scene.look_later()


def hangs(scene: Scene, **config: object) -> None:
    """Its handler does not return, and its heartbeats go on."""
    child = caught_up(scene, config=config)
    child.order("hang")
    scene.produce(10)
    if config:
        scene.until_nobody()
    scene.look()
    scene.look_later()


def hangs_at_the_first_look(scene: Scene) -> None:
    child = caught_up(scene)
    child.order("hang")
    scene.produce(10)
    scene.look()


def reads_without_commits(scene: Scene) -> None:
    child = caught_up(scene)
    child.order("mute")
    scene.trickle()
    scene.look()
    scene.look_later()


def seeked(scene: Scene, delay: float, count: int = 100) -> None:
    """Back to the beginning, within the window and from no lag at all."""
    child = caught_up(scene, count, delay=delay)
    scene.look({4: lambda: child.order("seek 0")})


def seeked_between_looks(scene: Scene, delay: float) -> None:
    child = caught_up(scene, 100, delay=delay)
    scene.look()
    child.order("seek 0")
    scene.look()


def reset(scene: Scene, *, to: int, consume: float | None = None, done: bool = False) -> None:
    """By hand, between two looks, while nobody is there."""
    stopped(scene)
    scene.commit(to)
    if consume is not None:
        scene.consume(delay=consume)
    if done:
        scene.until_committed(30)
    scene.look()


def absent(scene: Scene, count: int) -> None:
    scene.make()
    scene.produce(count)
    scene.look()


def never_commits(scene: Scene) -> None:
    scene.make()
    scene.produce(10)
    scene.consume(every=None)
    scene.look()


def deleted(scene: Scene) -> None:
    stopped(scene)
    scene.delete_group()
    scene.look()


def slow(scene: Scene, delay: float, each: float, backlog: int = 0) -> None:
    scene.make()
    scene.produce(20 + backlog)
    scene.consume(delay=delay)
    scene.until_committed(1)
    scene.trickle(each)
    scene.until_committed(8)
    scene.look()


def commits_rarely(scene: Scene) -> None:
    """As rarely as a program that commits each ten minutes, next to the time that a commit may stand."""
    scene.make()
    scene.trickle()
    scene.consume(every=4.5)
    scene.until_committed(1)
    scene.look()
    scene.look_later()


def commits_rarely_and_stops(scene: Scene) -> None:
    scene.make()
    scene.trickle()
    child = scene.consume(every=4.5)
    scene.until_committed(1)
    scene.look()
    child.stop()
    scene.until_nobody()
    scene.look()


def expired(scene: Scene, before: int) -> None:
    """Records go that nobody has read."""
    stopped(scene, 30)
    scene.delete_records(before)
    scene.look()


def expired_before_a_member(scene: Scene) -> None:
    child = caught_up(scene)
    child.order("hang")
    scene.produce(30)
    scene.look()
    scene.delete_records(40)
    scene.look_later()


def compacted(scene: Scene, *, stop: bool) -> None:
    config = {"cleanup_policy": "compact", "segment_ms": "100", "min_cleanable_dirty_ratio": "0.01"}
    scene.make(1, **config)
    for _ in range(10):
        scene.produce(10, key=b"one")
    child = scene.consume()
    scene.until_committed(100)
    if stop:
        child.stop()
        scene.until_nobody()
        for _ in range(5):
            scene.produce(10, key=b"one")
            time.sleep(0.2)
    scene.look()


def transactional(
    scene: Scene, *, end: str, later: str = "", settings: dict[str, object] | None = None
) -> None:
    """Records of a transaction that is committed, aborted, or left open; then perhaps another one."""
    scene.make()
    scene.produce(5)
    scene.consume(config={"isolation.level": "read_committed", **(settings or {})})
    scene.until_committed(5)
    producer = Producer({**scene.parameters, "transactional.id": scene.group})
    producer.init_transactions(30)
    for _ in range(5):
        producer.begin_transaction()
        producer.produce(scene.topic, b"x", partition=0)
        producer.flush(30)
        if end == "commit":
            producer.commit_transaction(30)
        elif end == "abort":
            producer.abort_transaction(30)
        else:
            break
    if end == "commit":
        scene.until_committed(14)
    scene.look()
    if later == "commit":
        producer.commit_transaction(30)
        scene.until_committed(6)
    scene.look_later()
    scene.keep(producer)


def simple(scene: Scene, *, stop: bool) -> None:
    """A program that takes its partition by itself: the broker knows no member."""
    scene.make()
    scene.produce(20)
    child = scene.consume(assign=True, delay=0.01)
    scene.until_committed(5)
    scene.trickle()
    if stop:
        child.stop()
    scene.look()


def one_of_two_leaves(scene: Scene) -> None:
    scene.make(2)
    first, _ = scene.consume(), scene.consume()
    scene.produce(20, 0)
    scene.produce(20, 1)
    scene.until_committed(20)
    scene.trickle()
    first.process.terminate()
    scene.until_reads(1)
    scene.look()


def reads_another_topic(scene: Scene) -> None:
    """The group has a member, and nobody reads this topic any more."""
    stopped(scene)
    scene.consume(topics=[scene.another()])
    scene.look()


def created_again(scene: Scene) -> None:
    stopped(scene, 0)
    scene.make_again()
    scene.produce(5)
    scene.look()


def created_again_and_read(scene: Scene) -> None:
    stopped(scene, 0)
    scene.make_again()
    scene.produce(5)
    scene.consume()
    scene.until_committed(5)
    scene.look()


def read_fast(scene: Scene) -> None:
    """Commits follow the end so closely that an end which was read first would lie behind them."""
    caught_up(scene)
    scene.trickle(0.005)
    scene.look()


def comes_back(scene: Scene) -> None:
    stopped(scene)
    scene.consume()
    scene.until_committed(30)
    scene.look()


def lag_stays(scene: Scene) -> None:
    """It reads as fast as records come, always some behind."""
    slow(scene, 0.05, 0.06, 40)


HISTORIES: dict[str, History] = {
    "keeps-up": History("reads all that comes", OK, keeps_up, live=True),
    "keeps-up-new-protocol": History(
        "reads all that comes, by the brokers' new protocol",
        OK,
        partial(keeps_up, config={"group.protocol": "consumer"}),
    ),
    "idle": History("nothing was ever written", OK, idle),
    "slow-topic": History("reads all of a topic that gets a record now and then", OK, slow_topic),
    "read-fast": History("reads and commits hundreds of records a second", OK, read_fast),
    "comes-back": History("was stopped, and reads again", OK, comes_back),
    "lag-stays": History("reads as fast as records come, some behind", OK, lag_stays),
    "stopped": History("stopped, then records came", STOPPED, stopped, live=True),
    "stopped-new-protocol": History(
        "stopped under the new protocol, then records came",
        STOPPED,
        partial(stopped, config={"group.protocol": "consumer"}),
    ),
    "stopped-caught-up": History("stopped, and no record came", OK, partial(stopped, count=0)),
    "stopped-while-records-come": History(
        "stopped with no lag, and records go on to come", STOPPED, stopped_while_records_come
    ),
    "killed-just-now": History(
        "killed, and the broker still counts it as a member", STALLED, killed_just_now, live=True
    ),
    "frozen": History("frozen for longer than its session", STOPPED, frozen),
    "frozen-long-session": History("frozen within its session", STALLED, frozen_with_a_long_session),
    "hangs": History("its handler does not return", STALLED, hangs),
    "hangs-first-look": History(
        "its handler does not return, and nobody looked before",
        UNKNOWN,
        hangs_at_the_first_look,
        LagReason.FILLING,
    ),
    "hangs-too-long": History(
        "its handler takes longer than it may",
        STOPPED,
        partial(hangs, **{"max.poll.interval.ms": 6000}),
    ),
    "reads-without-commits": History("reads, and commits no more", STALLED, reads_without_commits),
    "seeked": History("seeked back from no lag", REWIND, partial(seeked, delay=0.1, count=60), live=True),
    "seeked-caught-up": History("seeked back, and has read all again", OK, partial(seeked, delay=0.0)),
    "seeked-between-looks": History(
        "seeked back between two looks", REWIND, partial(seeked_between_looks, delay=0.1)
    ),
    "reset": History("reset to the beginning while stopped", REWIND, partial(reset, to=0), live=True),
    "reset-and-slow": History(
        "reset to the beginning, and reads slowly", REWIND, partial(reset, to=0, consume=0.5)
    ),
    "reset-and-done": History(
        "reset to the beginning, and has read all again", OK, partial(reset, to=0, consume=0.0, done=True)
    ),
    "reset-forward": History("reset to the end", OK, partial(reset, to=30)),
    "absent": History("never was", UNKNOWN, partial(absent, count=10), LagReason.GROUP_NOT_FOUND, live=True),
    "absent-nothing-there": History("never was, and there are no records", OK, partial(absent, count=0)),
    "never-commits": History(
        "reads, and never committed", UNKNOWN, never_commits, LagReason.NEVER_COMMITTED, live=True
    ),
    "deleted": History("its group was deleted", UNKNOWN, deleted, LagReason.GROUP_NOT_FOUND),
    "slow": History("slower than records come", WARNING, partial(slow, delay=0.1, each=0.005), live=True),
    "catches-up": History(
        "far behind, and faster than records come", OK, partial(slow, delay=0.005, each=0.2, backlog=4000)
    ),
    "commits-rarely": History("commits more rarely than a look is long", OK, commits_rarely),
    "commits-rarely-stopped": History("committed rarely, and stopped", STOPPED, commits_rarely_and_stops),
    "expired": History(
        "stopped, and lost records", STOPPED, partial(expired, before=30), expired=True, live=True
    ),
    "expired-all": History(
        "stopped, and lost all it had not read", OK, partial(expired, before=50), expired=True
    ),
    "expired-hangs": History("hangs, and lost records", STALLED, expired_before_a_member, expired=True),
    "compacted": History("reads all of a compacted topic", OK, partial(compacted, stop=False)),
    "compacted-stopped": History("stopped before a compacted topic", STOPPED, partial(compacted, stop=True)),
    "transactional": History(
        "reads all of a transactional topic",
        OK,
        partial(transactional, end="commit"),
        tolerated=1,
    ),
    "transaction-aborted": History(
        "waits behind what was aborted", OK, partial(transactional, end="abort"), tolerated=10
    ),
    "transaction-open": History(
        "waits for a transaction that is left open", STALLED, partial(transactional, end="open"), live=True
    ),
    "transaction-closed": History(
        "waited for a transaction that was committed then",
        OK,
        partial(transactional, end="open", later="commit"),
        tolerated=1,
    ),
    "simple": History("no member, and commits by itself", OK, partial(simple, stop=False)),
    "simple-stopped": History("no member, and stopped", STOPPED, partial(simple, stop=True)),
    "one-of-two-leaves": History("one member left, and the other reads all", OK, one_of_two_leaves),
    "another-topic": History("its member reads another topic", STOPPED, reads_another_topic),
    "created-again": History(
        "stopped, and its topic was created again", UNKNOWN, created_again, LagReason.NEVER_COMMITTED
    ),
    "created-again-read": History("reads the topic that was created again", OK, created_again_and_read),
}
