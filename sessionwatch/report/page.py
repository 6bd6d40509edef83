"""The page: what the template is given, and its bytes. The same material gives the same bytes."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final

import jinja2
from markupsafe import Markup

import sessionwatch
from models.alerts import Alert
from models.findings import SEVERITIES
from models.places import Place
from sessionwatch.drawing.day_bars import day_bars
from sessionwatch.report.alert_map import alert_map
from sessionwatch.report.material import Material, PlacedAt
from sessionwatch.story.reasons import reason_words
from sessionwatch.story.story import Story, story

ALERTS_SHOWN_MAX: Final = 5_000
"""Alerts that a report shows one by one, the gravest first; it says how many more there are, and counts all."""
MAPS_MAX: Final = 150
"""Maps in a report, for the gravest alerts; the others' places stand in their timelines."""
OPEN_MAX: Final = 40
"""Up to so many alerts a report comes with all of them laid open; of more, each rule opens at a click."""


@dataclass(frozen=True, slots=True)
class ShownAlert:
    """An alert as the page shows it."""

    alert: Alert
    story: Story
    map: Markup | None


@dataclass(frozen=True, slots=True)
class ShownRule:
    """A rule with its alerts: in order of time, `count` of them in all, by severity, and its days as bars.

    Of many, each subject's are a group with its name; of few, all are one group without.
    """

    id: str
    title: str
    count: int
    by_severity: str
    versions: str
    maps_to: str
    why: str
    false_positives: tuple[str, ...]
    bars: Markup
    groups: tuple[tuple[str, tuple[ShownAlert, ...]], ...]
    shown: int


def report_page(material: Material) -> bytes:
    """The whole page, in UTF-8."""
    style, digest = style_and_digest()
    alerts = sorted(material.alerts, key=lambda alert: (alert.first_at, alert.id))
    shown = sorted(alerts, key=_gravest_first)[:ALERTS_SHOWN_MAX]
    context = {
        "style": style,
        "style_digest": digest,
        "engine": f"sessionwatch {sessionwatch.__version__}",
        "material": material,
        "builds": sorted({one for one in (material.geo_build, *(alert.geo_build for alert in alerts)) if one}),
        "engines": sorted({alert.engine for alert in alerts}),
        "total": len(alerts),
        "left_out": len(alerts) - len(shown),
        "severities": _severities(alerts),
        "subjects": len({(alert.tenant, alert.subject) for alert in alerts}),
        "period": _period(material, alerts),
        "days": _days_words(_days(material, alerts)),
        "rules": _rules(alerts, shown, material),
        "opened": len(shown) <= OPEN_MAX,
        "reason_words": reason_words,
    }
    return template("page.html").render(context).encode()


def _gravest_first(alert: Alert) -> tuple[int, Any, str]:
    return (-SEVERITIES.index(alert.severity), alert.first_at, alert.id)


def _rules(alerts: Sequence[Alert], shown: Sequence[Alert], material: Material) -> list[ShownRule]:
    mapped = {alert.id for alert in shown[: 10 * MAPS_MAX]}
    stories = _shown_alerts(shown, mapped, material)
    days = _days(material, alerts)
    if days is None:
        return []
    per_rule = Counter(alert.rule.id for alert in alerts)
    most = max((max(_by_day(alerts, rule).values()) for rule in per_rule), default=1)
    ranked = sorted(per_rule, key=lambda rule: (_gravity(alerts, rule), -per_rule[rule], rule))
    return [_rule(rule, alerts, stories, days, most, material) for rule in ranked]


def _gravity(alerts: Iterable[Alert], rule: str) -> int:
    return min(-SEVERITIES.index(alert.severity) for alert in alerts if alert.rule.id == rule)


def _rule(
    rule: str,
    alerts: Sequence[Alert],
    stories: Mapping[str, ShownAlert],
    days: tuple[date, date],
    most: int,
    material: Material,
) -> ShownRule:
    own = [alert for alert in alerts if alert.rule.id == rule]
    told = [stories[alert.id] for alert in own if alert.id in stories]
    written = material.rules.get(rule)
    references = [f"{name.upper()} {one}" for name, ones in sorted(own[-1].rule.maps_to.items()) for one in ones]
    title = f"{len(own):,} alerts of {rule} by day, {days[0]} to {days[1]}"
    return ShownRule(
        id=rule,
        title=own[-1].rule.title,
        count=len(own),
        by_severity=_severities(own),
        versions=", ".join(sorted({alert.rule.version for alert in own})),
        maps_to=", ".join(references),
        why=" ".join(written.why.split()) if written is not None else "",
        false_positives=written.false_positives if written is not None else (),
        bars=Markup(day_bars(_by_day(own, rule), *days, most=most, title=title)),  # noqa: S704  # drawn, with texts escaped
        groups=_groups(told),
        shown=len(told),
    )


def _groups(told: Sequence[ShownAlert]) -> tuple[tuple[str, tuple[ShownAlert, ...]], ...]:
    if len(told) <= OPEN_MAX:
        return (("", tuple(told)),)
    by_subject: dict[str, list[ShownAlert]] = {}
    for one in told:
        subject = one.alert.subject
        by_subject.setdefault(f"{subject.by} {subject.value}", []).append(one)
    ranked = sorted(by_subject.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple((name, tuple(ones)) for name, ones in ranked)


def _shown_alerts(shown: Sequence[Alert], mapped: set[str], material: Material) -> dict[str, ShownAlert]:
    maps = 0
    told = {}
    for alert in shown:
        drawn = _map(alert, material.places) if maps < MAPS_MAX and alert.id in mapped else None
        maps += drawn is not None
        told[alert.id] = ShownAlert(alert, story(alert), drawn)
    return told


def _map(alert: Alert, places: Mapping[PlacedAt, Place]) -> Markup | None:
    drawn = alert_map(alert, places)
    return Markup(drawn) if drawn else None  # noqa: S704  # drawn, with texts escaped


def _by_day(alerts: Iterable[Alert], rule: str) -> Counter[date]:
    return Counter(alert.first_at.date() for alert in alerts if alert.rule.id == rule)


def _severities(alerts: Iterable[Alert]) -> str:
    counts = Counter(alert.severity for alert in alerts)
    return ", ".join(f"{counts[severity]:,} {severity}" for severity in reversed(SEVERITIES) if counts[severity])


def _days(material: Material, alerts: Sequence[Alert]) -> tuple[date, date] | None:
    ats = [at for at in (material.first_at, material.last_at) if at is not None]
    ats += [alert.first_at for alert in alerts]
    return (min(ats).date(), max(ats).date()) if ats else None


def _days_words(days: tuple[date, date] | None) -> str:
    if days is None:
        return ""
    return f"{days[0]} to {days[1]}" if days[0] != days[1] else f"{days[0]}"


def _period(material: Material, alerts: Sequence[Alert]) -> str:
    first = material.first_at or min((alert.first_at for alert in alerts), default=None)
    last = material.last_at or max((alert.last_at for alert in alerts), default=None)
    if first is None or last is None:
        return "no events"
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


@cache
def style_and_digest() -> tuple[Markup, str]:
    """The style of all pages, and its digest for their policies."""
    style = _text("page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return Markup(style), digest  # noqa: S704  # a file of ours


@cache
def template(name: str) -> jinja2.Template:
    """The template of a page; everything that is put into it is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({name: _text(name) for name in ("page.html", "alert.html", "places.html")}),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["at"] = lambda at: f"{at:%Y-%m-%d %H:%M:%S}"
    environment.filters["number"] = lambda number: f"{number:,}"
    return environment.get_template(name)


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
