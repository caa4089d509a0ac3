"""What waits for a person's word: what an annotation acknowledges, and that it does so once."""

from __future__ import annotations

import pytest

from backbone.acknowledgement import Matter, hear, parse
from backbone.errors import Rejected
from backbone.tokens import ENTRIES_LIMIT, KEPT_LIMIT
from backbone.vocabulary import Reason

EMPTIED = Matter(Reason.STORE_EMPTIED)
OF_A = Matter(Reason.CHILD_REFUSED, "a")


@pytest.mark.parametrize(
    ("entry", "matter", "token"),
    [
        ("StoreEmptied:1", EMPTIED, "1"),
        ("ChildRefused/a:b:c", OF_A, "b:c"),
        (" ChildRefused / a : 7 ", OF_A, "7"),
        ("ChildRefused/a/b:7", Matter(Reason.CHILD_REFUSED, "a/b"), "7"),
    ],
)
def test_an_entry_names_a_reason_perhaps_a_subject_and_a_token(
    entry: str, matter: Matter, token: str
) -> None:
    assert parse(entry) == (matter, token)


@pytest.mark.parametrize(
    "entry", ["StoreEmptied", "StoreEmptied:", "StoreEmptied: ", ":1", "Storeemptied:1", "/a:1"]
)
def test_what_is_written_otherwise_is_refused_once_and_in_words(entry: str) -> None:
    with pytest.raises(Rejected):
        parse(entry)
    heard = hear(entry, {EMPTIED}, ())
    assert (heard.matters, [item.reason for item in heard.notices]) == (set(), ["AcknowledgementRefused"])
    assert hear(entry, {EMPTIED}, heard.entries).notices == ()


@pytest.mark.parametrize(
    ("text", "matters"),
    [
        pytest.param("", set(), id="nothing is said"),
        pytest.param(" , ,", set(), id="only commas"),
        pytest.param("StoreEmptied:1", {EMPTIED}, id="one"),
        pytest.param("StoreEmptied:1, ChildRefused/a:1", {EMPTIED, OF_A}, id="two"),
        pytest.param("ChildRefused/b:1", set(), id="another subject"),
        pytest.param("ChildRefused:1", set(), id="a subject is left out"),
        pytest.param("StoreEmptied/a:1", set(), id="a subject too many"),
        pytest.param("nonsense,StoreEmptied:1", {EMPTIED}, id="one beside nonsense"),
    ],
)
def test_what_waits_is_acknowledged_by_its_name_alone(text: str, matters: set[Matter]) -> None:
    assert hear(text, {EMPTIED, OF_A}, ()).matters == matters


def test_an_entry_that_was_heard_acknowledges_nothing_that_comes_later() -> None:
    first = hear("StoreEmptied:1", {EMPTIED}, ())
    again = hear("StoreEmptied:1", {EMPTIED}, first.entries)
    assert (again.matters, again.notices, again.entries) == (set(), (), first.entries)
    assert hear("StoreEmptied:2", {EMPTIED}, again.entries).matters == {EMPTIED}


def test_an_entry_given_in_advance_is_used_up() -> None:
    early = hear("StoreEmptied:1", (), ())
    assert [item.reason for item in early.notices] == ["AcknowledgementRefused"]
    assert hear("StoreEmptied:1", {EMPTIED}, early.entries).matters == set()


def test_an_annotation_that_goes_and_comes_back_is_no_new_word() -> None:
    first = hear("StoreEmptied:1", {EMPTIED}, ())
    gone = hear("", {EMPTIED}, first.entries)
    assert hear("StoreEmptied:1", {EMPTIED}, gone.entries).matters == set()


def test_what_status_keeps_is_bounded_and_the_present_annotation_is_in_it() -> None:
    heard: tuple[str, ...] = ()
    for number in range(ENTRIES_LIMIT + 5):
        heard = hear(f"StoreEmptied:{number}", {EMPTIED}, heard).entries
    assert len(heard) == ENTRIES_LIMIT
    assert heard[-1] == f"StoreEmptied:{ENTRIES_LIMIT + 4}"
    long = "StoreEmptied:" + "x" * 1000
    kept = hear(long, {EMPTIED}, heard)
    assert kept.matters == {EMPTIED}
    assert max(map(len, kept.entries)) <= KEPT_LIMIT
    assert hear(long, {EMPTIED}, kept.entries).matters == set()


@pytest.mark.parametrize("more", [1, 5, ENTRIES_LIMIT, 1000])
def test_of_more_entries_than_status_keeps_none_is_heard_twice(more: int) -> None:
    text = ",".join(f"StoreEmptied:{number}" for number in range(ENTRIES_LIMIT + more))
    first = hear(text, {EMPTIED}, ())
    assert first.matters == {EMPTIED}
    assert f"the last {ENTRIES_LIMIT}" in first.notices[-1].message
    assert len(first.notices) == ENTRIES_LIMIT + 1
    again = hear(text, {EMPTIED}, first.entries)
    assert (again.matters, again.notices, again.entries) == (set(), (), first.entries)
    assert hear(f"{text},StoreEmptied:new", {EMPTIED}, again.entries).matters == {EMPTIED}
