"""Cells that a person can read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from backbone.runtime import tables


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(None, "", id="nothing"),
        pytest.param(1234567, "1,234,567", id="thousands"),
        pytest.param(173.92999267578125, "173.93", id="a price of doubles"),
        pytest.param(28.0, "28", id="a round price"),
        pytest.param(0.00012345678, "0.000123457", id="a small value"),
        pytest.param(-0.74, "-0.74", id="a negative value"),
        pytest.param(date(2024, 2, 29), "2024-02-29", id="a day"),
        pytest.param(datetime(2024, 2, 29, tzinfo=UTC), "2024-02-29", id="midnight UTC is a day"),
        pytest.param(
            datetime(2024, 2, 29, 1, tzinfo=timezone(timedelta(hours=1))),
            "2024-02-29",
            id="midnight from elsewhere",
        ),
        pytest.param(datetime(2024, 2, 29, 18, 51, tzinfo=UTC), "2024-02-29 18:51:00Z", id="to the second"),
        pytest.param(
            datetime(2013, 9, 3, 18, 51, 44, 578_000, tzinfo=UTC),
            "2013-09-03 18:51:44.578Z",
            id="to the millisecond",
        ),
    ],
)
def test_text(value: object, shown: str) -> None:
    assert tables.text(value) == shown


def test_a_table_in_a_pipe_never_wraps(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # a test runner's workers may have one
    tables.table("Title", ("name", "text"), [("a" * 150, "b" * 150)])
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "Title"
    assert any("a" * 150 in line and "b" * 150 in line for line in shown)


DAY = "2023-09-21"
SOURCE = "sample/mlfinpy-emini-derived"
MESSAGE = "the volume is full, and what was published before stays as it was"


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        pytest.param(
            100,
            [
                " source                        rows  last        message",
                f" {SOURCE}     5  {DAY}  the volume is full, and what was published before",
                f"{'':49}stays as it was",
            ],
            id="sentences are folded between words",
        ),
        pytest.param(
            65,
            [
                " source                       last       message",
                f" {SOURCE} {DAY} the volume is full, and",
                f"{'':41}what was published",
                f"{'':41}before stays as it was",
            ],
            id="then a spare column goes",
        ),
        pytest.param(
            60,
            [
                " source                  last       message",
                f" {SOURCE[:22]}… {DAY} the volume is full, and",
                f"{'':36}what was published",
                f"{'':36}before stays as it was",
            ],
            id="then a long name is cut, and a day never",
        ),
    ],
)
def test_a_table_fits_its_width(width: int, lines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    columns = ("source", "rows", "last", "message")
    tables.table("Title", columns, [(SOURCE, 5, DAY, MESSAGE)], spare=("rows",), width=width)
    shown = capsys.readouterr()
    assert [line for line in shown.out.splitlines()[2:-1] if "─" not in line] == lines
    assert ("too narrow for rows" in shown.err) == (width < 100)


def test_a_column_without_content_goes_first_and_unsaid(capsys: pytest.CaptureFixture[str]) -> None:
    tables.table("Title", ("name", "message", "rows"), [("a" * 10, "", 5)], spare=("rows",), width=16)
    shown = capsys.readouterr()
    assert shown.out.splitlines()[2] == " name       rows"
    assert shown.err == ""


def test_the_width_that_the_environment_names_counts_also_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert tables.terminal_width() == 80


def test_markdown_escapes_what_would_end_a_cell(capsys: pytest.CaptureFixture[str]) -> None:
    tables.markdown("Title", ("name", "rows"), [("a|b", 5000)])
    assert capsys.readouterr().out == "### Title\n\n| name | rows |\n|---|---|\n| a\\|b | 5,000 |\n\n"
