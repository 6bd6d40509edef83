"""`sessionwatch control`: what is told to those who judge, by records in their topics."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from models.instants import NEVER_US, instant, to_us
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.live import chosen
from sessionwatch.cli.replay import window_of
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.errors import UsageError
from sessionwatch.live.ending import end_input, end_raw, newest_us, partitions_of
from sessionwatch.live.topology import raw_names
from sessionwatch.ruleset.loading import bundled_rules
from streams.kafka.connection import connection
from streams.kafka.topics import events_topic, raw_topic

app = typer.Typer(name="control", help="Tell those who judge Kafka topics something.", no_args_is_help=True)


@app.callback()
def _control() -> None:
    """Each command has its own options."""


@app.command("end-of-input")
def end_of_input_command(
    *,
    prefix: Annotated[str, typer.Option(help="What the names of all topics begin with.")] = "sessionwatch",
    raw: Annotated[
        list[str] | None,
        typer.Option(help="End the raw topic of this format, and that of outcomes; may be repeated."),
    ] = None,
    rules: Annotated[list[Path] | None, typer.Option(help="Rule files or folders instead of the bundled ones.")] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(help="Without --raw: only topics of events by this kind of subject, as live has it; may repeat."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help="Without --raw: fire what is due by this instant (ISO 8601); else by the newest event."),
    ] = None,
) -> None:
    """Say that no event will come any more: what stands when it is judged is what a replay ends with.

    With --raw through `normalise`, which hands it on; without, into the topics of events themselves.
    """
    broker = connection(os.environ)
    if raw:
        if until:
            raise UsageError("--until goes without --raw: with it the newest event that was normalised counts")
        count = end_raw(broker, partitions_of(broker, [raw_topic(prefix, name) for name in raw_names(raw)]))
        typer.echo(f"the input ends: written to {count} partitions")
        raise typer.Exit(Exit.DONE)
    kinds = chosen(by or [], EnginePlan(tuple(rules or [bundled_rules()])).ruleset())
    topics = partitions_of(broker, [events_topic(prefix, by) for by in kinds])
    until_us = _until_us(until) if until else newest_us(broker, list(topics))
    if until_us <= -NEVER_US:
        raise UsageError("there is no event to end with; give --until, or end the input once there is one")
    sessions = events_topic(prefix, "session")
    count = end_input(broker, topics, until_us, {sessions: topics[sessions]} if sessions in topics else {})
    typer.echo(f"the input ends at {instant(until_us).isoformat()}: written to {count} partitions")
    raise typer.Exit(Exit.DONE)


def _until_us(text: str) -> int:
    end = window_of(None, text, None, cold=False).end
    assert end is not None  # noqa: S101  # it was given
    return to_us(end)
