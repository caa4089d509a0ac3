"""`emp-runtime lag` and `emp-runtime sample-lag`: what they take."""

from __future__ import annotations

from typing import Annotated

import typer

from .console import interruptible
from .forms import TopicsForm
from .options import DataDir, Files

app = typer.Typer()


@app.command("sample-lag")
def sample_lag(filename: Files, data_dir: DataDir = None) -> None:
    """Report the lag of a backbone's consumer groups.

    Takes ten samples, six seconds apart, and remembers in the data folder what the next look must know.
    Changes nothing in Kafka. Exits with 0 once Kafka was asked, whatever the words are, with 3 if Kafka
    could not be asked, and with 2 if the spec is wrong.
    """
    with interruptible("nothing was remembered; run it again"):
        from .lag import sample_lag as sample

        sample(filename, data_dir)


@app.command()
def lag(
    filename: Files,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until ^C.")] = False,
    data_dir: DataDir = None,
    output: Annotated[
        TopicsForm, typer.Option("-o", "--output", help="Form of the answer.")
    ] = TopicsForm.TABLE,
) -> None:
    """Show the lag of a backbone's consumer groups.

    A look takes a minute: ten samples, six seconds apart. The word is what this look says by itself;
    nothing is changed or remembered. Exits with 0 once Kafka was asked, whatever the words are, with 1 if
    Kafka could not be asked, and with 2 if the spec is wrong.
    """
    with interruptible("nothing was changed"):
        from .lag import show_lag

        show_lag(filename, data_dir, output, watch=watch)
