"""`sessionwatch watch`: logs judged as they are written, from files, a pipe or HTTP, with all state in one file."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from sessionwatch.cli.exits import Exit
from sessionwatch.cli.geography import plan_asked, say
from sessionwatch.cli.inputs import MappingOption
from sessionwatch.cli.monitoring import (
    BoundOption,
    DatabasesOption,
    ExpectOption,
    LogOption,
    MonitorOption,
    NetworksOption,
    RedactOption,
    RulesOption,
    log_form,
    monitored,
    spans_by_source,
)
from sessionwatch.cli.outputs import check_outputs
from sessionwatch.cli.settings import SettingsOption, settings_of
from sessionwatch.engine.plan import EnginePlan, attributes_read
from sessionwatch.errors import UsageError
from sessionwatch.live.feeds import Feeds
from sessionwatch.live.geography import Geography
from sessionwatch.live.logs import Log, begin_log
from sessionwatch.live.records import Records, WatchSettings
from sessionwatch.live.state_file import StateFile
from sessionwatch.live.watch import Watch, run, written_until
from streams.collector import held_back
from streams.sinks.notice_file import NoticeFile
from streams.sources.following import Following
from streams.sources.paths import STDIN
from streams.sources.pipe import Pipe
from streams.sources.records import RECORD_BYTES_MAX

TOKEN_VARIABLE: Final = "SESSIONWATCH_TOKEN"  # noqa: S105  # the name of a variable, not its value
TOKEN_LENGTH_MIN: Final = 16


def watch_command(  # noqa: PLR0913  # as many as the command has options
    context: typer.Context,
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
    rules: RulesOption = None,
    geo: DatabasesOption = None,
    networks: NetworksOption = None,
    tenant: Annotated[str, typer.Option(help="The organisation whose logs these are.")] = "default",
    lateness: Annotated[
        str, typer.Option(help="Wait for the slowest source met (all), or for those a subject was seen in (seen).")
    ] = "all",
    bound: BoundOption = None,
    redact: RedactOption = False,
    expect: ExpectOption = None,
    monitor: MonitorOption = None,
    log: LogOption = "text",
    settings: SettingsOption = None,  # noqa: ARG001  # applied as it is read
) -> None:
    """Judge logs as they are written. A crash at any point loses nothing and tells nothing twice."""
    asked = settings_of(context)
    named = list(paths or asked.watch.paths)
    _check(named, listen, state, notices, once=once)
    records = WatchSettings(log_format, tuple(mapping or ()), tenant, redact, _mode(lateness), bounds_of(bound or ()))
    plan = plan_asked(rules, geo, networks)
    token = _token(token_file) if listen is not None else ""
    feeds, speak = Feeds(spans_by_source("--expect", expect or ())), begin_log("watch", log_form(log), [token])
    work = _Work(named, state, notices, records, plan, asked.watch.state_pages_max, feeds, speak)
    raise typer.Exit(_watch(work, listen, token, monitor, once=once))


def _check(named: list[str], listen: str | None, state: Path, notices: str | None, *, once: bool) -> None:
    """Refuse what does not go together, before anything is opened."""
    if not named and listen is None:
        raise UsageError("nothing to watch: name files, - for standard input, or --listen 127.0.0.1:8088")
    if STDIN in named and len(named) > 1:
        raise UsageError("- goes alone: watch files and standard input with a state file each")
    if once and listen is not None:
        raise UsageError("--once ends with its input, and --listen has no end; leave one of them out")
    outputs = {"--state": state, "--notices": Path(notices) if notices not in {None, STDIN} else None}
    check_outputs([path for path in named if path != STDIN], outputs)


@dataclass(frozen=True, slots=True)
class _Work:
    """What the command was given, checked."""

    paths: list[str]
    state: Path
    notices: str | None
    records: WatchSettings
    plan: EnginePlan
    pages_max: int | None
    feeds: Feeds
    log: Log


def _watch(work: _Work, listen: str | None, token: str, monitor: str | None, *, once: bool) -> Exit:
    ruleset = work.plan.ruleset()
    log = work.log
    geography = Geography(work.plan, attributes_read(ruleset), log, say)
    with held_back(), ExitStack() as stack, _stopping() as (wake, stopped):
        file = stack.enter_context(StateFile(work.state, pages_max=work.pages_max))
        records = Records(work.records, file.meta("sums"))
        following = _following(work, file, records, stack)
        pipe = intake = None
        if listen is not None:
            from streams.sources.intake import Intake

            intake = Intake(listen, token, wake)
        sink = None if work.notices is None else NoticeFile(work.notices, written_until(file, work.notices))
        if sink is not None:
            stack.callback(sink.close)
        watch = Watch(ruleset, geography.locator, records, file, sink, work.feeds)
        watch.geography, watch.measured.exchanges = geography, geography.exchanges
        stack.enter_context(watch.measured.pauses)
        if work.paths == [STDIN]:
            pipe = Pipe(work.records.format, records.formats, RECORD_BYTES_MAX, wake)
        if intake is not None:
            intake.reports.metrics, intake.reports.unready = watch.metrics, watch.unready
            intake.start()
            log("listening", port=intake.port)
        stack.enter_context(monitored(monitor, watch.metrics, watch.unready, log))
        log("ready", state=work.state, rules=len(ruleset.rules), **watch.figures())
        if once and following is not None:
            watch.read_files(following, final=True, stop=stopped.is_set)
            if not stopped.is_set():
                watch.finish()
            watch.close()
        else:
            run(watch, following, pipe, intake, wake, stopped.is_set, log)
        log("stopped", **watch.figures())
        if stopped.is_set() and once:
            return Exit.INTERRUPTED
        ended = once or (pipe is not None and pipe.ended)
        return Exit.DEAD_LETTERS if ended and records.accounting.dead_letter else Exit.DONE


def _following(work: _Work, file: StateFile, records: Records, stack: ExitStack) -> Following | None:
    """The files that are named; closed with `stack`."""
    if not work.paths or work.paths == [STDIN]:
        return None
    positions = file.positions()
    made = Following(work.paths, work.records.format, records.formats, positions, work.log, RECORD_BYTES_MAX)
    stack.callback(made.close)
    return made


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
    return spans_by_source("--bound", written)
