"""How a run fared with each symbol, series or calendar that it asked for, as the journal keeps it."""

from __future__ import annotations

from ..ports.journal import Attempt
from ..providers.protocol import Delivery
from ..vocabulary import Outcome
from .tasks import Task


def attempts_of(task: Task, outcome: Outcome, delivery: Delivery | None) -> tuple[Attempt, ...]:
    """One attempt per name of the task, or of the part that the delivery is.

    Without a delivery that was stored, all ended like the dimension.
    """
    names = (delivery and delivery.names) or task.query.names
    fates = dict.fromkeys(names, Outcome.SUCCEEDED if delivery else outcome)
    if delivery:
        fates |= dict.fromkeys(delivery.unknown, Outcome.UNKNOWN_SYMBOL)
        fates |= dict.fromkeys(delivery.without_data, Outcome.NO_DATA)
        fates |= {item.name: item.outcome for item in delivery.failed}
    return tuple(
        Attempt(task.query.dimension.name, name, task.provider, fate) for name, fate in fates.items()
    )
