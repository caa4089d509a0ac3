"""Exceptions to plant: each concrete class of Python's own and of ours, as an instance."""

from __future__ import annotations

import backbone.providers.fred.provider
import backbone.providers.yahoo.provider
import backbone.runtime.cli  # noqa: F401 - so that every class of ours is there
from backbone.providers.trouble import Trouble


def planted() -> list[Exception]:
    """One of each class but MemoryError, which ends a run, and Trouble, which is no bug."""
    found: dict[str, Exception] = {}
    classes: list[type[Exception]] = [Exception]
    while classes:
        kind = classes.pop()
        classes += [item for item in kind.__subclasses__() if not issubclass(item, MemoryError | Trouble)]
        if kind.__module__ == "builtins" or kind.__module__.startswith("backbone."):
            found[kind.__name__] = made(kind)
    return list(found.values())


def made(kind: type[Exception]) -> Exception:
    """An instance, whatever its class wants to be told."""
    if issubclass(kind, ExceptionGroup):
        return kind("planted", [ValueError("planted")])
    try:
        return kind("planted")
    except Exception:  # noqa: BLE001 - some want more than a text
        return kind.__new__(kind)
