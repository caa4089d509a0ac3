"""What all models share: how they read."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import ConfigDict, Field, ValidationError

from backbone.databackbone.api import DataBackboneSpec, DataBackboneStatus
from backbone.schema import CutAt, Model, always, read_back, shared


def test_fields_are_written_in_camel_case_and_read_in_both() -> None:
    spec = DataBackboneSpec.model_validate({"deletionPolicy": "Delete"})
    assert spec == DataBackboneSpec(deletion_policy="Delete")
    assert "deletionPolicy" in spec.model_dump(by_alias=True)


def test_a_null_is_an_absent_field_at_any_depth() -> None:
    spec = DataBackboneSpec.model_validate({"mode": None, "bootstrap": {"storage": {"size": None}}})
    assert spec == DataBackboneSpec()


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        pytest.param({}, {"tier", "volume"}, id="as it was written"),
        pytest.param({"volume": {"holdsRows": "perhaps"}}, {"tier"}, id="a value that means nothing"),
        pytest.param({"tier": {"active": "Third"}, "volume": 7}, set(), id="two of them"),
        pytest.param({"later": {"field": 1}}, {"tier", "volume"}, id="a field of a later version"),
    ],
)
def test_a_field_that_does_not_read_costs_no_other(written: dict[str, object], kept: set[str]) -> None:
    tier = {
        "active": "Institutional",
        "requested": "Institutional",
        "epoch": 2,
        "since": "2024-03-01T12:00:00Z",
    }
    whole = {"tier": tier, "volume": {"claimName": "market-data"}}
    status = read_back(DataBackboneStatus, whole | written)
    assert status.model_dump(by_alias=True, exclude_none=True).keys() & whole.keys() == kept


class Words(Model):
    """Texts and lists that cut themselves, and a count that a report leaves out where it is 0."""

    model_config = ConfigDict(json_schema_extra=always("rows"))

    text: Annotated[str, CutAt(5)] = ""
    trouble: Annotated[str, CutAt(5)] | None = None
    lines: Annotated[tuple[Annotated[str, CutAt(2)], ...], CutAt(3)] = ()
    rows: int = Field(default=0, ge=0)
    at: str


def test_a_text_or_a_list_cuts_itself_and_is_plain() -> None:
    read = Words.model_validate({"text": "ab\ncdef", "trouble": "𝄞" * 9, "lines": ["abc"] * 9, "at": "now"})
    assert read == Words(text="ab cd", trouble="𝄞" * 5, lines=("ab",) * 3, at="now")


def test_a_limit_is_a_bound_of_the_schema_and_a_default_may_be_required() -> None:
    schema = Words.model_json_schema()
    fields = schema["properties"]
    assert (fields["text"]["maxLength"], fields["lines"]["maxItems"]) == (5, 3)
    assert fields["lines"]["items"]["maxLength"] == 2
    assert fields["trouble"]["anyOf"][0]["maxLength"] == 5
    assert schema["required"] == ["rows", "at"]
    assert Words(at="now").rows == 0


@pytest.mark.parametrize("given", [7, 0.5, ["a"], {"a": 1}])
def test_what_is_no_text_is_refused_rather_than_cut(given: object) -> None:
    with pytest.raises(ValidationError, match="text"):
        Words.model_validate({"text": given, "at": "now"})


def test_an_updated_copy_is_cut_and_validated_and_the_rest_stays() -> None:
    read = Words(text="abc", rows=7, at="now")
    assert read.updated(text="x" * 9) == Words(text="xxxxx", rows=7, at="now")
    assert read.updated(trouble=None) == read
    with pytest.raises(ValidationError, match="rows"):
        read.updated(rows=-1)


def test_a_model_has_the_values_of_the_fields_of_a_base() -> None:
    class More(Words):
        more: int = 3

    assert shared(Words, More(at="now", rows=2)) == {
        "text": "",
        "trouble": None,
        "lines": (),
        "rows": 2,
        "at": "now",
    }


def test_a_spec_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        DataBackboneSpec().mode = "Bootstrap"  # type: ignore[misc]
