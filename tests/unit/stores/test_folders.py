"""Where data lie without a cluster, and when that has to be asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from backbone.errors import Rejected
from backbone.stores.folders import data_dir, only_data_dir


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMP_DATA_DIR", raising=False)
    return tmp_path


def test_every_backbone_has_its_folder() -> None:
    assert data_dir(None, ("a", "b")) == {"a": Path("backbone-data/a"), "b": Path("backbone-data/b")}


def test_what_is_given_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMP_DATA_DIR", "/data")
    assert data_dir(None, ("a",)) == {"a": Path("/data")}
    assert data_dir(Path("x"), ("a",)) == {"a": Path("x")}
    assert only_data_dir(None) == Path("/data")


def test_one_folder_does_not_hold_two_backbones() -> None:
    with pytest.raises(Rejected, match="these are several: a, b"):
        data_dir(Path("x"), ("a", "b"))


def test_the_only_folder_needs_no_name(at_home: Path) -> None:
    (at_home / "backbone-data" / "market").mkdir(parents=True)
    assert only_data_dir(None) == Path("backbone-data/market")


def test_of_several_folders_one_is_to_be_named(at_home: Path) -> None:
    for name in ("a", "b"):
        (at_home / "backbone-data" / name).mkdir(parents=True)
    with pytest.raises(Rejected, match="--data-dir backbone-data/a"):
        only_data_dir(None)


def test_without_any_folder_it_says_how_to_make_one() -> None:
    with pytest.raises(Rejected, match="emp-runtime ingest-once"):
        only_data_dir(None)


def test_a_file_in_the_place_of_the_folder_is_told(at_home: Path) -> None:
    (at_home / "afile").write_text("")
    (at_home / "backbone-data").mkdir()
    (at_home / "backbone-data" / "a").write_text("")
    for ask in (
        lambda: only_data_dir(Path("afile")),
        lambda: data_dir(Path("afile"), ("a",)),
        lambda: data_dir(None, ("a",)),
    ):
        with pytest.raises(Rejected, match="is a file; the data of a backbone needs a folder"):
            ask()
