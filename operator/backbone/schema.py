"""The base of every API model, and what the three kinds share.

A model is the one source of its CRD: bounds, defaults, descriptions and CEL rules are read off it.
A cross-field rule stands twice, as CEL (`cel`) for the API server and as a validator for everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from .vocabulary import ConditionType

M = TypeVar("M", bound="Model")


class Model(BaseModel):
    """Frozen, camelCase outside, refuses unknown fields; a null is an absent field, as for the API server."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, raw: object) -> object:
        return (
            {key: value for key, value in raw.items() if value is not None} if isinstance(raw, dict) else raw
        )


def read_back(model: type[M], written: Mapping[str, Any]) -> M:
    """What was written once, perhaps by another version or by hand.

    A field that does not read counts as absent, and costs no other field.
    """
    kept = dict(written)
    while True:
        try:
            return model.model_validate(kept, extra="ignore")
        except ValidationError as error:
            unread = {str(part["loc"][0]) for part in error.errors() if part["loc"]} & kept.keys()
            if not unread:
                return model()
            kept = {name: value for name, value in kept.items() if name not in unread}


def cel(*rules: tuple[str, str]) -> dict[str, Any]:
    """Return schema extras with CEL rules; each is (rule, message that says what to do)."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


NAME_PATTERN = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
NAME_LIMIT = 63
NAME_RULE = (
    f"size(self.metadata.name) <= {NAME_LIMIT} && self.metadata.name.matches('{NAME_PATTERN}')",
    f"metadata.name becomes a label value: use at most {NAME_LIMIT} lower-case letters, digits and hyphens, "
    "starting and ending with a letter or digit.",
)

ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=NAME_LIMIT, pattern=NAME_PATTERN)]
"""A DNS label: names of our objects become parts of their children's names and label values."""

SecretName = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    ),
]
"""A DNS subdomain, as Secrets are named."""

Flag = Annotated[bool, Strict()]
"""A boolean; a string or number that looks like one is refused, as the API server does."""

Whole = Annotated[int, Strict()]
"""An integer; a string that looks like one is refused, as the API server does."""

Quantity = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=20, pattern=r"^[0-9]+(\.[0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
    ),
]
"""A Kubernetes resource quantity."""

QUANTITY_UNITS = {
    "m": Decimal("0.001"),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTP", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTP", 1)},
}


def amount(quantity: Quantity) -> Decimal:
    """Return what a quantity amounts to, in bytes or cores."""
    number = quantity.rstrip("mkKMGTPi")
    return Decimal(number) * QUANTITY_UNITS.get(quantity[len(number) :], Decimal(1))


def named_once(names: tuple[str, ...]) -> tuple[str, ...]:
    """A list that is a set in the API. Raises ValueError."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"named twice: {', '.join(twice)}; name each once")
    return names


class BackboneRef(Model):
    """The DataBackbone of the same namespace that this object belongs to."""

    name: ObjectName = Field(description="Name of a DataBackbone in the same namespace.")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; a wide one shows with `-o wide` alone."""

    name: str
    path: str
    type: Literal["string", "integer", "date"] = "string"
    wide: bool = False

    @classmethod
    def of_condition(
        cls,
        name: str,
        condition: ConditionType,
        field: Literal["status", "reason", "message"],
        wide: bool = False,
    ) -> Column:
        """Select a condition's field by the condition's type: its place in the list means nothing."""
        return cls(name, f'.status.conditions[?(@.type=="{condition}")].{field}', wide=wide)


AGE = Column("Age", ".metadata.creationTimestamp", "date")


@dataclass(frozen=True, slots=True)
class Resource:
    """All that the API server is told about a kind.

    `conditions` are the types that its status carries, and `optional` those that it carries only where a
    section of the spec is there.
    """

    kind: str
    plural: str
    short_name: str
    description: str
    spec: type[Model]
    status: type[Model]
    columns: tuple[Column, ...]
    conditions: tuple[ConditionType, ...]
    optional: tuple[tuple[ConditionType, str], ...] = ()

    @property
    def singular(self) -> str:
        """The name in lower case, as kubectl takes it."""
        return self.kind.lower()
