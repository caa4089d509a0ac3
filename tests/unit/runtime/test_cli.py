"""The command line itself: fast, in step with the dimensions, one line per error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backbone import __version__
from backbone.adapters.export import file_of
from backbone.errors import Rejected
from backbone.market.dimensions import DIMENSIONS, Dimension
from backbone.runtime.cli import DimensionName, app, main
from backbone.runtime.forms import FileForm
from backbone.runtime.reading import file_form

HEAVY = ("duckdb", "pyarrow", "plotext", "yaml", "pydantic")


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
            ["read", "daily-bars", "AAPL", "--start", "soon"], 2, "'soon' is not a day", id="no such day"
        ),
        pytest.param(
            ["read", "daily-bars", "AAPL", "--data-dir", "empty"],
            1,
            "no run has published data",
            id="not published",
        ),
        pytest.param(
            ["read", "daily-bars", "AAPL", "--start", "2023-09-21", "--end", "2023-09-19"],
            2,
            "--start 2023-09-21 is not before --end 2023-09-19",
            id="a range that ends before it starts",
        ),
        pytest.param(
            ["export", "daily-bars", "--start", "2023-09-21", "--end", "2023-09-21"],
            2,
            "nothing lies between them",
            id="a range of no length",
        ),
        pytest.param(
            ["export", "daily-bars", "--data-dir", "empty", "--format", "csv", "--to", "x.parquet"],
            2,
            "--format csv and the ending of x.parquet contradict each other",
            id="a format against the ending",
        ),
        pytest.param(
            ["export", "daily-bars", "--data-dir", "empty", "--to", "x.xlsx"],
            2,
            "the ending of x.xlsx says no format; add --format",
            id="an ending of no format",
        ),
        pytest.param(["read", "daily-bars", "\udcff"], 2, "holds a character that no name has", id="no text"),
        pytest.param(["read", "daily-bars", "A", "--source", "\udcff"], 2, "no name has", id="no source"),
        pytest.param(["quarantine", "release", "--symbol", "\udcff"], 2, "no name has", id="no symbol"),
        pytest.param(
            ["quarantine", "release", "--all", "--data-dir", "empty", "--store-wait", "9" * 30],
            2,
            "a number too large",
            id="a wait beyond all",
        ),
        pytest.param(
            ["read", "daily-bars", "A", "--data-dir", "empty", "--start", "0001-01-01T00:00+05:00"],
            1,
            "no run has published",
            id="a beginning before all",
        ),
        pytest.param(
            ["export", "daily-bars", "--data-dir", "empty", "--end", "9999-12-31T23:59:59-05:00"],
            1,
            "no run has published",
            id="an end after all",
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


def test_a_fault_of_ours_is_one_line_with_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fault() -> None:
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr("backbone.runtime.commands.list_recordings", fault)
    monkeypatch.setattr(sys, "argv", ["emp-runtime", "sample", "list"])
    with pytest.raises(SystemExit) as caught:
        main()
    said = capsys.readouterr().err
    assert caught.value.code == 1
    assert said.startswith(
        "error: a fault of emp-runtime itself, please report it: ZeroDivisionError: by zero"
    )
    assert "cli.py:" in said and said.count("\n") == 1


NEVER = "x" * 300


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["summary", "--data-dir", NEVER], f"{NEVER}: File name too long", id="data, too long"),
        pytest.param(["summary", "-f", NEVER], f"{NEVER}: File name too long", id="files, too long"),
        pytest.param(
            ["export", "daily-bars", "--data-dir", ".", "--to", f"{NEVER}.csv"],
            f"{NEVER}.csv: File name too long",
            id="an export, too long",
        ),
        pytest.param(["sample", "fetch", "--into", "file/sub"], "Not a directory", id="below a file"),
        pytest.param(["summary", "--data-dir", "d\udcff"], r"'d\udcff' is not UTF-8 text", id="no text"),
    ],
)
def test_a_path_that_can_be_none_is_told_by_its_name(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["emp-runtime", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    said = capsys.readouterr().err.splitlines()[-1]
    assert caught.value.code == 2
    assert told in said and "please report" not in said


@pytest.mark.parametrize("name", ["x\udcff.csv", "d\udcff/x.csv"], ids=ascii)
def test_an_export_is_named_in_text(name: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"udcff.* is not UTF-8 text"):
        file_of(tmp_path / name)


@pytest.mark.parametrize("word", ["weekly-bars", "dailybars", ""])
def test_an_unknown_dimension_names_the_known_ones(word: str) -> None:
    done = CliRunner().invoke(app, ["read", word, "AAPL"])
    assert done.exit_code == 2
    assert "daily-bars" in done.output


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda item: item.name)
def test_a_dimension_is_taken_as_a_plan_spells_it_too(dimension: Dimension) -> None:
    assert DimensionName.parse(dimension.name) == dimension.command_name
    assert DimensionName.parse(dimension.command_name) == dimension.command_name


@pytest.mark.parametrize(
    ("asked", "to", "form"),
    [
        pytest.param(None, "x.csv", FileForm.CSV, id="the ending says it"),
        pytest.param(None, "X.CSV", FileForm.CSV, id="in capitals too"),
        pytest.param(None, "x.parquet", FileForm.PARQUET, id="the other ending"),
        pytest.param(FileForm.CSV, "x.csv", FileForm.CSV, id="asked for as the ending says"),
        pytest.param(FileForm.CSV, "x.txt", FileForm.CSV, id="asked for, and the ending says nothing"),
        pytest.param(None, "x", FileForm.PARQUET, id="no ending"),
        pytest.param(None, None, FileForm.PARQUET, id="nothing said"),
    ],
)
def test_the_form_of_an_export(asked: FileForm | None, to: str | None, form: FileForm) -> None:
    assert file_form(asked, Path(to) if to else None) is form


def test_a_fetch_that_is_interrupted_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backbone.providers.sample.fetch.fetch", interrupted)
    done = CliRunner().invoke(app, ["sample", "fetch"])
    assert done.exit_code == 130
    assert "interrupted: the files that are already there are kept; run it again" in done.output


def test_the_first_sentence_of_every_help_text_is_shown_whole() -> None:
    for arguments in (["--help"], ["sample", "--help"]):
        assert (
            "..." not in CliRunner().invoke(app, arguments, env={"COLUMNS": "80"}).output.split("Commands")[1]
        )
