"""`sessionwatch deliver`: a watch's alerts to a SIEM, over the network."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from sessionwatch.cli.exits import Exit
from sessionwatch.delivery.courier import Courier
from sessionwatch.delivery.journal import Journal
from sessionwatch.delivery.sink import Sink
from sessionwatch.delivery.sink_setup import sink_of
from sessionwatch.live.alert_rows import AlertRows
from sessionwatch.responses.outbox import held_for_one


def deliver_command(
    *,
    state: Annotated[Path, typer.Option("--state", help="The state file of a watch; what is sent is kept beside it.")],
    to: Annotated[Path, typer.Option("--to", help="A file that says which sink, and how it is set up.")],
    once: Annotated[bool, typer.Option("--once", help="Send what is there, and stop; 3 if some still waits.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also send anew what the sink has refused.")] = False,
    refused: Annotated[bool, typer.Option("--refused", help="Only list what the sink has refused, and why.")] = False,
) -> None:
    """Send a watch's alerts to a SIEM, each at least once and under the same id, and keep what it cannot take now."""
    sink = sink_of(to)
    journal_path = state.with_name(f"{state.name}.{to.stem}.delivery")
    with ExitStack() as stack:
        alerts = stack.enter_context(closing(AlertRows(state)))
        if refused:
            journal = stack.enter_context(closing(Journal(journal_path)))
            for id_, reason, at in journal.refused():
                typer.echo(f"{at} {id_} {reason}")
            raise typer.Exit(Exit.DONE)
        stack.callback(os.close, held_for_one(journal_path))
        journal = stack.enter_context(closing(Journal(journal_path)))
        if again:
            _tell(f"put back {journal.put_back():,}")
        _tell(f"ready state={state} sink={sink.name}")
        asyncio.run(_run(Courier(alerts, journal, sink, _tell), sink, once=once))
        counts = journal.counts()
        _tell(f"stopped sent={counts.sent} waiting={counts.waiting} refused={counts.refused} gone={counts.gone}")
    raise typer.Exit(Exit.DEAD_LETTERS if counts.waiting or counts.refused else Exit.DONE)


async def _run(courier: Courier, sink: Sink, *, once: bool) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    try:
        await courier.run(stopped, until_idle=once)
    finally:
        await sink.close()


def _tell(line: str) -> None:
    sys.stderr.write(f"deliver {line}\n")
    sys.stderr.flush()
