"""`sessionwatch report`: logs, or alerts, as one page for screen and paper."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from geo.credits import attributions
from models.alerts import Alert
from models.events import SessionEvent
from models.instants import to_us
from models.places import Place
from models.rules import RuleFile
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.geography import GeoOption, plan_asked, thanks
from sessionwatch.cli.inputs import MappingOption
from sessionwatch.cli.outputs import check_outputs, write_page
from sessionwatch.cli.replay import WORKERS_MAX, Request, Told, find, window_of
from sessionwatch.cli.summary import Summary
from sessionwatch.cli.terminal import complaints
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.errors import UsageError
from sessionwatch.report.material import Material, NotJudged, PlacedAt
from sessionwatch.report.page import report_page
from sessionwatch.ruleset.loading import bundled_rules, load_rules
from sessionwatch.story.alert_reading import read_alerts
from streams.reading import ReadSettings


def report_command(  # noqa: PLR0913  # as many as the command has options
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files, folders or globs; - is standard input.", metavar="[PATH...]")
    ] = None,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write, such as report.html.")],
    alerts: Annotated[
        Path | None, typer.Option(help="Report these alerts, of `replay --alerts`, instead of judging logs.")
    ] = None,
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
    workers: Annotated[int, typer.Option(min=1, max=WORKERS_MAX, help="Processes; the page is the same.")] = 1,
    tenant: Annotated[str, typer.Option(help="The organisation whose logs these are.")] = "default",
) -> None:
    """Write one page with all that the rules found. It asks no network for anything, and prints well."""
    if bool(paths) == (alerts is not None):
        raise UsageError("a report is of logs or of alerts: give PATHs, or --alerts FILE, and not both")
    check_outputs([*(paths or ()), *([str(alerts)] if alerts is not None else ())], {"--output": output})
    loaded = {rule.written.id: rule.written for rule in load_rules(tuple(rules or [bundled_rules()]))}
    if alerts is not None:
        if begin is not None or end is not None or user is not None:
            raise UsageError("--from, --to and --user go with PATHs; leave them out beside --alerts")
        material, done = _of_alerts(alerts, loaded)
    else:
        request = Request(
            paths=paths or [],
            settings=ReadSettings(format=log_format, mappings=tuple(mapping or ()), tenant=tenant),
            plan=plan_asked(rules, geo, networks),
            window=window_of(begin, end, user),
            alerts=None,
            dead_letter=None,
            redact=True,
            workers=workers,
            as_json=False,
        )
        material, done = _of_logs(request, loaded)
    write_page(output, report_page(material))
    complaints().print(f"report       {output} ({len(material.alerts):,} alerts)", markup=False, soft_wrap=True)
    raise typer.Exit(done)


def _of_alerts(path: Path, rules: dict[str, RuleFile]) -> tuple[Material, Exit]:
    read = read_alerts(path)
    remarks = [*read.remarks, *thanks(attributions(alert.geo_build for alert in read.alerts))]
    material = Material(alerts=tuple(read.alerts), remarks=tuple(remarks), rules=rules)
    return material, Exit.DEAD_LETTERS if read.broken else Exit.DONE


def _of_logs(request: Request, rules: dict[str, RuleFile]) -> tuple[Material, Exit]:
    places: dict[PlacedAt, Place] = {}

    def look(events: Iterable[SessionEvent], told: list[Told]) -> None:
        places.update(_places(request.plan, events, told))

    found = find(request, look)
    summary = found.summary
    not_judged = [
        NotJudged(rule=rule, evaluated=summary.evaluated.get(rule, 0), reasons=reasons)
        for rule, reasons in summary.not_evaluable.items()
    ]
    material = Material(
        alerts=tuple(Alert.model_validate_json(one.raw) for one in found.told),
        first_at=summary.first_at,
        last_at=summary.last_at,
        account=tuple(_account(summary)),
        not_judged=tuple(not_judged),
        remarks=(
            *summary.remarks,
            *thanks(summary.geo_attributions),
            *(["interrupted: this is what was found until then"] * summary.interrupted),
        ),
        rules=rules,
        ruleset_version=summary.ruleset_version,
        geo_build=summary.geo_build,
        places=places,
    )
    return material, found.exit


def _places(plan: EnginePlan, events: Iterable[SessionEvent], told: list[Told]) -> dict[PlacedAt, Place]:
    """Where the alerts' events were, as the engine placed them."""
    alerts = (Alert.model_validate_json(one.raw) for one in told)
    wanted = {(event.id, to_us(event.at)) for alert in alerts for event in alert.events}
    ids = {event_id for event_id, _ in wanted}
    locator = plan.engine().locator
    placed = (locator.locate(event) for event in events if event.id in ids)
    return {
        (event.id, event.at_us): event.place
        for event in placed
        if event.place is not None and (event.id, event.at_us) in wanted
    }


def _account(summary: Summary) -> Iterable[tuple[str, str]]:
    yield (
        "Records",
        (
            f"{summary.records_read:,}: {summary.mapped:,} mapped, {sum(summary.dropped.values()):,} dropped, "
            f"{summary.dead_letter:,} could not be read"
        ),
    )
    if summary.dropped:
        yield "Dropped", _counted(summary.dropped)
    yield "Formats", _counted(summary.formats)
    outside = f", {summary.outside:,} outside what was asked for" if summary.outside else ""
    unjudged = f", {summary.not_judged:,} not judged" if summary.not_judged else ""
    yield "Events", f"{summary.events:,} distinct, {summary.duplicates:,} duplicates{outside}{unjudged}"
    yield "Kinds", _counted(summary.kinds)
    yield "Users", f"{summary.users:,}"
    aside = {
        "dated after they were received": summary.clock_skew,
        "in sessions of nobody known": summary.unresolved_sessions,
        "with a placeholder for a user": summary.placeholder_users,
        **{f"address: {reason.replace('_', ' ')}": n for reason, n in summary.unreadable_addresses.items()},
    }
    if any(aside.values()):
        yield "Set aside", _counted({name: n for name, n in aside.items() if n})
    exempted = {f"{rule}: {name}": n for rule, names in summary.exempted.items() for name, n in names.items()}
    if exempted:
        yield "Exempted", _counted(exempted)


def _counted(counts: dict[str, int]) -> str:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in ranked)
