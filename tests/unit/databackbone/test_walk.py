"""How often one evaluation enters the files through which a check of the database goes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from support.institutional import NOW, backbone, looked

import backbone as product
from backbone.databackbone.evaluate import evaluate

ROOT = Path(product.__file__).parent


@contextmanager
def entered() -> Iterator[list[tuple[str, str, str]]]:
    """Calls from one file of the product into another: into which, from which, of what."""
    calls = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event != "call" or frame.f_back is None:
            return
        into, by = Path(frame.f_code.co_filename), Path(frame.f_back.f_code.co_filename)
        if into != by and ROOT in into.parents and ROOT in by.parents:
            calls.append((str(into.relative_to(ROOT)), str(by.relative_to(ROOT)), frame.f_code.co_name))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        pytest.param(
            "databackbone/database_look.py",
            [("databackbone/services.py", "read_checks"), ("jobs/looks.py", "_judge")],
            id="what is desired, the findings and the due time in one call, and the meaning of a report",
        ),
        pytest.param(
            "databackbone/volume_look.py", [("databackbone/evaluate.py", "read_probes")], id="the probe"
        ),
        pytest.param(
            "databackbone/policies.py",
            [("databackbone/services.py", "retention_met"), ("databackbone/services.py", "policies_run")],
            id="what is true of the policies",
        ),
    ],
)
def test_no_file_of_the_way_is_entered_more_than_twice(file: str, expected: list[tuple[str, str]]) -> None:
    subject, seen = backbone(), looked()
    with entered() as calls:
        evaluate(subject, seen, (), NOW)
    assert [(by, what) for into, by, what in calls if into == file] == expected
