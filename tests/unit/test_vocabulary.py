"""Names that go into a cluster: unique, well formed, each with its meaning."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backbone import vocabulary
from backbone.documented import Documented
from backbone.vocabulary import ConditionType, Outcome, Reason

MEMBERS = [*ConditionType, *Reason, *Outcome]
QUALIFIED = re.compile(r"backbone\.emp\.dev/[a-z0-9]([a-z0-9-]*[a-z0-9])?|app\.kubernetes\.io/[a-z-]+")


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_a_name_is_one_camel_case_word_with_a_meaning(member: Documented) -> None:
    assert re.fullmatch(r"[A-Z][A-Za-z0-9]{1,63}", member)
    assert len(member.meaning.split()) > 2
    assert member.meaning.endswith((".", "`."))
    assert "\n" not in member.meaning


@pytest.mark.parametrize("names", [ConditionType, Reason, Outcome])
def test_a_name_belongs_to_one_member(names: type[Documented]) -> None:
    assert len(names.__members__) == len(list(names)), "an alias hides a second meaning"


def test_a_member_is_its_text() -> None:
    assert Reason.AVAILABLE == "Available"
    assert f"{Outcome.STORE_BUSY}" == "StoreBusy"
    assert Reason("Available") is Reason.AVAILABLE


@pytest.mark.parametrize(
    "name", [name for name in vars(vocabulary) if name.startswith(("LABEL_", "ANNOTATION_"))]
)
def test_labels_and_annotations_are_qualified(name: str) -> None:
    assert QUALIFIED.fullmatch(getattr(vocabulary, name))


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_a_name_that_is_explained_is_also_used(member: Documented) -> None:
    package = Path(vocabulary.__file__).parent
    modules = [path for path in package.rglob("*.py") if path.name != "vocabulary.py"]
    spelled = f"{type(member).__name__}.{member.name}"
    assert any(re.search(rf"\b{spelled}\b", path.read_text()) for path in modules), f"nothing sets {spelled}"
