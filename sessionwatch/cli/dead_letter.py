"""`sessionwatch dead-letter`: records that could not be read, and their way back after a mapping was mended."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from sessionwatch.cli.exits import Exit
from sessionwatch.cli.inputs import MappingOption
from sessionwatch.cli.outputs import check_outputs
from sessionwatch.cli.settings import SettingsOption, broker_of, settings_of
from sessionwatch.cli.terminal import speaker
from sessionwatch.errors import InputError, UsageError
from sessionwatch.live.records import Records, WatchSettings
from sessionwatch.live.retrying import RETRIED_MAX, chosen, readable, record_in, retry_state
from sessionwatch.live.state_file import StateFile, reading
from streams.adapters import adapters
from streams.deadletter import MODE, Entry
from streams.kafka.letters import Letters
from streams.kafka.topics import DEAD_LETTER
from streams.sources.records import RawRecord

app = typer.Typer(
    help="Records that could not be read: list them, and put them back after a fix.", no_args_is_help=True
)

LISTED_MAX: Final = 50
"""Dead letters that `list` shows one by one, the oldest first; it counts all."""

FileOption = Annotated[Path | None, typer.Option("--file", help="A dead letter of a replay, or of another command.")]
StateOption = Annotated[Path | None, typer.Option("--state", help="The state file of a watch.")]
PrefixOption = Annotated[str | None, typer.Option("--prefix", help="The beginning of topics' names: from Kafka.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Only those of this reason.")]
FormatOption = Annotated[str, typer.Option("--format", help="Only those of this format.")]


@app.command("list")
def list_command(  # noqa: PLR0913  # as many as the command has options
    context: typer.Context,
    *,
    file: FileOption = None,
    state: StateOption = None,
    prefix: PrefixOption = None,
    reason: ReasonOption = "",
    log_format: FormatOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="All of them as JSON Lines.")] = False,
    redact: Annotated[bool, typer.Option("--redact", help="Leave their text out.")] = False,
    settings: SettingsOption = None,  # noqa: ARG001  # applied while it is read
) -> None:
    """Tell which records could not be read, why, and where they stand. Without --file or --state: those of Kafka."""
    found = chosen(_entries(context, file, state, prefix), reason, log_format)
    if as_json:
        for entry in found:
            typer.echo(msgspec.json.encode(msgspec.structs.replace(entry, raw=None) if redact else entry).decode())
        raise typer.Exit(Exit.DONE)
    console = speaker()
    for (why, adapter), count in sorted(Counter((one.reason, one.adapter) for one in found).items()):
        console.print(f"{count:>8,} {why} ({adapter})", markup=False, soft_wrap=True)
    for one in found[:LISTED_MAX]:
        where = f"{one.file}:{one.line}" if one.line else f"{one.file} at {one.offset}"
        text = "" if redact or one.raw is None else f": {one.raw}"
        console.print(f"{where}: {one.reason} {'' if redact else one.detail}{text}".rstrip(), markup=False)
    console.print(f"{len(found):,} dead letters", markup=False)


@app.command("retry")
def retry_command(  # noqa: PLR0913  # as many as the command has options
    context: typer.Context,
    *,
    file: FileOption = None,
    state: StateOption = None,
    prefix: PrefixOption = None,
    output: Annotated[
        Path | None, typer.Option(help="With --file: where the records that can be read now go, as lines.")
    ] = None,
    mapping: MappingOption = None,
    tenant: Annotated[str, typer.Option(help="With --state: the organisation whose logs these are.")] = "default",
    reason: ReasonOption = "",
    log_format: FormatOption = "",
    most: Annotated[int, typer.Option("--max", min=1, help="At most so many, the oldest first.")] = RETRIED_MAX,
    again: Annotated[bool, typer.Option("--again", help="On Kafka: also those that were tried before.")] = False,
    settings: SettingsOption = None,  # noqa: ARG001  # applied while it is read
) -> None:
    """Put back what can be read now: to Kafka, into the state of a watch, or with --file into another file."""
    if (file is None) != (output is None):
        raise UsageError("--file and --output go together: the records that can be read now are written there")
    if state is not None:
        _retry_state(state, WatchSettings(mappings=tuple(mapping or ()), tenant=tenant), reason, log_format, most)
    elif file is not None and output is not None:
        check_outputs([str(file)], {"--output": output})
        _retry_file(chosen(_of_file(file), reason, log_format)[:most], output, tuple(mapping or ()))
    else:
        formats = adapters(tuple(mapping or ()))

        def fits(entry: Entry, record: RawRecord) -> bool:
            return bool(chosen([entry], reason, log_format)) and readable(entry, record, formats)

        with closing(Letters(broker_of(context), f"{_prefix(context, prefix)}.{DEAD_LETTER}")) as letters:
            told = letters.put_back(fits, most, again=again)
        _say(f"{told.read:,} put back, {told.unread:,} still not readable, {told.gone:,} gone from their topics")
    raise typer.Exit(Exit.DONE)


def _retry_state(path: Path, settings: WatchSettings, reason: str, adapter: str, most: int) -> None:
    with StateFile(path, create=False) as state:
        told = retry_state(state, Records(settings, state.meta("sums")), reason, adapter, most)
    waiting = f"{len(told.events):,} events wait for the next start of the watch"
    _say(
        f"{told.read:,} put back, {told.dropped:,} dropped by their adapter, {told.unread:,} still not readable, "
        f"{told.unfit:,} kept without their whole text; {waiting}"
    )


def _retry_file(entries: list[Entry], output: Path, mappings: tuple[Path, ...]) -> None:
    formats = adapters(mappings)
    read = unread = unfit = 0
    try:
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE), "wb") as out:
            os.fchmod(out.fileno(), MODE)
            for entry in entries:
                record = record_in(entry)
                if record is None:
                    unfit += 1
                elif readable(entry, record, formats):
                    out.write(record.raw + b"\n")
                    read += 1
                else:
                    unread += 1
    except OSError as error:
        raise UsageError(f"--output {output} cannot be written: {error.strerror or error}") from error
    _say(f"{read:,} written to {output}, {unread:,} still not readable, {unfit:,} kept without their whole text")


def _entries(context: typer.Context, file: Path | None, state: Path | None, prefix: str | None) -> Iterator[Entry]:
    if file is not None and state is not None:
        raise UsageError("--file and --state are two places; name one")
    if file is not None:
        yield from _of_file(file)
    elif state is not None:
        with reading(state) as known:
            yield from (msgspec.json.decode(line, type=Entry) for line in known.dead_letters())
    else:
        with closing(Letters(broker_of(context), f"{_prefix(context, prefix)}.{DEAD_LETTER}")) as letters:
            yield from letters.entries()


def _prefix(context: typer.Context, prefix: str | None) -> str:
    return prefix or settings_of(context).prefix


def _of_file(path: Path) -> Iterator[Entry]:
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                yield _entry(path, number, line)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}; name a dead letter") from error


def _entry(path: Path, number: int, line: bytes) -> Entry:
    try:
        return msgspec.json.decode(line, type=Entry)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}:{number}: is no line of a dead letter; name the file of --dead-letter") from error


def _say(line: str) -> None:
    speaker().print(line, markup=False, soft_wrap=True)
