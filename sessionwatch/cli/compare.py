"""`sessionwatch compare`: which alerts a change of the rules gains and loses over the same logs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.alerts import Alert
from sessionwatch.cli.geography import GeoOption, geo_asked, say, thanks
from sessionwatch.cli.inputs import MappingOption
from sessionwatch.cli.reading import ended, read_sorted, unread_remarks
from sessionwatch.cli.terminal import bars, speaker
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.errors import UsageError
from sessionwatch.ruleset.changes import read_setting, with_settings
from sessionwatch.ruleset.loading import bundled_rules
from sessionwatch.story.comparison import compared, compared_by_rule, judged_side_by_side
from streams.reading import ReadSettings
from streams.sorting import EventSorter

ALERTS_SHOWN: Final = 20
"""Alerts lost, and as many gained, that are printed; the JSON has all."""


def compare_command(  # noqa: PLR0913  # as many as the command has options
    paths: Annotated[
        list[str], typer.Argument(help="Files, folders or globs; - is standard input.", metavar="PATH...")
    ],
    *,
    rules: Annotated[list[Path] | None, typer.Option(help="Rule files or folders instead of the bundled ones.")] = None,
    changed_rules: Annotated[
        list[Path] | None, typer.Option("--with", help="The changed rules: files or folders; may be repeated.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="RULE.PARAM=VALUE: one parameter changed; may be repeated.")
    ] = None,
    log_format: Annotated[str, typer.Option("--format", help="A format's name; auto looks at the records.")] = "auto",
    mapping: MappingOption = None,
    geo: GeoOption = None,
    networks: Annotated[
        list[Path] | None, typer.Option(help="A list of your own networks and their classes; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as one JSON object.")] = False,
    tenant: Annotated[str, typer.Option(help="The organisation whose logs these are.")] = "default",
) -> None:
    """Judge logs under two rule sets and tell which alerts the second gains and loses. Never acts."""
    if not changed_rules and not settings:
        raise UsageError("nothing is changed: give --set RULE.PARAM=VALUE, or the changed rules with --with")
    before = tuple(rules or [bundled_rules()])
    files, bundled = geo_asked(geo)
    plan = EnginePlan(before, files, networks=tuple(networks or ()), bundled=bundled)
    old = plan.ruleset()
    new = EnginePlan(tuple(changed_rules)).ruleset() if changed_rules else old
    new = with_settings(new, map(read_setting, settings or ()))
    locator = plan.engine(say=say).locator
    with bars(wanted=not as_json) as drawn, EventSorter() as events:
        read = ReadSettings(format=log_format, mappings=tuple(mapping or ()), tenant=tenant)
        accounting = read_sorted(paths, read, events, drawn)
        advance = drawn.start("judging", events.count)
        first, second = judged_side_by_side(events, [old, new], locator, progress=advance)
    remarks = [*unread_remarks(accounting), *thanks(locator.attributions)]
    if as_json:
        typer.echo(compared_by_rule(first, second, remarks).model_dump_json())
    else:
        _show(first, second, remarks, speaker())
    raise typer.Exit(ended(accounting))


def _show(first: Sequence[Alert], second: Sequence[Alert], remarks: Sequence[str], console: Console) -> None:
    whole = compared_by_rule(first, second, remarks)
    console.print(
        f"[bold]{whole.before:,} alerts before, {whole.after:,} after[/bold]: "
        f"{whole.lost:,} lost, {whole.gained:,} gained"
    )
    table = Table(box=None, pad_edge=True, padding=(0, 1), header_style="dim")
    for heading in ("rule", "before", "after", "lost", "gained"):
        table.add_column(heading, justify="left" if heading == "rule" else "right")
    for one in whole.rules:
        table.add_row(one.rule, *(f"{n:,}" for n in (one.before, one.after, len(one.lost), len(one.gained))))
    if whole.rules:
        console.print(table)
    found = compared(first, second)
    _show_alerts("Lost", found.lost, console)
    _show_alerts("Gained", found.gained, console)
    for remark in remarks:
        console.print(f"! {remark}", markup=False, soft_wrap=True)


def _show_alerts(title: str, alerts: Sequence[Alert], console: Console) -> None:
    if not alerts:
        return
    console.print()
    console.print(title, style="bold")
    table = Table(box=None, show_header=False, pad_edge=True, padding=(0, 1))
    for alert in alerts[:ALERTS_SHOWN]:
        table.add_row(f"{alert.at:%Y-%m-%d %H:%M}", alert.severity, alert.rule.id, Text(alert.summary))
    console.print(table)
    if len(alerts) > ALERTS_SHOWN:
        console.print(f" ... and {len(alerts) - ALERTS_SHOWN:,} more; --json has all", style="dim")
