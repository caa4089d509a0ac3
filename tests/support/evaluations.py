"""What an evaluation says and does, in short: its conditions, its fields of status, its actions."""

from __future__ import annotations

from backbone.evaluation import Apply, Evaluation, Prune, Start
from backbone.measures import Family
from backbone.ports.cluster import JsonObject


def conditions(result: Evaluation) -> dict[str, tuple[str, str]]:
    """Status and reason of each condition, by type."""
    return {item.type: (item.status, item.reason) for item in result.conditions}


def message(result: Evaluation, kind: str) -> str:
    """What the condition of this type says."""
    return next(item.message for item in result.conditions if item.type == kind)


def fields(result: Evaluation) -> JsonObject:
    """The other fields of the status, as JSON."""
    found: JsonObject = result.fields.model_dump(mode="json", by_alias=True, exclude_none=True)
    return found


def measured(result: Evaluation, family: Family) -> dict[tuple[str, ...], float | None]:
    """What an evaluation measured of a family, by its labels after namespace and name."""
    return {item.labels: item.value for item in result.measures if item.family is family}


def started(result: Evaluation) -> list[str]:
    """Names of the Jobs to be created."""
    return [action.document["metadata"]["name"] for action in result.actions if isinstance(action, Start)]


def prunes(result: Evaluation) -> list[str]:
    """Names of what is to be deleted."""
    return [action.name for action in result.actions if isinstance(action, Prune)]


def applied(result: Evaluation, kind: str) -> JsonObject | None:
    """The first child of this kind that is to be applied."""
    found = [
        action.document
        for action in result.actions
        if isinstance(action, Apply) and action.document["kind"] == kind
    ]
    return found[0] if found else None
