"""`emp-runtime topics` and `emp-runtime provision-topics`: what they take."""

from __future__ import annotations

from typing import Annotated

import typer

from .console import interruptible
from .forms import TopicsForm
from .options import DataDir, Files

app = typer.Typer()

Confirm = Annotated[
    str | None,
    typer.Option(
        help="Comma-separated tokens that approve more partitions of topics whose events have keys."
    ),
]


@app.command("provision-topics")
def provision_topics(filename: Files, confirm: Confirm = None, data_dir: DataDir = None) -> None:
    """Bring Kafka to the topics of a backbone.

    Creates topics that do not exist; alters topics with management Reconcile. A topic is never deleted. A
    second run changes nothing. Exits with 0 once Kafka described the topics, whatever their words are, and
    with 3 if Kafka could not be asked.
    """
    with interruptible("what was done stays; run it again for the rest"):
        from .topics import provision

        provision(filename, confirm, data_dir)


@app.command()
def topics(
    filename: Files,
    confirm: Confirm = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print what provision-topics would do, and change nothing.")
    ] = False,
    data_dir: DataDir = None,
    output: Annotated[
        TopicsForm, typer.Option("-o", "--output", help="Form of the answer.")
    ] = TopicsForm.TABLE,
) -> None:
    """Show what Kafka has of each topic of a backbone.

    Each topic has one word, and a message that says what to do. Nothing is changed.
    """
    with interruptible("nothing was changed"):
        from .topics import show_plan, show_topics

        (show_plan if plan else show_topics)(filename, confirm, data_dir, output)
