"""The generated files in the repository are what the models generate."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from backbone.crds.definition import definition
from backbone.crds.files import COMMAND, MANIFEST_NOTICE, NOTICE, RESOURCES, drift, generated, write

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what generation reads, with everything it writes in place."""
    shutil.copytree(ROOT / "manifests" / "samples", tmp_path / "manifests" / "samples")
    write(tmp_path)
    return tmp_path


def test_generated_files_are_up_to_date() -> None:
    assert drift(ROOT) == [], f"generated files differ from the models; mend them by `{COMMAND}`"


def test_writing_twice_changes_nothing(checkout: Path) -> None:
    assert write(checkout) == []


@pytest.mark.parametrize("folder", ["crds", "charts/databackbone/crds", "docs/reference"])
def test_an_edit_by_hand_is_found_and_put_back(checkout: Path, folder: str) -> None:
    edited = next((checkout / folder).iterdir())
    original = edited.read_text()
    edited.write_text(original + "\nby hand\n")
    name = edited.relative_to(checkout).as_posix()
    assert drift(checkout) == [name]
    assert write(checkout) == [name]
    assert edited.read_text() == original


def test_a_left_over_file_is_found_and_removed(checkout: Path) -> None:
    left_over = checkout / "crds" / "dashboards.yaml"
    left_over.write_text("kind: CustomResourceDefinition\n")
    assert write(checkout) == ["crds/dashboards.yaml"]
    assert not left_over.exists()


def test_a_kind_without_sample_has_no_page(checkout: Path) -> None:
    shutil.rmtree(checkout / "manifests")
    with pytest.raises(LookupError, match="has no DataBackbone"):
        generated(checkout)


def test_the_chart_carries_the_same_definitions(checkout: Path) -> None:
    for resource in RESOURCES:
        copies = [
            (checkout / folder / f"{resource.plural}.yaml").read_text()
            for folder in ("crds", "charts/databackbone/crds")
        ]
        assert copies[0] == copies[1]
        assert yaml.safe_load(copies[0]) == definition(resource)


def test_every_file_says_that_it_is_generated(checkout: Path) -> None:
    notices = (NOTICE, MANIFEST_NOTICE)
    first_lines = [text.splitlines()[0] for text in generated(checkout).values()]
    assert all(any(notice in line for notice in notices) for line in first_lines)
