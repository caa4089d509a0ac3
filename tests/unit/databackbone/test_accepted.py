"""The accepted spec in the room that status has for it, however long the spec is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import Field

from backbone.databackbone.accepted import ROOM, before_and_after, keep
from backbone.databackbone.api import DataBackboneSpec, DataBackboneStatus
from backbone.databackbone.audit import PATH_LIMIT
from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.observation import Observation
from backbone.evaluation import Subject
from backbone.jobs.looks import Pace
from backbone.jobs.pods import WorkerImages
from backbone.schema import Model

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
NOTHING = Observation(None, None, (), (), WorkerImages("w", "s", "Never"), Pace(timedelta(hours=1)))


class Topic(Model):
    """One entry of a long list."""

    name: str
    partitions: int = 1


class Streams(Model):
    """A section with long things in it."""

    topics: tuple[Topic, ...] = ()
    config: dict[str, str] = Field(default_factory=dict)
    note: str = ""
    factor: int = 3


class LongSpec(DataBackboneSpec):
    """A spec as a later version may have it."""

    streams: Streams = Field(default_factory=Streams)


def topics(count: int, length: int = 249) -> list[dict[str, Any]]:
    return [{"name": f"{number:05}".ljust(length, "x")} for number in range(count)]


def visited(spec: dict[str, Any], status: DataBackboneStatus | None = None) -> DataBackboneStatus:
    before = status.model_dump(mode="json", by_alias=True, exclude_none=True) if status else {}
    subject = Subject("ns", "market", "uid", 2, {}, LongSpec.model_validate(spec), before)
    fields = evaluate(subject, NOTHING, (), NOW).fields  # type: ignore[arg-type]
    assert isinstance(fields, DataBackboneStatus)
    # As the API server would refuse what is too long.
    return DataBackboneStatus.model_validate(fields.model_dump(by_alias=True))


def told(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[str | None, str | None]]:
    change = visited(after, visited(before)).last_change
    return {item.path: (item.before, item.after) for item in change.changes} if change else {}


LONG: list[Any] = [
    pytest.param({"topics": topics(1_000)}, id="a list of a thousand entries"),
    pytest.param({"topics": topics(1_000, 20)}, id="a list of a thousand short entries"),
    pytest.param(
        {"config": {f"key-{number}": "v" * 200 for number in range(1_000)}}, id="a map of a thousand"
    ),
    pytest.param({"note": "ü" * 300_000}, id="one long text"),
    pytest.param({"topics": topics(1_000), "note": "n" * 100_000, "config": {"a": "b"}}, id="all of them"),
]


@pytest.mark.parametrize("streams", LONG)
def test_a_spec_of_any_length_is_kept_and_no_change_is_told_of_one_that_did_not(
    streams: dict[str, Any],
) -> None:
    spec = {"streams": streams}
    status = visited(spec)
    assert status.accepted_spec is not None
    assert len(status.accepted_spec) <= ROOM
    again = visited(spec, status)
    assert again.last_change is None
    assert again.accepted_spec == status.accepted_spec


@pytest.mark.parametrize("streams", LONG)
def test_beside_what_is_long_each_change_is_told_by_its_field(streams: dict[str, Any]) -> None:
    before = {"mode": "Bootstrap", "streams": {**streams, "factor": 2}}
    after = {"mode": "Auto", "suspend": True, "streams": streams}
    assert told(before, after) == {
        "mode": ("Bootstrap", "Auto"),
        "suspend": ("false", "true"),
        "streams.factor": ("2", "3"),
    }


def test_what_is_long_is_told_by_its_size_and_digest() -> None:
    [(path, (before, after))] = told(
        {"streams": {"topics": topics(1_000)}}, {"streams": {"topics": topics(1_001)}}
    ).items()
    assert path == "streams.topics"
    assert (before or "").startswith("1,000 entries, sha256 ")
    assert (after or "").startswith("1,001 entries, sha256 ")


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        pytest.param(topics(1_000), [], "streams.topics", id="it is gone"),
        pytest.param(topics(1_000), topics(2), "streams.topics", id="it is short now"),
        pytest.param(topics(2), topics(1_000), "streams.topics", id="it was short"),
        pytest.param(topics(1_000), [*topics(999), {"name": "y"}], "streams.topics", id="one entry differs"),
    ],
)
def test_a_change_of_what_is_long_is_told_as_one(
    before: list[dict[str, Any]], after: list[dict[str, Any]], path: str
) -> None:
    assert list(told({"streams": {"topics": before}}, {"streams": {"topics": after}})) == [path]


def test_a_section_that_went_takes_its_long_list_with_it() -> None:
    found = told(
        {"timescale": {"connection": {"secretName": "db"}}, "streams": {"topics": topics(1_000)}}, {}
    )
    assert found["streams.topics"][1] in {None, "[]"}
    assert found["timescale.connection.secretName"] == ("db", None)


@pytest.mark.parametrize(
    "kept", ["[]", "1", "no json", '{"streams": {"topics": {"#": "1", "of": "2", "x": 1}}}']
)
def test_what_does_not_read_is_no_change(kept: str) -> None:
    assert before_and_after(kept, LongSpec()) is None


def test_a_field_whose_name_is_longer_than_its_place_is_told_by_its_beginning() -> None:
    [path] = told({}, {"streams": {"config": {"k" * 500: "v"}}})
    assert len(path) == PATH_LIMIT
    assert path.startswith("streams.config.kkk")


def test_a_spec_that_fits_is_kept_as_it_is() -> None:
    assert keep(LongSpec.model_validate({"suspend": True})) == '{"suspend":true}'
    change = visited({}, DataBackboneStatus(accepted_spec='{"suspend":true}')).last_change
    assert change is not None
    assert change.summary == "suspend: true → false"
