"""The base of every API model, and what the three kinds share.

A model is the one source of its CRD: bounds, defaults, descriptions and CEL rules are read off it.
A cross-field rule stands twice, as CEL (`cel`) for the API server and as a validator for everything else.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """Frozen, camelCase outside, refuses unknown fields."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=False,
    )


def cel(*rules: tuple[str, str]) -> dict[str, Any]:
    """Schema extras with CEL rules; each is (rule, message that says what to do)."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


ObjectName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"),
]
"""A DNS label: names of our objects become parts of their children's names and label values."""

Quantity = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=20, pattern=r"^[0-9]+(\.[0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
    ),
]
"""A Kubernetes resource quantity."""


class BackboneRef(Model):
    """The DataBackbone of the same namespace that this object belongs to."""

    name: ObjectName = Field(description="Name of a DataBackbone in the same namespace.")
