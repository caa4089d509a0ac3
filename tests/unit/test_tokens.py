"""Tokens: the same cases for each of them. Each value is handled once, and none is ignored in silence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest
from support import institutional, plans
from support.exporting_plans import EXPORTING, exporting_plan

from backbone import vocabulary
from backbone.crds.definition import definition
from backbone.crds.files import RESOURCES
from backbone.crds.reference import kind_page, tokens_page
from backbone.databackbone.evaluate import evaluate as evaluate_backbone
from backbone.evaluation import Evaluation, Start
from backbone.ingestplan.evaluate import evaluate as evaluate_plan
from backbone.reports.database import UnconfirmedReport
from backbone.tokens import (
    ACKNOWLEDGE,
    CONFIRM,
    ENTRIES_LIMIT,
    EXPORT_NOW,
    KEPT_LIMIT,
    QUARANTINE_RELEASE,
    RUN_NOW,
    SUPERSEDED_LIMIT,
    TOKENS,
    Queue,
    Token,
    entries_of,
    kept,
    read_entries,
    with_ignored,
)
from backbone.vocabulary import ANNOTATION_DESIRED, ANNOTATION_PODS, ANNOTATION_SCHEDULE, LABEL_CAUSE

PUT_BY_US = {ANNOTATION_DESIRED, ANNOTATION_PODS, ANNOTATION_SCHEDULE}
LOST = {"setAside": "working/x.corrupt-1", "continuedFrom": "empty", "at": "2024-03-01T12:00:00Z"}
WAITS = institutional.REPORT.model_copy(
    update={"unconfirmed": (UnconfirmedReport(table="dailyBars", rows=12, token="drop-1"),)}
)


@dataclass(frozen=True)
class Visit:
    """What came of a visit: how much was asked for, the status after it, and all that was said."""

    asked: int
    status: dict[str, Any]
    said: str


def visit_of(result: Evaluation, asked: int, status: dict[str, Any] | None = None) -> Visit:
    events = [notice.message for notice in result.notices if notice.type == "Warning"]
    valid = next(item.message for item in result.conditions if item.type == "Validated")
    found = result.fields.model_dump(mode="json", by_alias=True, exclude_none=True)
    return Visit(asked, status if status is not None else found, " ".join([*events, valid]))


def started(result: Evaluation, component: str) -> list[dict[str, Any]]:
    documents = [action.document for action in result.actions if isinstance(action, Start)]
    return [item for item in documents if item["metadata"]["labels"][vocabulary.LABEL_COMPONENT] == component]


def on_plan(token: Token, value: str | None, status: dict[str, Any], **seen: Any) -> Evaluation:
    annotations = {} if value is None else {token.annotation: value}
    given = replace(plans.plan(status), annotations=annotations)
    return evaluate_plan(given, replace(plans.SEEN, **seen), (), plans.NOW)


def run_now(value: str | None, status: dict[str, Any] | None, running: bool) -> Visit:
    status = plans.DELIVERED if status is None else status
    runs = (plans.active(status["triggers"]["runNowJob"]),) if running else ()
    result = on_plan(RUN_NOW, value, status, runs=runs)
    return visit_of(result, len(started(result, "run")))


def release(value: str | None, status: dict[str, Any] | None, running: bool) -> Visit:
    status = plans.DELIVERED if status is None else status
    last = status.get("release", {}).get("job")
    said = plans.report(rows=1, plan="quarantine", dimensions=())
    releases = () if last is None else ((plans.active(last) if running else plans.job(last, said)),)
    result = on_plan(QUARANTINE_RELEASE, value, status, releases=releases)
    return visit_of(result, len(started(result, "quarantine")))


def acknowledge(value: str | None, status: dict[str, Any] | None, running: bool) -> Visit:
    """A store was lost before each visit; an acknowledgement is handled at once."""
    before = {**(plans.DELIVERED if status is None else status), "storeRecovery": LOST}
    result = on_plan(ACKNOWLEDGE, value, before)
    return visit_of(result, sum(item.reason == "Acknowledged" for item in result.notices))


def confirm(value: str | None, status: dict[str, Any] | None, running: bool) -> Visit:
    """The Job that a visit starts tells at once that it was given the value."""
    status = institutional.serving(WAITS) if status is None else status
    notes = {} if value is None else {"confirm": value}
    found = status.get("database", {})
    at = datetime.fromisoformat(found.get("attemptedAt", institutional.NOW.isoformat())) + plans.MINUTE
    last = institutional.job(WAITS, found.get("job", "e"), **({"finished": None} if running else {}))
    result = evaluate_backbone(
        institutional.backbone(status, **notes), replace(institutional.SEEN, checks=(last,)), (), at
    )
    looks = institutional.looks(result)
    given = [look["spec"]["template"]["spec"]["containers"][0]["args"] for look in looks]
    values = [arguments[-1] for arguments in given if arguments[-2] == "--confirm"]
    if not looks:
        return visit_of(result, 0)
    report = WAITS.model_copy(update={"confirmed": values[0] if values else None})
    name, cause = looks[0]["metadata"]["name"], looks[0]["metadata"]["labels"][LABEL_CAUSE]
    ended = institutional.job(report, name, finished=at, cause=cause)
    after = evaluate_backbone(
        institutional.backbone(institutional.fields(result), **notes),
        replace(institutional.SEEN, checks=(ended,)),
        (),
        at,
    )
    return visit_of(result, len(values), institutional.fields(after))


def export_now(value: str | None, status: dict[str, Any] | None, running: bool) -> Visit:
    status = plans.DELIVERED if status is None else status
    last = status.get("exportNow", {}).get("job")
    jobs = () if last is None else (("bars", plans.active(last) if running else plans.job(last)),)
    annotations = {} if value is None else {EXPORT_NOW.annotation: value}
    given = replace(exporting_plan(status), annotations=annotations)
    result = evaluate_plan(given, replace(EXPORTING, exports=jobs), (), plans.NOW)
    return visit_of(result, len(started(result, "export")))


VISITS: dict[Token, tuple[str, Callable[[str | None, dict[str, Any] | None, bool], Visit]]] = {
    RUN_NOW: ("", run_now),
    QUARANTINE_RELEASE: ("OffSession:", release),
    EXPORT_NOW: ("bars:", export_now),
    ACKNOWLEDGE: ("StoreEmptied:", acknowledge),
    CONFIRM: ("", confirm),
}
"""What a value of each token begins with, and a visit of its object."""

ABSENT, RUNNING, WITHOUT_STATUS = "absent", "running", "without status"
Step = tuple[str | None, str]
"""A token, or None where the annotation is not there; and what is special about the visit."""


def steps(*words: str | None) -> list[Step]:
    return [(word, "") for word in words]


BOUNDED = {CONFIRM: [0, 0]}
"""Its value goes to a Job as it is."""

CASES = [
    pytest.param(steps(None, None), [0, 0], {}, id="absent"),
    pytest.param(steps("a", "a", "a"), [1, 0, 0], {}, id="repeated"),
    pytest.param(steps("a", "b", "b"), [1, 1, 0], {}, id="changed"),
    pytest.param(steps("a", "b", "a"), [1, 1, 1], {ACKNOWLEDGE: [1, 1, 0]}, id="comes back after another"),
    pytest.param(steps("a", None, "a"), [1, 0, 0], {CONFIRM: [1, 0, 1]}, id="removed and set again"),
    pytest.param(
        [("a", ""), ("b", RUNNING), ("b", "")],
        [1, 0, 1],
        {ACKNOWLEDGE: [1, 1, 0]},
        id="changed while the one before is under way",
    ),
    pytest.param([("a", ""), ("a", WITHOUT_STATUS)], [1, 1], {}, id="status deleted"),
    pytest.param(steps("two words", "two words"), [1, 0], {}, id="spaces within"),
    pytest.param(steps("x" * 300, "x" * 300), [1, 0], BOUNDED, id="too long"),
    pytest.param(steps("x" * 300, "x" * 301), [1, 1], BOUNDED, id="another that is too long"),
    pytest.param(steps("x" * KEPT_LIMIT), [1], {}, id="long"),
    pytest.param(steps("a\0\x07b", "a\0\x07b"), [1, 0], BOUNDED, id="control characters"),
    pytest.param(steps("grün-日本-🙂", "grün-日本-🙂"), [1, 0], {}, id="not ASCII"),
]


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token.annotation)
@pytest.mark.parametrize(("visits", "asks", "but"), CASES)
def test_each_token_asks_once_for_each_new_value(
    token: Token, visits: Sequence[Step], asks: list[int], but: dict[Token, list[int]]
) -> None:
    prefix, visit = VISITS[token]
    status: dict[str, Any] | None = None
    asked, said = [], []
    for word, special in visits:
        room = KEPT_LIMIT - len(prefix) if word and len(word) == KEPT_LIMIT else None
        value = None if word is None else f"{prefix}{word[:room]}"
        done = visit(value, {} if special == WITHOUT_STATUS else status, special == RUNNING)
        asked.append(done.asked)
        said.append(done.said)
        status = done.status
    assert asked == but.get(token, asks)
    if visits[0][0] is not None and asked[0] == 0:
        assert token.advice in said[0]


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token.annotation)
@pytest.mark.parametrize(
    ("value", "asks", "told"),
    [
        pytest.param("", (), (), id="empty"),
        pytest.param("  ", (RUN_NOW,), TOKENS[1:], id="blank"),
        pytest.param(" , ", (RUN_NOW,), TOKENS[1:], id="commas alone"),
        pytest.param(
            " a:b ", (RUN_NOW, CONFIRM), (QUARANTINE_RELEASE, EXPORT_NOW, ACKNOWLEDGE), id="spaces around"
        ),
    ],
)
def test_a_value_is_acted_on_or_a_message_says_why_not(
    token: Token, value: str, asks: Sequence[Token], told: Sequence[Token]
) -> None:
    _, visit = VISITS[token]
    done = visit(value, None, False)
    assert (done.asked, token.advice in done.said) == (token in asks, token in told)


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token.annotation)
def test_a_token_on_an_object_of_another_kind_is_told_to_do_nothing_there(token: Token) -> None:
    (other,) = {"DataBackbone", "IngestPlan"} - {token.kind}
    annotations = {token.annotation: "a"}
    if other == "IngestPlan":
        result = evaluate_plan(
            replace(plans.plan(plans.DELIVERED), annotations=annotations), plans.SEEN, (), plans.NOW
        )
    else:
        given = replace(institutional.backbone(institutional.serving()), annotations=annotations)
        result = evaluate_backbone(given, institutional.looked(), (), institutional.NOW)
    words = f"The annotation {token.annotation} does nothing on a {other}: set it on the {token.kind}."
    assert visit_of(result, 0).said.endswith(f". {words}")


def test_a_subject_that_no_name_can_be_is_refused_before_a_job_gets_it() -> None:
    result = on_plan(ACKNOWLEDGE, "Withdrawn/A\0B:1", plans.DELIVERED)
    assert started(result, "quarantine") == []
    assert [item.reason for item in result.notices] == ["AcknowledgementRefused"]
    assert (
        "'Withdrawn/A\\x00B' has a character that cannot be printed; write it as" in visit_of(result, 0).said
    )


def test_a_message_about_ignored_tokens_is_a_sentence_of_its_own() -> None:
    assert with_ignored("No end", "IngestPlan", {RUN_NOW.annotation: "a"}) == "No end"
    words = with_ignored("No end", "DataBackbone", {RUN_NOW.annotation: "a", CONFIRM.annotation: ","})
    assert words == (
        "No end. The annotation backbone.emp.dev/run-now does nothing on a DataBackbone: set it on the "
        "IngestPlan. The annotation backbone.emp.dev/confirm is ignored: ',' has no token; write it as "
        "<token>, as the condition RetentionMet, Migrated or TopicsProvisioned names it, or remove it."
    )


def test_every_annotation_that_a_user_sets_is_in_the_table() -> None:
    names = {value for name, value in vars(vocabulary).items() if name.startswith("ANNOTATION_")}
    assert names - PUT_BY_US == {token.annotation for token in TOKENS}
    assert set(VISITS) == set(TOKENS)


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token.annotation)
def test_the_reference_lists_every_token_and_where_it_is_recorded(token: Token) -> None:
    (resource,) = (item for item in RESOURCES if item.kind == token.kind)
    schema = definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for page in (tokens_page(), kind_page(resource, schema, "")):
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{token.annotation}` |")]
        assert token.meaning in row
        assert all(f"`{form}`" in row for form in token.forms)
    for recorded in token.recorded:
        assert f"`{recorded}`" in tokens_page()
        field = schema["properties"]
        for name in recorded.split("."):
            field = field[name] if name in field else field["properties"][name]
        assert field.get("items", field)["maxLength"] == KEPT_LIMIT


@pytest.mark.parametrize(
    ("text", "entries"),
    [(None, ()), ("", ()), ("a", ("a",)), (" a , b,,", ("a", "b")), ("a,\nb", ("a", "b"))],
)
def test_commas_separate_entries(text: str | None, entries: tuple[str, ...]) -> None:
    assert entries_of(text) == entries


def test_a_list_is_read_entry_by_entry_against_what_is_kept() -> None:
    found = read_entries("b, a, b, c", ("x", "a"))
    assert (found.fresh, found.kept, found.written) == (("b", "c"), ("x", "b", "a", "c"), 3)
    many = ",".join(map(str, range(ENTRIES_LIMIT + 3)))
    full = read_entries(many, ("x",))
    assert full.fresh == full.kept == tuple(map(str, range(3, ENTRIES_LIMIT + 3)))
    assert read_entries(many, full.kept).fresh == ()


def test_a_value_that_is_too_long_is_kept_as_its_digest() -> None:
    assert kept("x" * KEPT_LIMIT) == "x" * KEPT_LIMIT
    assert kept("x" * (KEPT_LIMIT + 1)).startswith("sha256:")
    assert kept("x" * (KEPT_LIMIT + 1)) != kept("x" * (KEPT_LIMIT + 2))


@pytest.mark.parametrize(
    ("waiting", "value", "blocked", "after", "lost"),
    [
        pytest.param(None, "b", True, "b", None, id="it waits"),
        pytest.param(None, "b", False, None, None, id="its turn is now"),
        pytest.param("b", "b", True, "b", None, id="it waits on"),
        pytest.param("b", "b", False, None, None, id="its turn has come"),
        pytest.param("b", "c", True, "c", "b", id="another takes its place"),
        pytest.param("b", "c", False, None, "b", id="another takes its place and begins"),
        pytest.param("b", None, True, None, "b", id="it was taken back"),
        pytest.param("a", None, True, None, None, id="it was handled meanwhile"),
        pytest.param(None, None, True, None, None, id="nothing waits"),
    ],
)
def test_of_what_waits_the_newest_is_next(
    waiting: str | None, value: str | None, blocked: bool, after: str | None, lost: str | None
) -> None:
    before = Queue("a", waiting, ("x",))
    queue = before.joined(value, blocked=blocked)
    assert queue == Queue("a", after, ("x", lost) if lost is not None else ("x",))
    assert before.lost_to(value) == lost


def test_superseded_values_are_kept_up_to_a_bound() -> None:
    queue = Queue(None, None, ())
    for number in range(SUPERSEDED_LIMIT + 3):
        queue = queue.joined(str(number), blocked=True)
    assert queue.superseded == tuple(map(str, range(2, SUPERSEDED_LIMIT + 2)))
