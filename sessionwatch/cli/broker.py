"""`sessionwatch broker`: the embedded reference broker, for demonstrations and tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

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

    host, port = _address(listen)
    token = secret_of(TOKEN_VARIABLE, token_file, "the token that callers give")
    server = EmbeddedServer(EmbeddedSessions(lambda: datetime.now(UTC)), token)

    _until_stopped(serve(server, host, port, lambda taken: _tell(f"listening port={taken}")))


@app.command("transmit")
def transmit_command(
    broker: Annotated[
        Path, typer.Argument(help="The file that says how a broker `ssf` with delivery: poll is set up.")
    ],
    *,
    listen: Annotated[str, typer.Option(help="Where, as HOST:PORT; port 0 takes a free one.")] = "127.0.0.1:8091",
) -> None:
    """Hand out security events to the receiver that fetches them, and let it manage its stream (SSF, RFC 8936)."""
    from sessionwatch.responses.brokers.ssf import Poll, SsfBroker, authorization_of
    from sessionwatch.responses.transmitter import Offer, Transmitter, transmit

    host, port = _address(listen)
    asked = broker_of(str(broker))
    if not isinstance(asked, SsfBroker) or not isinstance(asked.delivery, Poll):
        raise UsageError(f"{broker} sets up no broker whose events are fetched; write broker: ssf and delivery: poll")
    authorization = authorization_of(asked.said)
    assert authorization is not None  # noqa: S101  # it was asked for when the broker was set up
    offer = Offer(asked.said.base.rstrip("/"), asked.types)
    server = Transmitter(asked.delivery.spool, asked.delivery.signer, authorization, offer)
    _until_stopped(transmit(server, host, port, lambda taken: _tell(f"listening port={taken}")))
    asyncio.run(asked.close())


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
    typer.echo(json.dumps(asked.delivery.signer.document(), indent=2))


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"--listen {listen!r} is no HOST:PORT; write 127.0.0.1:8090")
    return host, int(port)


def _until_stopped(serving: Coroutine[Any, Any, None]) -> None:
    """Serve until a signal says to stop."""

    async def run() -> None:
        task = asyncio.ensure_future(serving)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
    _tell("stopped")


def _tell(line: str) -> None:
    sys.stderr.write(f"broker {line}\n")
    sys.stderr.flush()
