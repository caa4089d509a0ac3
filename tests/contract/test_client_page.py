"""docs/client.md is true: its programs print what it shows, and its tables are those of the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backbone.adapters.redis.scripts import rights
from backbone.client import INSTITUTIONAL, Unfit, errors
from backbone.ports.cache import CacheFault
from worker import ROOT

PAGE = (ROOT / "docs" / "client.md").read_text()
PROGRAM = re.compile(r"```python\n(.*?)```", re.DOTALL)
PROGRAMS = PROGRAM.findall(PAGE)
README_PROGRAMS = PROGRAM.findall((ROOT / "README.md").read_text())
SHOWN = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "operator")}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example_prints_what_the_page_shows_and_that_of_the_readme_runs(home: Path) -> None:
    done = run(PROGRAMS[0], home)
    assert (done.stdout, done.stderr) == (SHOWN[0], "")
    for program in README_PROGRAMS:
        assert run(program, home).stderr == ""


@pytest.mark.parametrize("program", PROGRAMS[1:])
def test_the_other_programs_run(tmp_path: Path, program: str) -> None:
    done = run(program, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_page_tells_every_reason_in_the_words_of_the_code() -> None:
    assert [f"| `{reason}` | {reason.meaning} |" for reason in Unfit] == [
        line for line in PAGE.splitlines() if any(line.startswith(f"| `{reason}` |") for reason in Unfit)
    ]


def test_the_page_tells_what_can_be_wrong_with_a_cache_in_the_words_of_the_code() -> None:
    told = [f"| `{fault}` | {fault.meaning} |" for fault in CacheFault]
    assert [line for line in PAGE.splitlines() if line in told] == told


def test_the_page_gives_the_cache_the_rights_that_the_code_asks_for() -> None:
    rule = PAGE.partition("ACL SETUSER cache on >PASSWORD resetchannels -@all ")[2].partition("\n\n")[0]
    assert rule.replace("\\\n", " ").split() == rights(INSTITUTIONAL.namespace).split()


def test_the_page_draws_the_tree_of_errors_of_the_code() -> None:
    assert errors.__doc__ is not None
    tree = [f"    {line}" for line in errors.__doc__.strip().splitlines()[2:]]
    assert "\n".join(tree) in PAGE
