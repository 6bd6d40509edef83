"""`sessionwatch export`: alerts and notices in the forms that other systems read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from sessionwatch.cli.exits import Exit
from sessionwatch.cli.outputs import check_outputs
from sessionwatch.cli.terminal import complaints
from sessionwatch.errors import InputError, UsageError
from sessionwatch.story.told_reading import ToldReader
from streams.sinks.alert_file import write_alerts
from streams.sinks.encoding import ENCODERS
from streams.sinks.outgoing import outgoing

STDIN = "-"


class Form(StrEnum):
    """What `--as` knows."""

    ocsf = "ocsf"
    ecs = "ecs"
    cef = "cef"
    hec = "hec"


def export_command(
    path: Annotated[str, typer.Argument(help="A file of alerts or notices; - is standard input.", metavar="FILE")],
    *,
    form: Annotated[
        Form,
        typer.Option("--as", help="OCSF findings, ECS documents, CEF in RFC 5424 syslog, or Splunk HEC events."),
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of standard output.")] = None,
) -> None:
    """Write alerts or notices as a SIEM reads them, one a line: ids, times, the rule, and no text out of logs.

    It sends nothing: a shipper that watches the file does.
    """
    check_outputs([path], {"--output": output})
    if path == STDIN:
        _export(ToldReader(sys.stdin.buffer), "standard input", form, output)
    try:
        with Path(path).open("rb") as file:
            _export(ToldReader(file), path, form, output)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror or error}; name a file of alerts or of notices"
        ) from error


def _export(reader: ToldReader, name: str, form: Form, output: Path | None) -> None:
    lines = _lines(reader, name, form)
    # The first is made before the file is: where no line can be read, no file appears.
    lines = chain(list(islice(lines, 1)), lines)
    if output is None:
        _write(lines, sys.stdout.buffer)
    else:
        write_alerts(output, lines)
    told = complaints()
    told.print(f"{reader.read:,} written, {reader.broken:,} passed over", markup=False)
    for remark in reader.remarks:
        told.print(f"! {name}: {remark}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(Exit.DEAD_LETTERS if reader.broken else Exit.DONE)


def _lines(reader: ToldReader, name: str, form: Form) -> Iterator[bytes]:
    encode = ENCODERS[form.value]
    try:
        for told in reader:
            yield encode(outgoing(told))
    except OSError as error:
        raise InputError(f"{name} cannot be read to its end: {error.strerror or error}; export it again") from error
    if reader.broken and not reader.read:
        raise InputError(
            f"{name}: {reader.remarks[0]}; no line is an alert or a notice: name a file that "
            "`sessionwatch replay --alerts` or `sessionwatch watch` wrote"
        )


def _write(lines: Iterator[bytes], file: BinaryIO) -> None:
    try:
        file.writelines(line + b"\n" for line in lines)
        file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"standard output cannot be written: {error.strerror or error}") from error
