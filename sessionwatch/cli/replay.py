"""`sessionwatch replay`: logs in, explained alerts and an exact account of them out. Never acts."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import typer

from models.events import SessionEvent, user_key
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.geography import GeoOption, geo_asked, say
from sessionwatch.cli.inputs import MappingOption
from sessionwatch.cli.interrupts import Interrupts, interrupts
from sessionwatch.cli.outputs import check_outputs
from sessionwatch.cli.summary import Miss, Summary, alert_counts, rule_counts, show
from sessionwatch.cli.terminal import Bars, bars, speaker
from sessionwatch.cli.workers import Judged, judge_alone, judge_needed, judge_shared
from sessionwatch.engine.in_order import Engine
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.engine.quiet import Quiet
from sessionwatch.errors import UsageError
from sessionwatch.ruleset.compiled import Ruleset
from sessionwatch.ruleset.loading import bundled_rules
from streams.accounting import Accounting
from streams.adapters import adapters
from streams.collector import held_back
from streams.deadletter import DeadLetter
from streams.kafka.connection import connection
from streams.kafka.history import SCHEME, is_topic, topic_blocks
from streams.reading import Progress, ReadSettings, read_blocks
from streams.replay import Window
from streams.sinks.alert_file import write_alerts
from streams.sorting import EventSorter

STDOUT: Final = "-"
WORKERS_MAX: Final = 64
"""Processes of one replay."""
ALONE_MAX: Final = 200_000
"""Events that need judging up to which one process judges them, however many are allowed: others begin too slowly."""
NEAR_MISSES_EACH: Final = 3
NEAR_MISS_MIN: Final = 0.5
"""Near misses printed: so many for one rule, and how close to the limit at least; the JSON has all that were kept."""


@dataclass(slots=True)
class Seen:
    """Who and when, over all events made."""

    users: set[tuple[str, str]] = field(default_factory=set)
    first_at: datetime | None = None
    last_at: datetime | None = None

    def add(self, events: Sequence[SessionEvent]) -> None:
        """Look at these events."""
        self.users.update({(event.tenant, event.user) for event in events if event.user})
        ats = [event.at for event in events]
        self.first_at = min(ats) if self.first_at is None else min(self.first_at, *ats)
        self.last_at = max(ats) if self.last_at is None else max(self.last_at, *ats)


class Gathering(NamedTuple):
    """What looks at the events while they are read: each keeps what it needs of them."""

    seen: Seen
    events: EventSorter
    quiet: Quiet | None


class Told(NamedTuple):
    """An alert as an object, and its bytes as they will be written."""

    alert: dict[str, Any]
    raw: bytes


@dataclass(slots=True)
class Request:
    """What was asked for on the command line, checked."""

    paths: list[str]
    settings: ReadSettings
    plan: EnginePlan
    window: Window
    alerts: str | None
    dead_letter: Path | None
    redact: bool
    workers: int
    as_json: bool


def replay_command(  # noqa: PLR0913  # as many as the command has options
    paths: Annotated[
        list[str],
        typer.Argument(help="Files, folders or globs; - is standard input; or kafka://TOPIC.", metavar="PATH..."),
    ],
    *,
    log_format: Annotated[str, typer.Option("--format", help="A format's name; auto looks at the records.")] = "auto",
    mapping: MappingOption = None,
    rules: Annotated[list[Path] | None, typer.Option(help="Rule files or folders instead of the bundled ones.")] = None,
    geo: GeoOption = None,
    networks: Annotated[
        list[Path] | None, typer.Option(help="A list of your own networks and their classes; may be repeated.")
    ] = None,
    begin: Annotated[
        str | None, typer.Option("--from", help="Report from this day or instant on (ISO 8601, UTC).")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Judge nothing after this instant (a day: its end).")] = None,
    user: Annotated[str | None, typer.Option(help="Report only this user's alerts.")] = None,
    cold: Annotated[bool, typer.Option("--cold", help="Judge only what --from and --user name: no history.")] = False,
    alerts: Annotated[
        str | None, typer.Option(help="Write alerts as JSON Lines to this file; - is standard output.")
    ] = None,
    dead_letter: Annotated[Path | None, typer.Option(help="Keep records that cannot be read, with the reason.")] = None,
    redact: Annotated[bool, typer.Option("--redact", help="Leave the raw text out of the dead letter.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=WORKERS_MAX, help="Processes; the alerts are the same.")] = 1,
    relocate: Annotated[bool, typer.Option("--relocate", help="Look written places of databases up anew.")] = False,
    near_misses: Annotated[bool, typer.Option("--near-misses", help="Also list the closest under the limits.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
    tenant: Annotated[str, typer.Option(help="The organisation whose logs these are.")] = "default",
) -> None:
    """Judge logs after the fact and tell what the rules find. Replays never act."""
    if as_json and alerts == STDOUT:
        raise UsageError("--json and --alerts - would both write to standard output; give --alerts a file")
    check_outputs(paths, {"--alerts": _file(alerts), "--dead-letter": dead_letter})
    window = window_of(begin, end, user, cold=cold)
    files, bundled = geo_asked(geo)
    request = Request(
        paths=paths,
        settings=ReadSettings(format=log_format, mappings=tuple(mapping or ()), tenant=tenant),
        plan=EnginePlan(
            tuple(rules or [bundled_rules()]), files, near_misses, tuple(networks or ()), bundled, relocate=relocate
        ),
        window=window,
        alerts=alerts,
        dead_letter=dead_letter,
        redact=redact,
        workers=workers,
        as_json=as_json,
    )
    raise typer.Exit(run(request))


class Found(NamedTuple):
    """What a run came to: the account of it, the alerts to report, and how the command ends."""

    summary: Summary
    told: list[Told]
    exit: Exit


def run(request: Request) -> Exit:
    """Read, sort, judge, write, tell."""
    found = find(request)
    _tell(request, found.summary, found.told)
    return found.exit


def window_of(begin: str | None, end: str | None, user: str | None, *, cold: bool = False) -> Window:
    """The window that the options --from, --to and --user ask for.

    Raises:
        UsageError: one of them is no instant, or nothing lies between them.
    """
    window = Window(_instant("--from", begin), _instant("--to", end, last=True), user_key(user) if user else None, cold)
    if window.begin is not None and window.end is not None and window.begin > window.end:
        raise UsageError(f"--from {begin} is later than --to {end}; nothing lies between")
    return window


def find(request: Request, look: Callable[[Iterable[SessionEvent], list[Told]], None] | None = None) -> Found:
    """Read, sort and judge. `look` is shown the events, sorted by time, once more, with the alerts that were found."""
    ruleset = request.plan.ruleset()
    # A database or mapping that cannot be used is refused before anything is read.
    engine = request.plan.engine(say=say, ruleset=ruleset)
    adapters(request.settings.mappings)
    started = time.perf_counter()
    accounting, seen = Accounting(), Seen()
    with held_back(), interrupts() as pressed, bars(wanted=not request.as_json) as drawn, EventSorter() as events:
        with DeadLetter(request.dead_letter, redact=request.redact) as dead_letter:
            quiet = request.plan.quiet(engine) if request.window.is_open else None
            _read(request, accounting, dead_letter, Gathering(seen, events, quiet), pressed, drawn)
        interrupted = pressed.pressed > 0
        judged = _judge(request, engine, Gathering(seen, events, quiet), pressed, drawn)
        told = _reported(judged.replayed.alerts.values(), request.window)
        if look is not None:
            look(events, told)
    interrupted |= judged.replayed.interrupted
    alerts = [one.alert for one in told]
    seconds = time.perf_counter() - started
    summary = summarise(accounting, seen, judged, ruleset, alerts, interrupted=interrupted, seconds=seconds)
    summary.remarks += _about_window(request.window, seen)
    if interrupted:
        return Found(summary, told, Exit.INTERRUPTED)
    return Found(summary, told, Exit.DEAD_LETTERS if accounting.is_incomplete else Exit.DONE)


def _read(
    request: Request,
    accounting: Accounting,
    dead_letter: DeadLetter,
    gathering: Gathering,
    pressed: Interrupts,
    drawn: Bars,
) -> None:
    advance = drawn.start("reading", None)
    told = 0

    def progress(done: int, total: int | None) -> None:
        nonlocal told
        advance(done - told, total)
        told = done

    blocks = _blocks(request, accounting, dead_letter, progress, pressed.asked())
    with contextlib.suppress(KeyboardInterrupt):
        for block in blocks:
            gathering.seen.add(block)
            gathering.events.add(block)
            if gathering.quiet is not None:
                gathering.quiet.add(block)


def _blocks(
    request: Request, accounting: Accounting, dead_letter: DeadLetter, progress: Progress, stop: Callable[[], bool]
) -> Iterator[list[SessionEvent]]:
    """The events of files, or of the one topic that is named instead."""
    paths, settings = request.paths, request.settings
    if not any(map(is_topic, paths)):
        return read_blocks(paths, settings, accounting, dead_letter, progress=progress, stop=stop)
    if len(paths) > 1:
        raise UsageError(f"a topic is replayed alone; give one {SCHEME}TOPIC and no other PATH")
    since = request.window.begin if request.window.cold else None
    broker = connection(os.environ)
    return topic_blocks(paths[0], broker, settings, accounting, dead_letter, since=since, progress=progress, stop=stop)


def _judge(request: Request, engine: Engine, gathering: Gathering, pressed: Interrupts, drawn: Bars) -> Judged:
    stop, events = pressed.asked(), gathering.events
    needs = gathering.quiet.needs() if gathering.quiet is not None else None
    if needs is not None and (request.workers == 1 or events.count - needs.left_out <= ALONE_MAX):
        return judge_needed(engine, events, needs, drawn.start("judging", events.count), stop)
    if request.workers > 1:
        return judge_shared(request.plan, events, request.window, request.workers, stop)
    return judge_alone(engine, events, request.window, drawn.start("judging", events.count), stop)


def _reported(alerts: Iterable[bytes], window: Window) -> list[Told]:
    """The alerts inside the window, by (`first_at`, `id`)."""
    told = [Told(msgspec.json.decode(raw), raw) for raw in alerts]
    inside = [
        one
        for one in told
        if (window.begin is None or datetime.fromisoformat(one.alert["last_at"]) >= window.begin)
        and (window.user is None or window.user in {one.alert["user"], one.alert["subject"]["value"]})
    ]
    # Not by the text: an instant without a fraction is written without one.
    return sorted(inside, key=lambda one: (datetime.fromisoformat(one.alert["first_at"]), one.alert["id"]))


def summarise(
    accounting: Accounting,
    seen: Seen,
    judged: Judged,
    ruleset: Ruleset,
    alerts: list[dict[str, Any]],
    *,
    interrupted: bool,
    seconds: float,
) -> Summary:
    """All that is known of the run, as one object."""
    counts = judged.counts
    remarks = [str(remark) for remark in accounting.remarks]
    remarks += [f"{build}: {n:,} look-ups met a broken record" for build, n in sorted(judged.failed_look_ups.items())]
    remarks += [
        f"{n:,} coordinate{'s' * (n != 1)} of the log outside {country}, the country named beside: set aside"
        for country, n in sorted(judged.set_aside.items())
    ]
    return Summary(
        records_read=accounting.records_read,
        mapped=accounting.mapped,
        dropped=dict(sorted(accounting.dropped.items())),
        dead_letter=accounting.dead_letter,
        events_made=accounting.events_made,
        events=counts.events,
        duplicates=counts.duplicates,
        outside=judged.replayed.outside,
        not_judged=accounting.events_made - counts.events - counts.duplicates - judged.replayed.outside,
        clock_skew=counts.clock_skew,
        unresolved_sessions=counts.unresolved_sessions,
        placeholder_users=accounting.placeholder_users,
        unreadable_addresses=dict(sorted(accounting.addresses_unread.items())),
        formats=dict(sorted(accounting.formats.items())),
        kinds=dict(sorted(accounting.kinds.items())),
        users=len(seen.users),
        first_at=seen.first_at,
        last_at=seen.last_at,
        **alert_counts(alerts),
        **rule_counts(counts),
        near_misses=_near_misses(judged, ruleset),
        remarks=remarks,
        geo_build=judged.geo_build,
        geo_attributions=sorted(judged.geo_attributions),
        ruleset_version=ruleset.version,
        interrupted=interrupted,
        seconds=round(seconds, 3),
        events_per_second=round(counts.events / seconds) if seconds else 0,
    )


def _about_window(window: Window, seen: Seen) -> list[str]:
    """What was asked for, as it was understood; and a user whom nobody has seen, which is no all-clear."""
    remarks = []
    if window.begin is not None or window.end is not None:
        begin, end = (f"{at:%Y-%m-%d %H:%M:%S}" if at is not None else "" for at in (window.begin, window.end))
        remarks.append(f"reported: {f'from {begin} ' * bool(begin)}{f'to {end} ' * bool(end)}UTC")
    users = {user for _, user in seen.users}
    if window.user is not None and window.user not in users:
        close = difflib.get_close_matches(window.user, users, n=1)
        remarks.append(f"no event is of user {window.user!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
    return remarks


def _near_misses(judged: Judged, ruleset: Ruleset) -> list[Miss]:
    misses = [
        Miss(rule=rule.id, sentence=rule.detector.sentence(told["evidence"], told["who"]), **told)
        for rule in ruleset.rules
        for _, _, _, told in judged.counts.rules[rule.id].near_misses
    ]
    return sorted(misses, key=lambda miss: (-miss.strength, miss.at, miss.rule, miss.event))


def _tell(request: Request, summary: Summary, alerts: list[Told]) -> None:
    written = []
    if request.alerts is not None:
        if request.alerts == STDOUT:
            sys.stdout.buffer.writelines(one.raw + b"\n" for one in alerts)
            sys.stdout.buffer.flush()
        else:
            write_alerts(Path(request.alerts), (one.raw for one in alerts))
            written.append(f"alerts       {request.alerts} ({len(alerts):,})")
    if summary.dead_letter:
        kept = (
            request.dead_letter if request.dead_letter is not None else "not kept; give --dead-letter FILE to keep them"
        )
        written.append(f"dead letter  {kept} ({summary.dead_letter:,})")
    if request.as_json:
        typer.echo(summary.model_dump_json())
        return
    objects = [one.alert for one in alerts]
    shown = summary.model_copy(update={"near_misses": _shown(summary.near_misses, objects)})
    kept_in = None if request.alerts == STDOUT else request.alerts
    show(shown, objects, speaker(stderr=request.alerts == STDOUT), written, kept_in)


def _shown(misses: list[Miss], alerts: list[dict[str, Any]]) -> list[Miss]:
    """The closest of each rule, one for each subject, and none of a subject that the rule found anyway."""
    found = {(alert["rule"]["id"], event["id"]) for alert in alerts for event in alert["events"]}
    found |= {(alert["rule"]["id"], alert["subject"]["value"]) for alert in alerts}
    shown: list[Miss] = []
    for miss in misses:
        if miss.strength < NEAR_MISS_MIN or (miss.rule, miss.subject) in found or (miss.rule, miss.event) in found:
            continue
        same_rule = [other for other in shown if other.rule == miss.rule]
        if len(same_rule) < NEAR_MISSES_EACH and miss.subject not in {other.subject for other in same_rule}:
            shown.append(miss)
    return shown


def _file(alerts: str | None) -> Path | None:
    return Path(alerts) if alerts not in {None, STDOUT} else None


def _instant(option: str, text: str | None, *, last: bool = False) -> datetime | None:
    """The instant that `text` writes; of a day without a time its first one, or with `last` its last microsecond."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option} {text!r} is no instant; write 2026-03-02 or 2026-03-02T10:00:00Z") from error
    if last and len(text) == len("2026-03-02"):
        at += timedelta(days=1) - timedelta.resolution
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
