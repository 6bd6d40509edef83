"""What a replay did, as one object: printed for people, or as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import pydantic
from rich.console import Console
from rich.table import Table
from rich.text import Text

from geo.bundled import BUILD_PREFIX, bundled_map
from models.findings import SEVERITIES
from sessionwatch.cli.geography import say, thanks
from sessionwatch.engine.counts import EngineCounts

ALERTS_SHOWN: Final = 12
SUBJECTS_SHOWN: Final = 5
COLOURS: Final = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}


class Miss(pydantic.BaseModel):
    """One evaluation close under its limit: `strength` is the measured value over the limit."""

    model_config = pydantic.ConfigDict(extra="forbid")

    rule: str
    strength: float
    at: datetime
    subject: str
    who: str
    event: str
    evidence: dict[str, Any]
    sentence: str


class Summary(pydantic.BaseModel):
    """The whole of a replay in numbers.

    `records_read` = `mapped` + all of `dropped` + `dead_letter`, and `events_made` = `events` + `duplicates` +
    `outside` (left out by --to, or by --from and --user with --cold) + `not_judged` (0 unless interrupted). `users`
    are distinct users among the events made.
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    records_read: int
    mapped: int
    dropped: dict[str, int]
    dead_letter: int
    events_made: int
    events: int
    duplicates: int
    outside: int
    not_judged: int
    clock_skew: int
    unresolved_sessions: int
    placeholder_users: int
    unreadable_addresses: dict[str, int]
    formats: dict[str, int]
    kinds: dict[str, int]
    users: int
    first_at: datetime | None
    last_at: datetime | None
    alerts: dict[str, int]
    alerts_by_severity: dict[str, int]
    evaluated: dict[str, int]
    fired: dict[str, int]
    shadowed: dict[str, int]
    exempted: dict[str, dict[str, int]]
    not_evaluable: dict[str, dict[str, int]]
    near_misses: list[Miss]
    top_subjects: list[tuple[str, int]]
    remarks: list[str]
    geo_build: str
    geo_attributions: list[str]
    ruleset_version: str
    interrupted: bool
    seconds: float
    events_per_second: int


def rule_counts(counts: EngineCounts) -> dict[str, dict[str, Any]]:
    """The counters of every rule, by the names that `Summary` gives them; rules with nothing to say left out."""
    rules = sorted(counts.rules.items())
    return {
        "evaluated": {rule: c.evaluated for rule, c in rules},
        "fired": {rule: c.fired for rule, c in rules if c.fired},
        "shadowed": {rule: c.shadowed for rule, c in rules if c.shadowed},
        "exempted": {rule: dict(sorted(c.exempted.items())) for rule, c in rules if c.exempted},
        "not_evaluable": {rule: dict(sorted(c.not_evaluable.items())) for rule, c in rules if c.not_evaluable},
    }


