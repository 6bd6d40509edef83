"""What the commands that keep running have in common: their options, how they are watched, and how they speak."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from models.spans import span
from sessionwatch.errors import UsageError
from sessionwatch.live.logs import Log

MonitorOption = Annotated[
    str | None,
    typer.Option("--monitor", help="Answer /healthz, /readyz and /metrics at this HOST:PORT, such as 127.0.0.1:9464."),
]
RulesOption = Annotated[
    list[Path] | None, typer.Option("--rules", help="Rule files or folders instead of the bundled ones.")
]
DatabasesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--geo", help="A geo database; may be repeated. The bundled map answers what these leave open; 'none' stops it."
    ),
]
NetworksOption = Annotated[
    list[Path] | None,
    typer.Option("--networks", help="A list of your own networks and their classes; may be repeated."),
]
BoundOption = Annotated[
    list[str] | None, typer.Option("--bound", help="How late a source may be, such as okta=5m; may be repeated.")
]
RedactOption = Annotated[bool, typer.Option("--redact", help="Leave the raw text out of dead letters.")]
LogOption = Annotated[str, typer.Option("--log", help="How lines about the work are written: text or json.")]
ExpectOption = Annotated[
    list[str] | None,
    typer.Option("--expect", help="How long a source may be silent, such as okta=30m; then it is told. May repeat."),
]


@contextmanager
def monitored(address: str | None, metrics: Callable[[], str], unready: Callable[[], str], log: Log) -> Iterator[None]:
    """Answer at `address`, where one is given, as long as the block runs.

    Raises:
        UsageError: the address is none, or cannot be had.
    """
    if address is None:
        yield
        return
    from streams.monitoring import Monitor, Reports

    monitor = Monitor(address, Reports(metrics, unready))
    log("monitor", port=monitor.port)
    try:
        yield
    finally:
        monitor.close()


def log_form(text: str) -> Literal["text", "json"]:
    """What `--log` says.

    Raises:
        UsageError: it is neither.
    """
    if text == "text":
        return "text"
    if text == "json":
        return "json"
    raise UsageError(f"--log {text!r} is neither text nor json")


def spans_by_source(option: str, written: Sequence[str]) -> dict[str, timedelta]:
    """Spans of time by source, as they are written: okta=5m.

    Raises:
        UsageError: one is none.
    """
    found = {}
    for text in written:
        source, equals, length = text.partition("=")
        try:
            found[source] = span(length)
        except ValueError as error:
            raise UsageError(f"{option} {text!r}: {error}; write okta=5m") from error
        if not source or not equals:
            raise UsageError(f"{option} {text!r} names no source; write okta=5m")
    return found
