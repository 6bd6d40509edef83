"""`sessionwatch convert`: any known log to our own JSON Lines."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
import typer

from models.events import SessionEvent
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.inputs import MappingOption
from sessionwatch.cli.outputs import check_outputs
from sessionwatch.cli.terminal import complaints
from sessionwatch.errors import UsageError
from streams.accounting import Accounting
from streams.deadletter import DeadLetter
from streams.reading import ReadSettings, read_blocks


def convert_command(
    paths: Annotated[
        list[str], typer.Argument(help="Files, folders or globs; - is standard input.", metavar="PATH...")
    ],
    *,
    log_format: Annotated[str, typer.Option("--format", help="A format's name; auto looks at the records.")] = "auto",
    mapping: MappingOption = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of standard output.")] = None,
    dead_letter: Annotated[Path | None, typer.Option(help="Keep records that cannot be read, with the reason.")] = None,
    redact: Annotated[bool, typer.Option("--redact", help="Leave the raw text out of the dead letter.")] = False,
    tenant: Annotated[str, typer.Option(help="The organisation whose logs these are.")] = "default",
) -> None:
    """Turn logs into sessionwatch's own events, one JSON object a line, in the order they stand in the input."""
    check_outputs(paths, {"--output": output, "--dead-letter": dead_letter})
    accounting = Accounting()
    settings = ReadSettings(format=log_format, mappings=tuple(mapping or ()), tenant=tenant)
    with DeadLetter(dead_letter, redact=redact) as letters:
        blocks = read_blocks(paths, settings, accounting, letters)
        if output is None:
            _write(blocks, sys.stdout.buffer)
        else:
            try:
                with output.open("wb") as file:
                    _write(blocks, file)
            except OSError as error:
                raise UsageError(f"{output} cannot be written: {error.strerror or error}") from error
    told = complaints()
    told.print(
        f"{accounting.records_read:,} records: {accounting.mapped:,} mapped to {accounting.events_made:,} events, "
        f"{accounting.dropped.total():,} dropped, {accounting.dead_letter:,} dead letter",
        markup=False,
    )
    for remark in accounting.remarks:
        told.print(f"! {remark}", markup=False, soft_wrap=True)
    raise typer.Exit(Exit.DEAD_LETTERS if accounting.is_incomplete else Exit.DONE)


def _write(blocks: Iterable[list[SessionEvent]], file: BinaryIO) -> None:
    encoder = msgspec.json.Encoder()
    file.writelines(encoder.encode_lines(block) for block in blocks)