def alert_counts(alerts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Alerts by rule and by severity, and the subjects with most of them."""
    by_rule: Counter[str] = Counter()
    by_severity: Counter[str] = Counter()
    by_subject: Counter[str] = Counter()
    for alert in alerts:
        by_rule[alert["rule"]["id"]] += 1
        by_severity[alert["severity"]] += 1
        by_subject[alert["user"] or f"{alert['subject']['by']} {alert['subject']['value']}"] += 1
    top = sorted(by_subject.items(), key=lambda item: (-item[1], item[0]))[:SUBJECTS_SHOWN]
    return {
        "alerts": dict(sorted(by_rule.items())),
        "alerts_by_severity": {s: by_severity[s] for s in reversed(SEVERITIES) if by_severity[s]},
        "top_subjects": top,
    }


def show(
    summary: Summary, alerts: list[dict[str, Any]], console: Console, written: Iterable[str], kept_in: str | None = None
) -> None:
    """Print it for a person: what was read, what was found, what could not be judged, where it was written."""
    _show_reading(summary, console)
    _show_alerts(summary, alerts, console, kept_in)
    _show_not_evaluable(summary, console)
    _show_near_misses(summary, console)
    for remark in summary.remarks:
        console.print(f"! {remark}", markup=False, soft_wrap=True)
    if summary.interrupted:
        console.print("! interrupted: this is what was found until then", markup=False)
    for line in (*written, *thanks(summary.geo_attributions)):
        console.print(line, markup=False, soft_wrap=True)


def show_standing(
    records: Mapping[str, int], counts: Mapping[str, Any], alerts: list[dict[str, Any]], console: Console, kept_in: str
) -> None:
    """Print what a watch knows so far: what was read, the alerts that stand, what could not be judged.

    `records` by what became of them; `counts` as `rule_counts` gives them, with `events` and `duplicates`.
    """
    total = records["mapped"] + records["dropped"] + records["dead letter"]
    console.print(f"[bold]Read {total:,} records[/bold]", soft_wrap=True)
    table = _table()
    table.add_row("records", ", ".join(f"{n:,} {name}" for name, n in records.items()))
    table.add_row("events", f"{counts['events']:,} distinct, {counts['duplicates']:,} duplicates")
    console.print(table)
    summary = Summary.model_construct(**{**counts, **alert_counts(alerts)})
    _show_alerts(summary, alerts, console, kept_in)
    _show_not_evaluable(summary, console)
    attributions = {bundled_map(say).attribution} if any(BUILD_PREFIX in _build(one) for one in alerts) else ()
    for line in thanks(attributions):
        console.print(line, markup=False, soft_wrap=True)


def _build(alert: Mapping[str, Any]) -> str:
    return str(alert.get("geo_build") or "")


def _show_reading(summary: Summary, console: Console) -> None:
    s = summary
    console.print(
        f"[bold]Read {s.records_read:,} records[/bold] ({', '.join(s.formats) or 'no format'}) in {s.seconds:.1f} s, "
        f"{s.events_per_second:,} events a second",
        soft_wrap=True,
    )
    table = _table()
    table.add_row("records", f"{s.mapped:,} mapped, {sum(s.dropped.values()):,} dropped, {s.dead_letter:,} dead letter")
    if s.dropped:
        table.add_row("dropped", _counted(s.dropped))
    outside = f", {s.outside:,} outside what was asked for" if s.outside else ""
    outside += f", {s.not_judged:,} not judged" if s.not_judged else ""
    table.add_row("events", f"{s.events:,} distinct, {s.duplicates:,} duplicates{outside}")
    users = f"{s.users:,} user{'s' * (s.users != 1)}"
    if s.kinds:
        table.add_row("read", f"{users}{_span(s)}")
        table.add_row("kinds", _counted(s.kinds))
    aside = {
        "dated after they were received": s.clock_skew,
        "in sessions of nobody known": s.unresolved_sessions,
        "with a placeholder for a user": s.placeholder_users,
        **{f"address {reason}": n for reason, n in s.unreadable_addresses.items()},
    }
    if any(aside.values()):
        table.add_row("set aside", _counted({k: n for k, n in aside.items() if n}))
    console.print(table)


def _show_alerts(summary: Summary, alerts: list[dict[str, Any]], console: Console, kept_in: str | None) -> None:
    total = sum(summary.alerts.values())
    severities = ", ".join(f"{n} {severity}" for severity, n in summary.alerts_by_severity.items())
    console.print()
    console.print(f"[bold]{total:,} alert{'s' * (total != 1)}[/bold]{': ' + severities if severities else ''}")
    if not alerts:
        return
    table = _table()
    for rule, n in sorted(summary.alerts.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(rule, f"{n:,}")
    console.print(table)
    console.print()
    shown = sorted(alerts, key=lambda alert: -SEVERITIES.index(alert["severity"]))[:ALERTS_SHOWN]
    lines = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("at", "severity", "rule"):
        lines.add_column(column, no_wrap=True)
    lines.add_column("summary", overflow="fold")
    for alert in shown:
        lines.add_row(*_line(alert))
    console.print(lines)
    kept = f"all in {kept_in}" if kept_in is not None else "all with --alerts FILE"
    if total > len(shown):
        console.print(f"... and {total - len(shown):,} more, {kept}", style="dim")
    if summary.top_subjects and summary.top_subjects[0][1] > 1:
        console.print()
        console.print(
            "most alerts: " + ", ".join(f"{subject} {n}" for subject, n in summary.top_subjects), markup=False
        )


def _line(alert: Mapping[str, Any]) -> tuple[str, Text, str, Text]:
    at = datetime.fromisoformat(alert["at"])
    told = alert["summary"]
    if alert["count"] > 1:
        last = datetime.fromisoformat(alert["last_at"])
        told += f" {alert['count']} findings, the last at {last:%H:%M:%S}."
    severity = Text(alert["severity"], style=COLOURS[alert["severity"]])
    return f"{at:%Y-%m-%d %H:%M:%S}", severity, alert["rule"]["id"], Text(told)


def _show_not_evaluable(summary: Summary, console: Console) -> None:
    if not summary.not_evaluable:
        return
    console.print()
    console.print("[bold]Could not be judged[/bold] (missing or weak evidence never accuses anyone)")
    table = _table()
    for rule, reasons in summary.not_evaluable.items():
        evaluated = summary.evaluated.get(rule, 0)
        table.add_row(rule, f"{sum(reasons.values()):,} of {evaluated:,}", _counted(reasons))
    console.print(table)


def _show_near_misses(summary: Summary, console: Console) -> None:
    if not summary.near_misses:
        return
    console.print()
    console.print("[bold]Nearest misses[/bold] (closest under the limit)")
    table = _table()
    for miss in summary.near_misses:
        table.add_row(f"{miss.strength:.0%}", miss.rule, f"{miss.at:%Y-%m-%d %H:%M:%S}", miss.sentence)
    console.print(table)


def _table() -> Table:
    table = Table(box=None, show_header=False, pad_edge=True, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column()
    return table


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _span(summary: Summary) -> str:
    if summary.first_at is None or summary.last_at is None:
        return ""
    return f"; {summary.first_at:%Y-%m-%d %H:%M} to {summary.last_at:%Y-%m-%d %H:%M} UTC"
