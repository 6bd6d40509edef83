"""`sessionwatch state`: what a watch keeps, its alerts, and what is known of a person and can be erased."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from models.events import user_key
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.summary import rule_counts, show_standing
from sessionwatch.cli.terminal import speaker
from sessionwatch.engine.counts import EngineCounts
from sessionwatch.live.erasure import erase, kept_of
from sessionwatch.live.judging import stream_of
from sessionwatch.live.records import sums_of
from sessionwatch.live.state_file import StateFile, reading
from sessionwatch.live.tallies import count_on

app = typer.Typer(help="What a watch keeps: alerts, dead letters, and what is known of a person.", no_args_is_help=True)
StateOption = Annotated[Path, typer.Option("--state", help="The state file of a watch.")]


@app.command("alerts")
def alerts_command(
    *,
    state: StateOption,
    late: Annotated[bool, typer.Option("--late", help="Also those raised by events later than their bound.")] = False,
) -> None:
    """Write the alerts that stand as JSON Lines, as a replay does: for explain, report and compare."""
    with reading(state) as file:
        for alert in file.standing(late=late):
            sys.stdout.buffer.write(alert + b"\n")
    sys.stdout.buffer.flush()


@app.command("summary")
def summary_command(*, state: StateOption) -> None:
    """Tell what was read so far, which alerts stand, and what could not be judged, as a replay does at its end."""
    with reading(state) as file:
        sums = sums_of(file.meta("sums"))
        alerts = [msgspec.json.decode(alert) for alert in file.standing(late=False)]
        stream = stream_of(file)
    counts = EngineCounts()
    for tally in stream.tallies.values():
        one = EngineCounts()
        count_on(one, tally)
        counts.merge_rules(one)
        # Each kind of subject counts the copies of those events that it wants.
        counts.duplicates = max(counts.duplicates, one.duplicates)
    records = {
        "mapped": sums.mapped,
        "dropped": sum(sums.dropped.values()),
        "dead letter": sum(sums.dead_letters.values()),
    }
    kept_in = f"`sessionwatch state alerts --state {state}`"
    told = {**rule_counts(counts), "events": sums.events_made - counts.duplicates, "duplicates": counts.duplicates}
    show_standing(records, told, alerts, speaker(), kept_in)


@app.command("dead-letters")
def dead_letters_command(*, state: StateOption) -> None:
    """Write the records that could not be read as JSON Lines, each with its place and reason."""
    with reading(state) as file:
        for entry in file.dead_letters():
            sys.stdout.buffer.write(entry + b"\n")
    sys.stdout.buffer.flush()


@app.command("show")
def show_command(
    user: Annotated[str, typer.Argument(help="The user's name, as events have it.")], *, state: StateOption
) -> None:
    """Tell what is kept about a person: entries, alerts, events that wait, records that could not be read."""
    with reading(state) as file:
        found = kept_of(file, user_key(user))
    console = speaker()
    for what, value, size in found:
        console.print(f"{what:<12} {value:<44} {size:>8,} bytes", markup=False, soft_wrap=True)
    if not found:
        console.print(f"nothing is kept about {user}", markup=False, soft_wrap=True)


@app.command("forget")
def forget_command(
    user: Annotated[str, typer.Argument(help="The user's name, as events have it.")], *, state: StateOption
) -> None:
    """Erase what is kept about a person; a keyed hash of the name and an offset stay. The watch must not run."""
    with StateFile(state, create=False) as file:
        erased = erase(file, user_key(user))
    speaker().print(f"{erased:,} entries about {user} were erased", markup=False, soft_wrap=True)
    raise typer.Exit(Exit.DONE)
