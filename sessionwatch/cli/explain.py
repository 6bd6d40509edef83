"""`sessionwatch explain`: the story of one alert, and with the logs what would have silenced it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geo.credits import attributions
from models.alerts import Alert
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.geography import GeoOption, plan_asked, say, thanks
from sessionwatch.cli.inputs import MappingOption
from sessionwatch.cli.reading import ended, read_sorted, unread_remarks
from sessionwatch.cli.story_text import show_story
from sessionwatch.cli.terminal import bars, speaker
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.ruleset.loaded import LoadedRule
from sessionwatch.ruleset.loading import bundled_rules, load_rules, ruleset_of
from sessionwatch.story.alert_reading import find_alert, read_alerts
from sessionwatch.story.silencing import Silencing, counted, silencing
from sessionwatch.story.story import Story, story
from sessionwatch.story.subject_events import SUBJECT_EVENTS_MAX, SubjectEvents, subject_events
from streams.reading import ReadSettings
from streams.sorting import EventSorter


def explain_command(  # noqa: PLR0913  # as many as the command has options
    alert_id: Annotated[str, typer.Argument(help="The alert's id, or as much of its beginning as is unique.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="The logs that it was made from: adds what was before and after.", metavar="[PATH...]"),
    ] = None,
    *,
    alerts: Annotated[Path, typer.Option(help="The file that `replay --alerts` wrote.")],
    log_format: Annotated[str, typer.Option("--format", help="A format's name; auto looks at the records.")] = "auto",
    mapping: MappingOption = None,
    rules: Annotated[list[Path] | None, typer.Option(help="Rule files or folders instead of the bundled ones.")] = None,
    geo: GeoOption = None,
    networks: Annotated[
        list[Path] | None, typer.Option(help="A list of your own networks and their classes; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the story as one JSON object.")] = False,
) -> None:
    """Tell an alert's story: what happened, the numbers against the limits, what was usual, what would silence it."""
    read = read_alerts(alerts)
    alert = find_alert(read.alerts, alert_id)
    remarks = read.remarks + thanks(attributions([alert.geo_build]))
    loaded = load_rules(tuple(rules or [bundled_rules()]))
    if paths:
        plan = plan_asked(rules, geo, networks)
        settings = ReadSettings(format=log_format, mappings=tuple(mapping or ()), tenant=alert.tenant or "default")
        told, done = _from_logs(alert, loaded, plan, paths, settings, remarks, wanted=not as_json)
    else:
        told, done = _told(alert, loaded, None, None, remarks), Exit.DONE
    if as_json:
        typer.echo(told.model_dump_json())
    else:
        show_story(told, speaker())
    raise typer.Exit(Exit.DEAD_LETTERS if read.broken else done)


def _from_logs(
    alert: Alert,
    loaded: tuple[LoadedRule, ...],
    plan: EnginePlan,
    paths: list[str],
    settings: ReadSettings,
    remarks: list[str],
    *,
    wanted: bool,
) -> tuple[Story, Exit]:
    locator = plan.engine(say=say).locator
    ruleset = ruleset_of(loaded)
    with bars(wanted=wanted) as drawn, EventSorter() as events:
        accounting = read_sorted(paths, settings, events, drawn)
        remarks = remarks + unread_remarks(accounting)
        seen = subject_events(events, alert, locator)
        if seen.cut:
            remarks.append(f"only the first {SUBJECT_EVENTS_MAX:,} events of {alert.subject.value} were looked at")
        silenced = silencing(ruleset, alert, seen.read, locator)
        advance = drawn.start("comparing", events.count)
        silenced = counted(silenced, ruleset, alert, events, locator, advance)
    return _told(alert, loaded, seen, silenced, remarks), ended(accounting)


def _told(
    alert: Alert,
    loaded: tuple[LoadedRule, ...],
    seen: SubjectEvents | None,
    silenced: Silencing | None,
    remarks: list[str],
) -> Story:
    rule = next((one for one in loaded if one.written.id == alert.rule.id), None)
    if rule is None:
        return story(alert, seen=seen, silenced=silenced, remarks=remarks)
    return story(
        alert,
        seen=seen,
        rule=rule.written,
        rule_version=rule.compiled.version,
        silenced=silenced,
        remarks=remarks,
    )
