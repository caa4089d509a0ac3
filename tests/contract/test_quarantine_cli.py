"""`emp-runtime quarantine` on a store that holds bad rows."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from backbone.adapters.duckdb.reader import published
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.ports.journal import BY_HAND
from backbone.schema import ObjectName
from stores import OnDuckDB
from test_quarantine import BAD, DAYS, bars, held, run
from worker import Emp, report


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    run(OnDuckDB(folder), bars(**BAD))
    return folder


@pytest.fixture
def data(tmp_path: Path, store: Path) -> Path:
    return Path(shutil.copytree(store, tmp_path / "data"))


def listed(emp: Emp, data: Path, *options: str) -> dict[str, Any]:
    done = emp("quarantine", "list", "--data-dir", data, "-o", "json", *options)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_table_shows_counts_by_reason_and_the_rows(emp: Emp, data: Path) -> None:
    done = emp("quarantine", "list", "--data-dir", data, COLUMNS="250")
    assert done.returncode == 0, done.stderr
    assert "Quarantine: 2 entries" in done.stdout
    assert "NonPositivePrice" in done.stdout
    assert "2024-03-20" in done.stdout
    assert "close nan" in done.stdout


def test_json_holds_the_raw_rows_and_can_be_narrowed(emp: Emp, data: Path) -> None:
    assert len(listed(emp, data)["entries"]) == 2
    found = listed(emp, data, "--reason", "notfinite", "--dimension", "dailyBars", "--symbol", "AAPL")
    assert [item["raw"]["close"] for item in found["entries"]] == ["nan"]
    assert [(item["reason"], item["state"], item["entries"]) for item in found["counts"]] == [
        ("NotFinite", "Held", 1)
    ]
    assert listed(emp, data, "--symbol", "IBM") == {"counts": [], "entries": []}
    assert listed(emp, data, "--plan", "other") == {"counts": [], "entries": []}


def test_a_release_stores_the_rows_leaves_a_report_and_does_nothing_the_second_time(
    tmp_path: Path, emp: Emp, data: Path
) -> None:
    for rows in (1, 0):
        done = emp(
            "quarantine", "release", "--data-dir", data, "--reason", "NonPositivePrice", "--plan", "sample"
        )
        assert (done.returncode, done.stdout) == (0, f"{rows} rows released\n"), done.stderr
        told = report(tmp_path)
        assert (told["outcome"], told.get("rows", 0), told["plan"]) == ("Succeeded", rows, "quarantine")
    assert held(OnDuckDB(data))[DAYS[5]]["flags"] == "Released"
    assert {item["state"] for item in listed(emp, data)["entries"]} == {"Held", "Released"}
    assert listed(emp, data, "--state", "Released")["entries"][0]["reason"] == "NonPositivePrice"


def test_a_release_stands_in_the_journal_under_a_name_that_no_plan_can_have(emp: Emp, data: Path) -> None:
    assert emp("quarantine", "release", "--data-dir", data, "--all").returncode == 0
    assert emp("quarantine", "expire", "--data-dir", data, "--older-than-days", "1").returncode == 0
    with published(data) as reader:
        names = {entry.plan for entry in reader.runs(2)}
    assert names == {BY_HAND}
    with pytest.raises(ValidationError):
        TypeAdapter(ObjectName).validate_python(BY_HAND)


def test_one_entry_is_released_by_its_id(emp: Emp, emp_anew: Emp, data: Path) -> None:
    chosen = listed(emp, data, "--reason", "NonPositivePrice")["entries"][0]["id"]
    done = emp_anew("quarantine", "release", "--data-dir", data, "--id", chosen)
    assert done.stdout == "1 rows released\n"


def test_an_id_that_no_entry_has_is_an_error_that_names_it_and_releases_nothing(
    tmp_path: Path, emp: Emp, data: Path
) -> None:
    chosen = listed(emp, data, "--reason", "NonPositivePrice")["entries"][0]["id"]
    done = emp("quarantine", "release", "--data-dir", data, "--id", chosen, "--id", "0f3a")
    assert (done.returncode, report(tmp_path)["outcome"]) == (3, "UnknownEntry")
    assert "no entry has the id 0f3a; nothing was changed" in done.stderr
    assert {item["state"] for item in listed(emp, data)["entries"]} == {"Held"}


def test_a_description_that_meets_no_entry_releases_nothing_and_is_no_error(emp: Emp, data: Path) -> None:
    done = emp("quarantine", "release", "--data-dir", data, "--reason", "ZoneError")
    assert (done.returncode, done.stdout) == (0, "0 rows released\n")


def test_rows_whose_key_has_another_row_stay_and_that_is_told(tmp_path: Path, emp: Emp) -> None:
    run(OnDuckDB(tmp_path / "data"), [*bars(), {**bars()[4], "high": 103.5}])
    done = emp("quarantine", "release", "--data-dir", tmp_path / "data", "--all")
    words = "1 stay, since their key has another row: release one by its id"
    assert (done.returncode, done.stdout) == (0, f"0 rows released; {words}\n")
    assert report(tmp_path)["message"] == words


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(("release",), "nothing says which rows", id="a release of nobody knows what"),
        pytest.param(
            ("release", "--plan", "sample"), "nothing says which rows", id="a release of a whole plan"
        ),
        pytest.param(("release", "--reason", "Odd"), "'Odd' is not a reason", id="an unknown reason"),
        pytest.param(("list", "--dimension", "bars"), "is not a dimension", id="an unknown dimension"),
        pytest.param(("expire",), "--older-than-days", id="an expiry without an age"),
        pytest.param(("expire", "--older-than-days", "99999999"), "36500", id="an expiry of an age past all"),
    ],
)
def test_a_wrong_word_is_told_and_nothing_written(
    emp: Emp, data: Path, options: tuple[str, ...], words: str
) -> None:
    done = emp("quarantine", options[0], "--data-dir", data, *options[1:])
    assert done.returncode == 2
    assert words in done.stderr
    assert len(held(OnDuckDB(data))) == 7


def test_entries_expire_by_the_days_since_a_run_saw_them(emp: Emp, emp_anew: Emp, data: Path) -> None:
    young = emp("quarantine", "expire", "--data-dir", data, "--older-than-days", "36500")
    assert young.stdout == "0 entries dropped that no run has seen for 36500 days\n"
    old = emp_anew("quarantine", "expire", "--data-dir", data, "--older-than-days", "1")
    assert old.stdout == "2 entries dropped that no run has seen for 1 days\n"
    assert listed(emp, data) == {"counts": [], "entries": []}


def test_a_release_waits_for_the_lock_and_says_so_when_it_stays_held(
    tmp_path: Path, emp: Emp, data: Path
) -> None:
    with DuckDBStore(data).writer("run first", timedelta()):
        done = emp("quarantine", "release", "--data-dir", data, "--all", "--store-wait", "1")
    assert (done.returncode, report(tmp_path)["outcome"]) == (3, "StoreBusy")
    assert "held by run first" in done.stderr


def test_a_folder_without_a_published_copy_is_told(tmp_path: Path, emp: Emp) -> None:
    done = emp("quarantine", "list", "--data-dir", tmp_path / "nothing")
    assert done.returncode == 1
    assert "no run has published anything" in done.stderr


def test_entries_that_were_seen_are_acknowledged_and_held_against_nobody(emp: Emp, data: Path) -> None:
    done = emp("quarantine", "acknowledge", "--reason", "notfinite", "--data-dir", data)
    assert (done.returncode, done.stdout.strip()) == (0, "1 entries acknowledged"), done.stderr
    states = {item["reason"]: item["state"] for item in listed(emp, data)["entries"]}
    assert states == {"NotFinite": "Acknowledged", "NonPositivePrice": "Held"}
    done = emp("quarantine", "acknowledge", "--all", "--data-dir", data)
    assert done.stdout.strip() == "1 entries acknowledged"
    assert len(listed(emp, data, "--state", "Acknowledged")["entries"]) == 2


def test_an_acknowledgement_says_of_what(emp: Emp, data: Path) -> None:
    done = emp("quarantine", "acknowledge", "--data-dir", data)
    assert done.returncode != 0
    assert "nothing says which entries" in done.stderr
