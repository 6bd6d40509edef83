"""`sessionwatch watch`: logs judged as they are written, from files, a pipe or HTTP, with all state in one file."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from models.spans import span
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.inputs import MappingOption
from sessionwatch.cli.outputs import check_outputs
from sessionwatch.engine.plan import EnginePlan, attributes_read
from sessionwatch.errors import UsageError
from sessionwatch.live.records import Records, WatchSettings
from sessionwatch.live.state_file import StateFile
from sessionwatch.live.watch import Watch, run, written_until
from sessionwatch.ruleset.loading import bundled_rules
from streams.collector import held_back
from streams.sinks.notice_file import NoticeFile
from streams.sources.following import Following
from streams.sources.paths import STDIN
from streams.sources.pipe import Pipe
from streams.sources.records import RECORD_BYTES_MAX

TOKEN_VARIABLE: Final = "SESSIONWATCH_TOKEN"  # noqa: S105  # the name of a variable, not its value
PAGES_VARIABLE: Final = "SESSIONWATCH_STATE_PAGES_MAX"
"""Bounds the state file, in pages of 4 KiB; unset: the disk does."""
TOKEN_LENGTH_MIN: Final = 16


def watch_command(  # noqa: PLR0913  # as many as the command has options
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files, folders or globs; - is standard input.", metavar="[PATH...]")
    ] = None,
    *,
    state: Annotated[Path, typer.Option(help="The file that keeps state, positions and alerts; made if missing.")],
    notices: Annotated[
        str | None, typer.Option(help="Append notices as JSON Lines to this file; - is standard output.")
    ] = None,
    listen: Annotated[
        str | None, typer.Option(help="Take events over HTTP at this HOST:PORT, such as 127.0.0.1:8088.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help=f"The file with the token that senders give; else {TOKEN_VARIABLE}.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Judge what is there to its end, and stop.")] = False,
    log_format: Annotated[str, typer.Option("--format", help="A format's name; auto looks at the records.")] = "auto",
    mapping: MappingOption = None,
    rules: Annotated[list[Path] | None, typer.Option(help="Rule files or folders instead of the bundled ones.")] = None,
    geo: Annotated[list[Path] | None, typer.Option(help="A GeoIP2 or GeoLite2 database; may be repeated.")] = None,
    networks: Annotated[
        list[Path] | None, typer.Option(help="A list of your own networks and their classes; may be repeated.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="The organisation whose logs these are.")] = "default",
    lateness: Annotated[
        str, typer.Option(help="Wait for the slowest source met (all), or for those a subject was seen in (seen).")
    ] = "all",
    bound: Annotated[
        list[str] | None, typer.Option(help="How late a source may be, such as okta=5m; may be repeated.")
    ] = None,
    redact: Annotated[bool, typer.Option("--redact", help="Leave the raw text out of dead letters.")] = False,
) -> None:
    """Judge logs as they are written. A crash at any point loses nothing and tells nothing twice."""
    named = list(paths or [])
    if not named and listen is None:
        raise UsageError("nothing to watch: name files, - for standard input, or --listen 127.0.0.1:8088")
    if STDIN in named and len(named) > 1:
        raise UsageError("- goes alone: watch files and standard input with a state file each")
    if once and listen is not None:
        raise UsageError("--once ends with its input, and --listen has no end; leave one of them out")
    outputs = {"--state": state, "--notices": Path(notices) if notices not in {None, STDIN} else None}
    check_outputs([path for path in named if path != STDIN], outputs)
    settings = WatchSettings(log_format, tuple(mapping or ()), tenant, redact, _mode(lateness), bounds_of(bound or ()))
    plan = EnginePlan(tuple(rules or [bundled_rules()]), tuple(geo or ()), networks=tuple(networks or ()))
    token = _token(token_file) if listen is not None else ""
    raise typer.Exit(_watch(named, state, notices, settings, plan, listen, token, once=once))


def _watch(  # what the command was given, checked
    paths: list[str],
    state: Path,
    notices: str | None,
    settings: WatchSettings,
    plan: EnginePlan,
    listen: str | None,
    token: str,
    *,
    once: bool,
) -> Exit:
    ruleset = plan.ruleset()
    locator = plan.locator(attributes_read(ruleset))
    with held_back(), ExitStack() as stack, _stopping() as (wake, stopped):
        file = stack.enter_context(StateFile(state, pages_max=_pages_max()))
        records = Records(settings, file.meta("sums"))
        following = pipe = intake = None
        if paths and paths != [STDIN]:
            positions = file.positions()
            following = Following(paths, settings.format, records.formats, positions, _tell, RECORD_BYTES_MAX)
            stack.callback(following.close)
        if listen is not None:
            from streams.sources.intake import Intake

            intake = Intake(listen, token, wake)
        sink = None if notices is None else NoticeFile(notices, written_until(file, notices))
        if sink is not None:
            stack.callback(sink.close)
        watch = Watch(ruleset, locator, records, file, sink)
        if paths == [STDIN]:
            pipe = Pipe(settings.format, records.formats, RECORD_BYTES_MAX, wake)
        if intake is not None:
            intake.metrics, intake.moves = watch.metrics, watch.moves
            intake.start()
            _tell(f"listening port={intake.port}")
        _tell(f"ready state={state} rules={len(ruleset.rules)} {watch.line()}")
        if once and following is not None:
            watch.read_files(following, final=True, stop=stopped.is_set)
            if not stopped.is_set():
                watch.finish()
            watch.close()
        else:
            run(watch, following, pipe, intake, wake, stopped.is_set, _tell)
        _tell(f"stopped {watch.line()}")
        if stopped.is_set() and once:
            return Exit.INTERRUPTED
        ended = once or (pipe is not None and pipe.ended)
        return Exit.DEAD_LETTERS if ended and records.accounting.dead_letter else Exit.DONE


@contextmanager
def _stopping() -> Iterator[tuple[threading.Event, threading.Event]]:
    """An event that wakes the loop, and one that is set by SIGTERM and Ctrl-C: the step at hand is finished first."""
    wake, stopped = threading.Event(), threading.Event()

    def stop(_signal: int, _frame: object) -> None:
        stopped.set()
        wake.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield wake, stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(line: str) -> None:
    """One line about the watch itself, for a person and for machines."""
    sys.stderr.write(f"watch {line}\n")
    sys.stderr.flush()


def _token(path: Path | None) -> str:
    where = TOKEN_VARIABLE if path is None else str(path)
    try:
        token = os.environ.get(TOKEN_VARIABLE, "") if path is None else path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--token-file {path} cannot be read: {error}; name a file with the token") from error
    if len(token) < TOKEN_LENGTH_MIN:
        raise UsageError(f"{where} must hold a token of {TOKEN_LENGTH_MIN} characters or more for --listen")
    return token


def _mode(text: str) -> Literal["seen", "all"]:
    if text == "all":
        return "all"
    if text == "seen":
        return "seen"
    raise UsageError(f"--lateness {text!r} is neither all nor seen")


def bounds_of(written: list[str] | tuple[()]) -> dict[str, timedelta]:
    """Bounds by source, as they are written: okta=5m.

    Raises:
        UsageError: one is no bound.
    """
    bounds = {}
    for text in written:
        source, equals, late = text.partition("=")
        try:
            bounds[source] = span(late)
        except ValueError as error:
            raise UsageError(f"--bound {text!r}: {error}; write okta=5m") from error
        if not source or not equals:
            raise UsageError(f"--bound {text!r} names no source; write okta=5m")
    return bounds


def _pages_max() -> int | None:
    text = os.environ.get(PAGES_VARIABLE, "")
    if not text:
        return None
    if not text.isdigit() or not int(text):
        raise UsageError(f"{PAGES_VARIABLE} is {text!r}; give a number of pages of 4 KiB, or leave it unset")
    return int(text)
