"""`sessionwatch broker`: the embedded reference broker, for demonstrations and tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from sessionwatch.cli.exits import Exit
from sessionwatch.errors import UsageError
from sessionwatch.responses.broker_setup import broker_of
from sessionwatch.responses.credentials import secret_of

TOKEN_VARIABLE: Final = "SESSIONWATCH_BROKER_TOKEN"  # noqa: S105  # the name of a variable, not its value
app = typer.Typer(help="Session brokers: one to try with, and whether yours can be used.", no_args_is_help=True)


@app.command("serve")
def serve_command(
    *,
    listen: Annotated[str, typer.Option(help="Where, as HOST:PORT; port 0 takes a free one.")] = "127.0.0.1:8090",
    token_file: Annotated[
        Path | None, typer.Option(help=f"The file with the token that callers give; else {TOKEN_VARIABLE}.")
    ] = None,
) -> None:
    """Serve the reference contract from memory, with sessions that can be begun and used: for demonstrations."""
    from sessionwatch.responses.embedded import EmbeddedSessions
    from sessionwatch.responses.embedded_server import EmbeddedServer, serve

    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"--listen {listen!r} is no HOST:PORT; write 127.0.0.1:8090")
    token = secret_of(TOKEN_VARIABLE, token_file, "the token that callers give")
    server = EmbeddedServer(EmbeddedSessions(lambda: datetime.now(UTC)), token)

    async def run() -> None:
        task = asyncio.ensure_future(serve(server, host, int(port), lambda taken: _tell(f"listening port={taken}")))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
    _tell("stopped")


@app.command("check")
def check_command(
    broker: Annotated[str, typer.Argument(help="An address, or a file that says how the broker is set up.")],
) -> None:
    """Ask a broker whether it can be used: one line for each thing that is missing, and 1 if there is any."""

    async def run() -> list[str]:
        asked = broker_of(broker)
        try:
            return await asked.check()
        finally:
            await asked.close()

    missing = asyncio.run(run())
    for line in missing or ["the broker can be used"]:
        typer.echo(line)
    raise typer.Exit(Exit.FAILED if missing else Exit.DONE)


@app.command("keys")
def keys_command(
    broker: Annotated[Path, typer.Argument(help="The file that says how a broker `ssf` is set up.")],
) -> None:
    """Print the public keys by which a receiver checks our security events, as a JWKS document to be served."""
    from sessionwatch.responses.brokers.ssf import SsfBroker

    asked = broker_of(str(broker))
    asyncio.run(asked.close())
    if not isinstance(asked, SsfBroker):
        raise UsageError(f"{broker} sets up the broker {asked.name}, which signs nothing with a key; name one of ssf")
    typer.echo(json.dumps(asked.signer.document(), indent=2))


def _tell(line: str) -> None:
    sys.stderr.write(f"broker {line}\n")
    sys.stderr.flush()
