"""`sessionwatch control`: what is told to those who judge, by records in their topics."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from models.instants import NEVER_US, instant, to_us
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.replay import window_of
from sessionwatch.errors import UsageError
from sessionwatch.live.ending import end_input, newest_us, partitions_of
from streams.kafka.connection import connection
from streams.kafka.topics import EVENTS

app = typer.Typer(name="control", help="Tell those who judge Kafka topics something.", no_args_is_help=True)


@app.command("end-of-input")
def end_of_input_command(
    *,
    prefix: Annotated[str, typer.Option(help="What the names of all topics begin with.")] = "sessionwatch",
    until: Annotated[
        str | None, typer.Option(help="Fire what is due by this instant (ISO 8601); else by the newest event.")
    ] = None,
) -> None:
    """Say that no event will come any more: what stands when it is judged is what a replay ends with."""
    broker = connection(os.environ)
    topics = partitions_of(broker, [f"{prefix}.{EVENTS}"])
    until_us = _until_us(until) if until else newest_us(broker, list(topics))
    if until_us <= -NEVER_US:
        raise UsageError("there is no event to end with; give --until, or end the input once there is one")
    count = end_input(broker, topics, until_us, {})
    typer.echo(f"the input ends at {instant(until_us).isoformat()}: written to {count} partitions")
    raise typer.Exit(Exit.DONE)


def _until_us(text: str) -> int:
    end = window_of(None, text, None, cold=False).end
    assert end is not None  # noqa: S101  # it was given
    return to_us(end)
