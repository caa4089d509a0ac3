"""What a check that breaks costs: the name whose rows it broke on, and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pyarrow.compute as pc

from ..errors import BackboneError
from ..market.validation.judge import Judgement
from ..providers.protocol import Fate, Slice
from ..providers.trouble import bug

Judged = tuple[Slice, Judgement]


def judged_apart(
    item: Slice, subject: str, judge: Callable[[Slice], Judgement]
) -> tuple[list[Judged], list[Fate]]:
    """A slice and its judgement, and the fates of names on whose rows the checks broke.

    Where they break on the whole slice, they see one name's rows after the other's. Raises what is no bug:
    BackboneError and MemoryError.
    """
    try:
        return [(item, judge(item))], []
    except (BackboneError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, most names have nothing to do with it
        whole = error
    found: list[Judged] = []
    fates = []
    for name, part in _by_name(item, subject):
        try:
            found.append((part, judge(part)))
        except (BackboneError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - see above
            broken = bug(name, error)
            fates.append(Fate(name, broken.outcome, str(broken)))
    if not fates:
        bug(f"the checks of all names of {item.source} together", whole)
    return found, fates


def _by_name(item: Slice, subject: str) -> Iterator[tuple[str, Slice]]:
    column = item.facts[subject]
    for value in pc.unique(column):
        mask = pc.is_null(column) if not value.is_valid else pc.equal(column, value)
        name = str(value.as_py())
        facts = item.facts.filter(pc.fill_null(mask, False))
        yield name, replace(item, facts=facts, whole=tuple(one for one in item.whole if one.subject == name))
