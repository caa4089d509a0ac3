"""The base of every API model, and what the three kinds share.

A model is the one source of its CRD: bounds, defaults, descriptions and CEL rules are read off it.
A cross-field rule stands twice, as CEL (`cel`) for the API server and as a validator for everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, TypeVar, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    Strict,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

from .plain_text import plain
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

    def updated(self, **values: object) -> Self:
        """A copy with other values, which are validated and cut; `model_copy` takes them as they are."""
        return type(self)(**{**dict(self), **values})


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


def shared(base: type[Model], model: Model) -> dict[str, Any]:
    """Return the values that a model has for the fields of one of its bases, by name."""
    return {name: getattr(model, name) for name in base.model_fields}


def always(*names: str) -> Callable[[dict[str, Any]], None]:
    """Return schema extras that require fields although they have a default.

    A status always has them; a report leaves out what is as by default.
    """

    def require(schema: dict[str, Any]) -> None:
        wanted = {*schema.get("required", ()), *names}
        schema["required"] = [name for name in schema["properties"] if name in wanted]

    return require


def cel(*rules: tuple[str, str]) -> dict[str, Any]:
    """Return schema extras with CEL rules; each is (rule, message that says what to do)."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


@dataclass(frozen=True, slots=True)
class CutAt:
    """Part of a type: a text or a list that is longer than `limit` loses its end instead of being refused.

    A text becomes plain as well. The schema has the limit as its bound.
    """

    limit: int

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Cut, then validate as the type itself does."""
        bounded = cast("CoreSchema", {**handler(source), "max_length": self.limit})
        return core_schema.no_info_before_validator_function(self._cut, bounded)

    def _cut(self, given: object) -> object:
        if isinstance(given, str):
            return plain(given)[: self.limit]
        return given[: self.limit] if isinstance(given, list | tuple) else given


PlainText = Annotated[str, BeforeValidator(lambda given: plain(given) if isinstance(given, str) else given)]
"""What happened, maybe in the words of others, in one line that JSON and every store can hold."""

Word = Annotated[str, CutAt(64)]
"""A name or a digest of ours."""

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
