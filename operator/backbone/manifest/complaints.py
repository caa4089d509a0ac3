"""What is wrong with an object, in the words of whoever wrote it rather than of the schema library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, TypeGuard, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..databackbone.api import StorageClassName
from ..databackbone.kafka_spec import ConfigValue, TopicName, TopicPrefix
from ..ingestplan.api import Image
from ..ingestplan.dimensions import Name, Symbol
from ..quantity import Quantity
from ..schema import ObjectName

SHOWN = 3
INPUT_SHOWN = 40
_UNQUOTED = "; put it in quotes: YAML reads ON, NO and YES as true or false, and digits as a number"
_FORMS = {
    get_args(kind)[1].pattern: words
    for kind, words in (
        (Quantity, "is not a quantity; write it as 10Gi or 500M"),
        (
            ObjectName,
            "is not a name; use lower-case letters, digits and hyphens, a hyphen neither first nor last",
        ),
        (StorageClassName, "is not a name; use lower-case letters, digits, hyphens and dots"),
        (Symbol, "is not a symbol; use capitals, digits and . ^ = & / _ -"),
        (Name, "is not a name; use letters, digits and . _ -, a letter or digit first"),
        (Image, "is not an image; it holds a space"),
        (TopicName, "is not a topic's name; use letters, digits and . _ -"),
        (TopicPrefix, "is not a prefix of topics' names; use letters, digits and . _ -, no dot first"),
        (
            ConfigValue,
            "is no value of a topic config; use letters, digits, blanks and . , : ; _ * / = + @ % -",
        ),
    )
}


def complaints(section: str, model: type[BaseModel], error: ValidationError) -> str:
    """Everything that is wrong with a section of an object, in one line of which the first three are told."""
    found = error.errors(include_url=False)
    within = {item["loc"][:-1] for item in found}
    # A list without its refused entries is found too short as well, which says nothing new.
    found = [item for item in found if item["type"] != "too_short" or item["loc"] not in within]
    told = [_told(section, model, item) for item in found[:SHOWN]]
    if len(found) > SHOWN:
        told.append(f"and {len(found) - SHOWN} more")
    return "; ".join(told)


def unknown_field(place: str, name: str, known: tuple[str, ...]) -> str:
    """That a field is unknown, and which one may be meant."""
    return f"unknown field {place}{meant(name, known)}; remove it or correct its spelling"


def meant(name: str, known: tuple[str, ...]) -> str:
    """The known name that is closest, if any is close, to be appended."""
    lowered = {item.lower(): item for item in known}
    close = get_close_matches(name.lower(), lowered, n=1)
    return f" (did you mean {lowered[close[0]]}?)" if close else ""


def _told(section: str, model: type[BaseModel], error: ErrorDetails) -> str:
    place = section + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
    if error["type"] == "extra_forbidden":
        parent = _model_at(model, error["loc"][:-1])
        return unknown_field(place, str(error["loc"][-1]), _names(parent) if parent else ())
    if error["type"] == "missing":
        return f"{place} is missing"
    return f"{place}: {_in_words(model, error)}"


def _in_words(model: type[BaseModel], error: ErrorDetails) -> str:
    kind, given, bounds = error["type"], error["input"], error.get("ctx") or {}
    if kind in {"model_type", "model_attributes_type"}:
        return f"{_is(given)}; write it as {_example(_model_at(model, error['loc']))}"
    if kind == "string_pattern_mismatch":
        return f"{_shown(given)} {_FORMS.get(bounds['pattern'], 'is not of the form ' + bounds['pattern'])}"
    if kind in _SENTENCES:
        return _SENTENCES[kind](given, bounds)
    return str(error["msg"]).removeprefix("Value error, ")


def _whole(given: object, _: Mapping[str, Any]) -> str:
    return f"{_is(given)}; write a whole number"


_SENTENCES: dict[str, Callable[[Any, Mapping[str, Any]], str]] = {
    "tuple_type": lambda given, _: f"{_is(given)}; write it as a list: [{_bare(given)}]",
    "dict_type": lambda given, _: f"{_is(given)}; write it as {{name: value}}",
    "string_type": lambda given, _: (
        _is(given) + (_UNQUOTED if isinstance(given, bool | int | float) else "; write a text")
    ),
    "bool_type": lambda given, _: f"{_is(given)}; write true or false",
    "int_type": _whole,
    "int_parsing": _whole,
    "int_from_float": _whole,
    "literal_error": lambda given, bounds: f"{_shown(given)} is unknown; use {bounds['expected']}",
    "too_short": lambda *_: "is empty; name at least one",
    "too_long": lambda _, bounds: (
        f"names {bounds['actual_length']}; at most {bounds['max_length']} are taken"
    ),
    "string_too_short": lambda *_: "is empty",
    "string_too_long": lambda _, bounds: f"is too long; at most {bounds['max_length']} characters are taken",
    "greater_than_equal": lambda given, bounds: f"is {given}; use at least {bounds['ge']}",
    "less_than_equal": lambda given, bounds: f"is {given}; use at most {bounds['le']}",
}
"""By the schema library's name of the error: from what was given and the bounds to a sentence."""


def _is(given: object) -> str:
    if isinstance(given, bool):
        return f"is read as {str(given).lower()}"
    if isinstance(given, int | float):
        return "is a number"
    if given is None:
        return "is empty"
    if isinstance(given, list):
        return "is a list"
    return "is a mapping" if isinstance(given, dict) else "is a text"


def _shown(given: object) -> str:
    text = repr(given)
    return text if len(text) <= INPUT_SHOWN else f"{text[: INPUT_SHOWN - 1]}…"


def _bare(given: object) -> str:
    return given if isinstance(given, str) and len(given) <= INPUT_SHOWN else "…"


def _example(model: type[BaseModel] | None) -> str:
    required = [
        field.alias or name
        for name, field in (model.model_fields if model else {}).items()
        if field.is_required()
    ]
    return "{" + ", ".join(f"{name}: …" for name in required or ("field",)) + "}"


def _names(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _model_at(model: type[BaseModel], place: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model that describes a place inside another one; None where no model does."""
    for part in place:
        fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        kind = fields.get(str(part))
        models = [item for item in (kind, *get_args(kind)) if _is_model(item)]
        if not models:
            return None
        model = models[0]
    return model


def _is_model(kind: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
