"""`sessionwatch pull`: events fetched from where they are stored, for a watch to judge."""

from __future__ import annotations

import asyncio
import signal
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from models.spans import span
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.monitoring import LogOption, log_form
from sessionwatch.cli.outputs import check_outputs
from sessionwatch.cli.settings import SettingsOption, broker_of
from sessionwatch.errors import UsageError
from sessionwatch.live.logs import begin_log
from sessionwatch.pulling.keycloak_events import KeycloakEvents, Kind
from sessionwatch.pulling.output import STDOUT, EventFile, Output, PositionFile
from sessionwatch.pulling.pull import Pull, PullSettings
from sessionwatch.responses.credentials import secret_of
from sessionwatch.responses.exchange import Exchange

SECRET_VARIABLE: Final = "SESSIONWATCH_KEYCLOAK_SECRET"  # noqa: S105  # the name of a variable, not its value
app = typer.Typer(help="Fetch events from where they are stored, for a watch to judge.", no_args_is_help=True)


@app.command("keycloak")
def keycloak_command(  # noqa: PLR0913  # as many as the command has options
    context: typer.Context,
    *,
    base: Annotated[str, typer.Option(help="Keycloak's address: https://sso.clinic.example")],
    realm: Annotated[str, typer.Option(help="The realm whose events are pulled.")],
    position: Annotated[Path, typer.Option(help="The file that keeps how far they are read; made if missing.")],
    client: Annotated[str, typer.Option(help="The client with a service account.")] = "sessionwatch",
    secret_file: Annotated[
        Path | None, typer.Option(help=f"The file with the client's secret; else {SECRET_VARIABLE}.")
    ] = None,
    authority: Annotated[Path | None, typer.Option(help="A file with certificate authorities of your own.")] = None,
    output: Annotated[
        str, typer.Option(help="Append events as JSON Lines to this file; - is standard output.")
    ] = STDOUT,
    topic: Annotated[str | None, typer.Option(help="Write them to this topic of Kafka instead.")] = None,
    only: Annotated[Kind | None, typer.Option(help="user or admin: this kind alone; both if none.")] = None,
    every: Annotated[str, typer.Option(help="The time between two looks.")] = "1s",
    overlap: Annotated[str, typer.Option(help="The span that each look reads again.")] = "30s",
    once: Annotated[bool, typer.Option("--once", help="Fetch what is there, and stop.")] = False,
    log: LogOption = "text",
    settings: SettingsOption = None,  # noqa: ARG001  # applied as it is read
) -> None:
    """Pull a Keycloak realm's user and admin events. A crash at any point loses none and writes none twice."""
    kinds: tuple[Kind, ...] = ("user", "admin") if only is None else (only,)
    asked = PullSettings(kinds, _span("--overlap", overlap), _span("--every", every))
    check_outputs([], {"--position": position, "--output": None if output == STDOUT else Path(output)})
    secret = secret_of(SECRET_VARIABLE, secret_file, f"the secret of the client {client}")
    speak = begin_log("pull", log_form(log), [secret.reveal()])

    async def run(kept: PositionFile) -> None:
        events = KeycloakEvents(Exchange(base, authority=authority), realm, client, secret)
        try:
            with closing(_output(context, output, topic, kept)) as taker:
                pull = Pull(events, kept, taker, asked, speak)
                await pull.run(_stopping(), once=once)
                speak("stopped", events=pull.written)
        finally:
            await events.close()

    with closing(PositionFile(position, f"{base.rstrip('/')}, realm {realm}")) as held:
        asyncio.run(run(held))
    raise typer.Exit(Exit.DONE)


def _output(context: typer.Context, path: str, topic: str | None, kept: PositionFile) -> Output:
    """Where events go."""
    if topic is None:
        return EventFile(path, kept.position)
    from sessionwatch.pulling.topic import EventTopic

    return EventTopic(broker_of(context), topic)


def _stopping() -> asyncio.Event:
    """Set by SIGTERM and Ctrl-C: the look at hand is finished first."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


def _span(option: str, text: str) -> timedelta:
    try:
        return span(text)
    except ValueError as error:
        raise UsageError(f"{option} {text!r}: {error}") from error
