"""The command line itself: fast, in step with the dimensions, one line per error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backbone import __version__
from backbone.market.dimensions import DIMENSIONS
from backbone.runtime.cli import DimensionName, app, main

HEAVY = ("duckdb", "pyarrow", "plotext", "rich", "yaml", "pydantic")


def test_the_dimensions_of_the_command_line_are_those_of_the_market() -> None:
    assert [item.value for item in DimensionName] == [item.command_name for item in DIMENSIONS]


def test_answering_for_help_loads_no_driver() -> None:
    listed = f"import sys, backbone.runtime.cli; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.strip() == __version__


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        pytest.param(
            ["read", "daily-bars", "AAPL"], 2, "no data under ./backbone-data", id="nothing was ingested"
        ),
        pytest.param(
            ["read", "daily-bars", "AAPL", "--start", "soon"], 2, "'soon' is no day", id="no such day"
        ),
        pytest.param(
            ["read", "daily-bars", "AAPL", "--data-dir", "empty"],
            1,
            "no run has published data",
            id="not published",
        ),
        pytest.param(["summary", "-f", "absent.yaml"], 2, "absent.yaml: cannot be read", id="no such file"),
        pytest.param(["ingest-once", "-f", "empty"], 2, "no file ending in", id="an empty folder"),
        pytest.param(
            ["export", "daily-bars", "--data-dir", "empty"], 1, "no run has published", id="no export"
        ),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    *,
    arguments: list[str],
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMP_DATA_DIR", raising=False)
    monkeypatch.setattr(sys, "argv", ["emp-runtime", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    said = capsys.readouterr().err.strip()
    assert caught.value.code == code
    assert said.startswith("error: ") and told in said
    assert "\n" not in said


@pytest.mark.parametrize("word", ["weekly-bars", "dailyBars", ""])
def test_an_unknown_dimension_names_the_known_ones(word: str) -> None:
    done = CliRunner().invoke(app, ["read", word, "AAPL"])
    assert done.exit_code == 2
    assert "daily-bars" in done.output
