"""What a run took against its budget, and which tests were slowest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import took
from took import Step

TIMED = Path(took.__file__).parents[1] / "timed"
REPORT = """<testsuites><testsuite>
  <testcase classname="tests.chart.test_chart" name="test_quick" time="0.4"/>
  <testcase classname="tests.chart.test_chart" name="test_slow[a case]" time="12.5"/>
</testsuite></testsuites>"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What a run of two suites leaves."""
    folder = tmp_path / "times"
    folder.mkdir()
    lines = ("packages\t4\t0", "check\t100\t0", "lint\t3\t0", "chart\t90\t1")
    (folder / "steps.tsv").write_text("".join(f"{line}\n" for line in lines))
    (folder / "chart.xml").write_text(REPORT)
    return folder


def shown(run: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(Path(took.__file__).parent), str(run), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("section", "minutes"), [("warm", 58), ("cold", 28)])
def test_the_budgets_leave_room_below_the_limit_of_a_run(section: str, minutes: float) -> None:
    assert sum(took.budgets()[section].values()) == minutes * 60


def test_every_suite_has_a_budget() -> None:
    makefile = (TIMED.parents[1] / "Makefile").read_text()
    (suites,) = (
        line.partition(":=")[2].split() for line in makefile.splitlines() if line.startswith("SUITES")
    )
    assert {"check", *suites, "to come"} == set(took.budgets()["warm"])


def test_steps_without_a_budget_are_parts_of_others(run: Path) -> None:
    assert took.steps(run, {"check": 120, "chart": 30}) == [
        Step("check", 100, 120, 0),
        Step("chart", 90, 30, 1),
    ]


def test_the_slowest_tests_come_first_under_the_names_that_pytest_takes(run: Path) -> None:
    assert took.slowest(run, "chart") == [
        (12.5, "tests.chart.test_chart::test_slow[a case]"),
        (0.4, "tests.chart.test_chart::test_quick"),
    ]
    assert took.slowest(run, "check") == []


def test_the_table_names_what_is_over_what_failed_and_what_is_left() -> None:
    found = [Step("check", 100, 120, 0), Step("chart", 90, 30, 0), Step("e2e", 5, 600, 2)]
    assert took.table("warm", found, {"check": 120, "chart": 30, "e2e": 600, "to come": 50}) == [
        "warm              seconds   budget     left",
        "check                 100      120       20",
        "chart                  90       30      -60  over",
        "e2e                     5      600      595  FAILED (2)",
        "in all                195      800      605",
    ]


def test_a_run_is_printed_and_written_for_a_program(run: Path) -> None:
    done = shown(run)
    assert (done.returncode, done.stderr) == (0, "")
    assert "12.5 s  tests.chart.test_chart::test_slow[a case]" in done.stdout
    written = json.loads((run.parent / "times.json").read_text())
    assert written["warm"]["chart"]["seconds"] == 90
    assert written["warm"]["chart"]["slowest"][0]["seconds"] == 12.5
    assert written["cold"]["packages"]["budget"] == 120


@pytest.mark.parametrize(("limit", "code"), [("4", 0), ("3", 1)], ids=["below", "above"])
def test_only_the_sum_of_the_suites_can_be_too_much(run: Path, limit: str, code: int) -> None:
    done = shown(run, "--limit", limit)
    assert done.returncode == code
    assert ("3 is the limit here" in done.stderr) == bool(code)


@pytest.mark.parametrize("code", [0, 3])
def test_a_step_is_noted_with_its_end(tmp_path: Path, code: int) -> None:
    command = [str(TIMED), "recorded data", "sh", "-c", f"exit {code}"]
    done = subprocess.run(
        command, env={"PATH": "/usr/bin:/bin", "TIMES": str(tmp_path)}, check=False, timeout=60
    )
    assert done.returncode == code
    title, seconds, noted = (tmp_path / "steps.tsv").read_text().rstrip("\n").split("\t")
    assert (title, noted) == ("recorded data", str(code))
    assert int(seconds) >= 0
