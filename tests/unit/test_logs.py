"""The operator's log: its two forms, and what it does not say again and again."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from backbone import logs
from backbone.conditions import Condition, condition
from backbone.decisions import log_decision, told_in_log
from backbone.evaluation import Notice
from backbone.settings import LogFormat
from backbone.vocabulary import ConditionType, Reason


@pytest.fixture
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What the log has, in the form of the parameter; the root's handlers are put back afterwards."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = list(root.handlers), root.level
    form: LogFormat = getattr(request, "param", "text")
    logs.configure(form, stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("written", ["json"], indirect=True)
def test_as_json_a_decision_is_fields(written: io.StringIO) -> None:
    log_decision("IngestPlan/ns/daily", "started Job daily-1", "the first run\nof the plan")
    line = json.loads(written.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "severity": "info",
        "logger": "backbone.decisions",
        "object": "IngestPlan/ns/daily",
        "what": "started Job daily-1",
        "why": "the first run of the plan",
    }


def test_as_text_a_decision_is_key_and_value(written: io.StringIO) -> None:
    log_decision("IngestPlan/ns/daily", "resumed", 'said "so"')
    _, _, rest = written.getvalue().partition(" ")
    where = "severity=info logger=backbone.decisions object=IngestPlan/ns/daily"
    assert rest == f'{where} what=resumed why="said \\"so\\""\n'


@pytest.mark.parametrize("written", ["json", "text"], indirect=True)
def test_a_traceback_is_part_of_its_line(written: io.StringIO) -> None:
    try:
        raise ZeroDivisionError("a bug")
    except ZeroDivisionError:
        logging.getLogger("backbone.visits").exception("a bug came to light")
    (line,) = written.getvalue().splitlines()
    assert "Traceback" in line
    assert "ZeroDivisionError: a bug" in line


def test_a_reason_without_end_is_cut(written: io.StringIO) -> None:
    log_decision("DataBackbone/ns/market", "what", "x" * 5000)
    assert len(written.getvalue()) < 600


POST = "POST https://api.example.com/api/v1/namespaces/ns/events -> APIForbiddenError"
GIVEN_UP = "Failed to post an event. Ignoring and continuing. Code: 403. Message: "


@pytest.mark.parametrize(
    ("message", "told"),
    [
        pytest.param(
            "Request attempt #1 failed; will retry: GET https://api.example.com/pods",
            True,
            id="a first failure",
        ),
        pytest.param(
            "Request attempt #2 failed; will retry: GET https://api.example.com/pods",
            False,
            id="its repetition",
        ),
        pytest.param(f"Request attempt #1/3 failed; will retry: {POST}", False, id="a try to post an event"),
        pytest.param(f"Request attempt #3/3 failed; escalating: {POST}", False, id="the last such try"),
        pytest.param(GIVEN_UP + "forbidden", True, id="an event that is given up"),
        pytest.param(
            GIVEN_UP + "ns because it is being terminated", False, id="one of a namespace that goes"
        ),
        pytest.param("Something else", True, id="anything else"),
    ],
)
def test_what_the_framework_repeats_is_told_once(written: io.StringIO, message: str, told: bool) -> None:
    logging.getLogger("kopf._cogs.clients.api").error(message)
    assert bool(written.getvalue()) is told


def test_a_namespace_that_is_deleted_leaves_no_line(written: io.StringIO) -> None:
    logger = logging.getLogger("kopf._core.engines.posting")
    for attempt in (1, 2, 3):
        logger.error("Request attempt #%s/3 failed; will retry: %s", attempt, POST)
    logger.warning("%sunable to create new content in namespace ns: it is being terminated", GIVEN_UP)
    assert written.getvalue() == ""


def test_one_cause_of_events_that_cannot_be_posted_is_one_line(written: io.StringIO) -> None:
    logger = logging.getLogger("kopf._core.engines.posting")
    for namespace, reason in (("a", "VolumeLeaving"), ("a", "JobVanished"), ("b", "VolumeLeaving")):
        logger.warning("%sforbidden in %s. Event: type='Warning', reason=%r", GIVEN_UP, namespace, reason)
    assert len(written.getvalue().splitlines()) == 2


def held(kind: ConditionType, holds: bool, reason: Reason, message: str = "why") -> Condition:
    return condition(kind, holds, reason, message, 1)


READY = held(ConditionType.READY, True, Reason.AVAILABLE)
STALLED = held(ConditionType.STALLED, False, Reason.SETTLED)
BROKEN = held(ConditionType.READY, False, Reason.VOLUME_FULL, "no space")
STUCK = held(ConditionType.STALLED, True, Reason.VOLUME_FULL, "no space")


@pytest.mark.parametrize(
    ("before", "after", "notices", "lines"),
    [
        pytest.param([READY, STALLED], [READY, STALLED], [], [], id="nothing turned"),
        pytest.param(
            [READY],
            [held(ConditionType.READY, True, Reason.AVAILABLE, "other words")],
            [],
            [],
            id="other words",
        ),
        pytest.param(
            [READY, STALLED],
            [BROKEN, STUCK],
            [],
            [("Ready=False/VolumeFull, Stalled=True/VolumeFull", "no space")],
            id="what turned together is one line",
        ),
        pytest.param([], [held(ConditionType.READY, False, Reason.PENDING)], [], [], id="pending is no news"),
        pytest.param(
            [READY],
            [READY],
            [
                Notice("Normal", Reason.CONFIGURATION_CHANGED, "size"),
                Notice("Normal", Reason.RUN_STARTED, "Job"),
            ],
            [("ConfigurationChanged", "size")],
            id="an event has a line, unless what was done has one",
        ),
    ],
)
def test_what_a_visit_tells_the_log(
    before: list[Condition], after: list[Condition], notices: list[Notice], lines: list[tuple[str, str]]
) -> None:
    assert list(told_in_log(before, after, notices)) == lines
