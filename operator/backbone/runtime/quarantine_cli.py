"""`emp-runtime quarantine`: what its commands are called and take."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import Rejected
from ..ports.quarantine import EntryState, QuarantineFilter
from .console import notice
from .forms import DimensionName, QuarantineForm
from .options import DataDir, OptionalFiles, dimension_name

app = typer.Typer(no_args_is_help=True, help="Rows that the checks of the data kept out of the store.")


Dimension = Annotated[
    DimensionName | None,
    typer.Option(parser=dimension_name, metavar="DIMENSION", help="Only rows of this dimension."),
]
Reason = Annotated[str | None, typer.Option(help="Only rows with this reason, such as PriceSpike.")]
Symbol = Annotated[
    list[str] | None, typer.Option(help="Only this symbol, series or calendar; may be repeated.")
]
EntryId = Annotated[list[str] | None, typer.Option("--id", help="Only this entry; may be repeated.")]
PlanName = Annotated[
    str | None, typer.Option(help="Only rows of what this plan asks for, or that its runs brought first.")
]
Wait = Annotated[int, typer.Option("--store-wait", min=0, help="Seconds to wait for the store's lock.")]


@app.command("list")
def list_entries(
    dimension: Dimension = None,
    reason: Reason = None,
    symbol: Symbol = None,
    plan: PlanName = None,
    state: Annotated[EntryState | None, typer.Option(help="Only entries in this state.")] = None,
    last: Annotated[int, typer.Option(min=0, help="Entries to show, those seen last first.")] = 20,
    data_dir: DataDir = None,
    filename: OptionalFiles = None,
    output: Annotated[
        QuarantineForm, typer.Option("-o", "--output", help="Form of the answer.")
    ] = QuarantineForm.TABLE,
) -> None:
    """Show what is in quarantine, by reason and row by row."""
    from ..stores.places import only_place
    from .quarantine import show

    chosen = _filter(dimension, reason, symbol, None, plan, state)
    show(chosen, only_place(filename or [], data_dir, notice), last, output)


@app.command()
def release(
    dimension: Dimension = None,
    reason: Reason = None,
    symbol: Symbol = None,
    entry: EntryId = None,
    plan: PlanName = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All rows; needed where nothing restricts.")
    ] = False,
    store_wait: Wait = 300,
    data_dir: DataDir = None,
    filename: OptionalFiles = None,
) -> None:
    """Store rows after all, under the flag Released.

    A second release of the same rows changes nothing, and where nothing is held by that description, 0 rows
    are released. An --id that no entry has is an error, and then nothing is released. Rows with a value that
    is missing or no number stay.
    """
    from datetime import timedelta

    from ..stores.places import only_place
    from . import quarantine

    chosen = _filter(dimension, reason, symbol, entry, plan)
    if not everything and chosen == QuarantineFilter(plan=plan):
        raise Rejected("nothing says which rows: --dimension, --reason, --symbol or --id, or --all")
    quarantine.release(chosen, only_place(filename or [], data_dir, notice), timedelta(seconds=store_wait))


@app.command()
def acknowledge(
    dimension: Dimension = None,
    reason: Reason = None,
    symbol: Symbol = None,
    entry: EntryId = None,
    plan: PlanName = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All entries; needed where nothing restricts.")
    ] = False,
    store_wait: Wait = 300,
    data_dir: DataDir = None,
    filename: OptionalFiles = None,
) -> None:
    """Say that entries were seen: they stay out, and are held against nobody any more.

    Where the same row comes again it stays acknowledged; another row of its key is news. Stored rows that are
    condemned or withdrawn, and wait since too many would leave at once, leave. An --id that no entry has is
    an error, and then nothing is acknowledged.
    """
    from datetime import timedelta

    from ..stores.places import only_place
    from . import quarantine

    chosen = _filter(dimension, reason, symbol, entry, plan)
    if not everything and chosen == QuarantineFilter(plan=plan):
        raise Rejected("nothing says which entries: --dimension, --reason, --symbol or --id, or --all")
    place = only_place(filename or [], data_dir, notice)
    quarantine.acknowledge(chosen, place, timedelta(seconds=store_wait))


@app.command()
def expire(
    older_than_days: Annotated[
        int, typer.Option(min=0, max=36500, help="Days in which no run has seen the row.")
    ],
    dimension: Dimension = None,
    reason: Reason = None,
    symbol: Symbol = None,
    plan: PlanName = None,
    store_wait: Wait = 300,
    data_dir: DataDir = None,
    filename: OptionalFiles = None,
) -> None:
    """Drop entries for good, rows and all; what was released or acknowledged stays decided.

    Where no entry is as described, 0 are dropped.
    """
    from datetime import timedelta

    from ..stores.places import only_place
    from . import quarantine

    chosen = _filter(dimension, reason, symbol, None, plan)
    quarantine.expire(
        chosen, only_place(filename or [], data_dir, notice), older_than_days, timedelta(seconds=store_wait)
    )


def _filter(
    dimension: DimensionName | None,
    reason: str | None,
    symbols: list[str] | None,
    ids: list[str] | None,
    plan: str | None,
    state: EntryState | None = None,
) -> QuarantineFilter:
    from ..client import questions
    from ..market.dimensions import DIMENSIONS
    from .quarantine import reason_of

    return QuarantineFilter(
        dimension=next((item for item in DIMENSIONS if item.command_name == dimension), None),
        reason=None if reason is None else reason_of(reason),
        subjects=tuple(map(questions.name, symbols or ())),
        ids=tuple(map(questions.name, ids or ())),
        plan=questions.choice("--plan", plan),
        state=state,
    )
