"""How a terminal tells an alert's story."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from detectors.wording import many
from sessionwatch.cli.summary import COLOURS
from sessionwatch.story.baseline import Baseline
from sessionwatch.story.silencing import Change, Silencing
from sessionwatch.story.story import Story
from sessionwatch.story.timeline import Step

NAME_SHOWN_MAX: Final = 16
"""Characters of a session's name in a timeline on a terminal; longer ones lose their middle. `--json` has all."""

RESTS: Final = "*"
"""What marks an event that the alert rests on."""


def show_story(story: Story, console: Console) -> None:
    """Print it for a person: what matters first."""
    _head(story, console)
    _timeline(story, console)
    _measures(story, console)
    if story.candidates:
        _candidates(story, console)
    _lines("Considered and set aside", story.set_aside or ["nothing was set aside"], console)
    if story.baseline is not None:
        _baseline(story.baseline, console)
    if story.silencing is not None:
        _silencing(story.silencing, console)
    if story.advice is not None:
        _lines("Why the rule looks for this", [" ".join(story.advice.why.split())], console)
        _lines("What looks like it and is none", story.advice.false_positives, console)
    for remark in story.remarks:
        console.print(f"! {remark}", markup=False, soft_wrap=True)


def _head(story: Story, console: Console) -> None:
    line = Text(story.severity, style=COLOURS[story.severity])
    line.append(f"  {story.title} ({story.rule})", style="bold")
    console.print(line)
    console.print(story.sentence, markup=False)
    span = f"{story.first_at:%Y-%m-%d %H:%M:%S} UTC"
    if story.count > 1:
        last = (
            f"{story.last_at:%H:%M:%S}"
            if story.last_at.date() == story.first_at.date()
            else f"{story.last_at:%Y-%m-%d %H:%M:%S}"
        )
        span = f"{story.first_at:%Y-%m-%d %H:%M:%S} to {last} UTC, {story.count:,} findings"
    who = (
        story.subject.value if story.subject.by in {"user", "account"} else f"{story.subject.by} {story.subject.value}"
    )
    also = f", user {story.user}" if story.user and story.user != story.subject.value else ""
    console.print(f"{span}; {who}{also}; tenant {story.tenant or 'none'}; alert {story.id}", markup=False)


def _timeline(story: Story, console: Console) -> None:
    _title(f"What happened ({RESTS} the alert rests on it)", console)
    table = _table("", "at (UTC)", "what", "session", "from", "place", "device")
    for step in story.timeline:
        if step.skipped:
            table.add_row("", Text(f"... {step.skipped:,} more"), *[""] * 5)
        style = "bold" if step.rests else ""
        session = _elided(step.session)
        cells = (RESTS * step.rests, f"{step.at:%m-%d %H:%M:%S}", _what(step), session, step.ip, step.place)
        table.add_row(*(Text(cell) for cell in (*cells, step.device)), style=style)
    console.print(table)


def _elided(name: str) -> str:
    """A name short enough for a column; the middle goes, because what tells names apart is seldom there."""
    half = NAME_SHOWN_MAX // 2
    return name if len(name) <= NAME_SHOWN_MAX else f"{name[:half]}…{name[-half:]}"


def _what(step: Step) -> str:
    return f"{step.what}, {step.moved}" if step.moved else step.what


def _measures(story: Story, console: Console) -> None:
    _title("The numbers against the limits", console)
    table = _table("", "measured", "limit", "")
    for one in story.measures:
        verdict = "" if one.over is None else ("reached" if one.over else "not reached")
        table.add_row(Text(one.name), Text(one.value), Text(one.limit), verdict)
    console.print(table)


def _candidates(story: Story, console: Console) -> None:
    _title("Which session may be the wrong one", console)
    table = _table("session", "at (UTC)", "from", "device", "for this person")
    for one in story.candidates:
        of = one.candidate
        cells = (of.session or of.first_event, f"{of.at:%m-%d %H:%M:%S}", of.ip, of.device, one.words)
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
    if story.verdict:
        console.print(story.verdict, markup=False)


def _baseline(usual: Baseline, console: Console) -> None:
    _title("What was usual before, by these logs", console)
    if usual.since is None:
        console.print(" nothing was seen before: there is no baseline")
        return
    table = _table("", "")
    table.add_row("seen", f"{many(usual.events, 'events')} on {many(usual.days, 'days')} since {usual.since:%Y-%m-%d}")
    for sort in usual.usual:
        told = ", ".join(f"{one.value} (on {many(one.days, 'days')})" for one in sort.values)
        table.add_row(sort.sort, Text(told + (f" and {sort.more:,} more" if sort.more else "")))
    table.add_row("hours (UTC)", usual.hours)
    table.add_row("weekdays", usual.weekdays)
    console.print(table)


def _silencing(silenced: Silencing, console: Console) -> None:
    _title("What single change would have silenced it", console)
    for change in silenced.changes:
        console.print(f" {_change(change)}", markup=False)
    if silenced.remark:
        console.print(f" {silenced.remark}", markup=False)


def _change(change: Change) -> str:
    said = f"{change.rule}.{change.parameter} {change.old} -> {change.new}"
    if change.alerts_before is None:
        return said
    gained = f", {change.gained:,} new" if change.gained else ""
    return (
        f"{said}; the rule's alerts in these logs: {change.alerts_before:,} -> {change.alerts_after:,} "
        f"({change.lost:,} lost{gained})"
    )


def _lines(title: str, lines: Iterable[str], console: Console) -> None:
    _title(title, console)
    for line in lines:
        console.print(f" {line}", markup=False)


def _title(title: str, console: Console) -> None:
    console.print()
    console.print(title, style="bold", markup=False)


def _table(*headings: str) -> Table:
    table = Table(box=None, show_header=any(headings), pad_edge=True, padding=(0, 1), header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
