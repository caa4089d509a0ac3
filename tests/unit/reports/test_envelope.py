"""Whatever a report holds, it fits into a termination message, and arrives as far as it has room."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backbone.errors import Rejected
from backbone.plain_text import plain
from backbone.reports.database import DatabaseReport
from backbone.reports.envelope import LARGEST, MESSAGE_BYTES, NAME, Report
from backbone.reports.exports import ExportReport
from backbone.reports.run import RunReport
from backbone.reports.volume import VolumeProbeReport
from backbone.schema import Model

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
REPORTS = (RunReport, DatabaseReport, VolumeProbeReport, ExportReport)
LETTERS = {
    "one byte": "x",
    "two bytes": "ü",
    "four bytes": "𝄞",
    "what JSON doubles": '"',
    "what JSON doubles, too": "\\",
    "a control character": "\x00",
    "half of a character": "\ud83d",
    "a new line": "\n",
}
WORST = pytest.mark.parametrize("letter", LETTERS.values(), ids=LETTERS)
OF_EACH = pytest.mark.parametrize("report", REPORTS)


def filled(report: type[Report], letter: str, text: int, items: int) -> Report:
    """A report with every list and every text as full as its type allows, or as long as this says."""
    schema = schema_of(report)
    values = value_of(schema, schema.get("$defs", {}), letter, (text, items))
    return report.model_validate({**values, "cut": False})


@cache
def schema_of(report: type[Report]) -> dict[str, Any]:
    return report.model_json_schema()


def value_of(schema: dict[str, Any], defs: dict[str, Any], letter: str, sizes: tuple[int, int]) -> Any:
    text, items = sizes
    found: Any = True
    match schema:
        case {"$ref": name}:
            found = value_of(defs[name.removeprefix("#/$defs/")], defs, letter, sizes)
        case {"anyOf": [first, *_]}:
            found = value_of(first, defs, letter, sizes)
        case {"enum": names}:
            found = max(names, key=len)
        case {"type": "object", "properties": fields}:
            found = {name: value_of(field, defs, letter, sizes) for name, field in fields.items()}
        case {"type": "array", "items": item}:
            found = [value_of(item, defs, letter, sizes)] * min(schema.get("maxItems", items), items)
        case {"type": "string", "format": "date-time"}:
            found = "2024-03-01T12:00:00.123456+00:00"
        case {"type": "string", "maxLength": 32}:
            found = "d" * 32  # a dimension's name is ours, and nothing else is taken for one
        case {"type": "string"}:
            found = letter * min(schema.get("maxLength", text), text)
        case {"type": "integer"}:
            found = LARGEST
    return found


@OF_EACH
@WORST
def test_the_fullest_report_fits_and_arrives(report: type[Report], letter: str) -> None:
    sent = filled(report, letter, text=5000, items=300)
    encoded = sent.encode()
    assert len(encoded) <= MESSAGE_BYTES
    arrived = report.decode(encoded.decode())
    for name, value in numbers(sent):
        if name != "more_jobs":
            assert getattr(arrived, name) == value, name
    assert dict(arrived)["outcome"] == plain(dict(sent)["outcome"])[:NAME]


def numbers(report: Report) -> Iterator[tuple[str, object]]:
    for name in type(report).model_fields:
        value = getattr(report, name)
        if isinstance(value, int | datetime) and name != "cut":
            yield name, value


@OF_EACH
@settings(max_examples=25, deadline=None)
@given(
    letter=st.sampled_from(sorted(LETTERS.values())),
    text=st.integers(0, 2000),
    items=st.integers(0, 40),
)
def test_a_report_of_any_size_fits_and_arrives(
    report: type[Report], letter: str, text: int, items: int
) -> None:
    sent = filled(report, letter, text, items)
    encoded = sent.encode()
    assert len(encoded) <= MESSAGE_BYTES
    assert report.decode(encoded.decode()).model_dump(include={"at", "end", "ended_at"}) == sent.model_dump(
        include={"at", "end", "ended_at"}
    )


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(), max_size=3000), number=st.integers(-(10**40), 10**40))
def test_what_was_put_into_a_report_unseen_does_not_keep_it_from_its_way(text: str, number: int) -> None:
    sent = VolumeProbeReport(outcome="VolumeFull", at=NOW)
    unseen = sent.model_copy(update={"message": text, "outcome": text, "bytes_checked": number})
    encoded = unseen.encode()
    assert len(encoded) <= MESSAGE_BYTES
    arrived = VolumeProbeReport.decode(encoded.decode())
    assert arrived.at == NOW
    assert abs(arrived.bytes_checked) <= LARGEST


class Fixed(Report):
    """A report that cannot be shortened, other than to its names and counts."""

    about: ClassVar[str] = "test"

    outcome: str
    lines: tuple[str, ...] = ()
    message: str = ""
    inner: Inner | None = None
    failures: int = 0


class Inner(Model):
    """A part of it."""

    name: str
    lines: tuple[str, ...] = ()
    at: datetime


Fixed.model_rebuild()
FULL = Fixed(
    outcome="o" * 3000,
    lines=("l" * 3000,),
    message="m" * 3000,
    inner=Inner(name="n" * 3000, lines=("l" * 3000,), at=NOW),
    failures=7,
)


def test_the_last_level_has_names_and_counts_and_says_that_it_is_cut() -> None:
    arrived = Fixed.decode(FULL.encode().decode())
    assert arrived == Fixed(outcome="o" * NAME, inner=Inner(name="n" * NAME, at=NOW), failures=7, cut=True)


def test_a_report_that_fits_says_nothing_of_being_cut() -> None:
    sent = Fixed(outcome="Good", message="m" * 3000)
    assert json.loads(sent.encode()) == {"outcome": "Good", "message": "m" * 3000}
    assert Fixed.decode(sent.encode().decode()) == sent


def test_the_names_of_a_report_leave_room_on_its_last_level() -> None:
    """So that no report of later grows beyond what the last level can bring into a message."""
    for report in REPORTS:
        widest = filled(report, "𝄞", text=5000, items=0)
        values = {name: "𝄞" * 5000 for name, value in widest if isinstance(value, str) and name != "outcome"}
        assert len(widest.model_copy(update=values).encode()) <= MESSAGE_BYTES


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no run report: the message: "),
        ("Killed", "no run report: the message: "),
        ("{}", "no run report: runId: "),
        ('{"runId":"r', "no run report: the message: "),
        ('["r"]', "no run report: the message: "),
        ("\ud83d", "no run report: the message: "),
        ('{"runId":"\\ud83d"}', "no run report: the message: "),
        ('{"runId":7}', "no run report: runId: "),
    ],
    ids=[
        "nothing",
        "a word",
        "an empty object",
        "half an object",
        "a list",
        "half a character",
        "half a character in JSON",
        "a field of another type",
    ],
)
def test_what_is_no_report_is_rejected_with_the_place(text: str, told: str) -> None:
    with pytest.raises(Rejected) as caught:
        RunReport.decode(text)
    assert str(caught.value).startswith(told)


def test_the_rejection_names_a_field_that_lies_deeper() -> None:
    wrong = {"outcome": "Migrated", "request": "0", "at": "2024-03-01T12:00:00Z", "tables": [{"name": "x"}]}
    with pytest.raises(Rejected, match=r"no database report: tables\.0\.chunkDays: "):
        DatabaseReport.decode(json.dumps(wrong))


def test_a_field_of_a_later_version_costs_nothing() -> None:
    told = {"outcome": "VolumeProbed", "at": "2024-03-01T12:00:00Z", "inodes": {"free": 7}}
    assert VolumeProbeReport.decode(json.dumps(told)) == VolumeProbeReport(outcome="VolumeProbed", at=NOW)
