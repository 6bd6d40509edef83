"""Two runs over the same events under different rules: which alerts the second gains and loses."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pydantic

from geo.locator import Locator
from models.alerts import Alert
from models.events import SessionEvent
from sessionwatch.engine.in_order import Engine
from sessionwatch.ruleset.compiled import Ruleset

BATCH_EVENTS: Final = 2_000
"""Events handed to each engine at a time; the alerts do not depend on it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Alerts of the first run alone, of the second alone, and how many matters both raise; by first time."""

    lost: tuple[Alert, ...]
    gained: tuple[Alert, ...]
    kept: int


class RuleComparison(pydantic.BaseModel):
    """One rule: how many alerts it raises before and after, and the ids of those lost and gained."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    rule: str
    before: int
    after: int
    lost: tuple[str, ...]
    gained: tuple[str, ...]


class WholeComparison(pydantic.BaseModel):
    """All rules that raise other alerts after than before, the others left out; and what was not read."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    before: int
    after: int
    lost: int
    gained: int
    rules: tuple[RuleComparison, ...]
    remarks: tuple[str, ...] = ()


def compared_by_rule(before: Sequence[Alert], after: Sequence[Alert], remarks: Sequence[str] = ()) -> WholeComparison:
    """What the second run has lost and gained against the first, rule by rule."""
    found = compared(before, after)
    told = []
    for rule in sorted({alert.rule.id for alert in (*before, *after)}):
        one = RuleComparison(
            rule=rule,
            before=sum(alert.rule.id == rule for alert in before),
            after=sum(alert.rule.id == rule for alert in after),
            lost=tuple(alert.id for alert in found.lost if alert.rule.id == rule),
            gained=tuple(alert.id for alert in found.gained if alert.rule.id == rule),
        )
        if one.lost or one.gained or one.before != one.after:
            told.append(one)
    return WholeComparison(
        before=len(before),
        after=len(after),
        lost=len(found.lost),
        gained=len(found.gained),
        rules=tuple(told),
        remarks=tuple(remarks),
    )


def compared(before: Iterable[Alert], after: Iterable[Alert]) -> Comparison:
    """What the second has lost and gained against the first.

    An alert that is raised a little earlier or later, or counts more, is the same matter, and kept.
    """
    left, right = list(before), list(after)
    return Comparison(
        lost=tuple(_without_like(left, right)),
        gained=tuple(_without_like(right, left)),
        kept=len(left) - len(list(_without_like(left, right))),
    )


def same_matter(alert: Alert, other: Alert) -> bool:
    """Whether two alerts are of one matter: rule, subject and key are the same, and their times meet."""
    return (
        (alert.rule.id, alert.tenant, alert.subject, alert.key)
        == (other.rule.id, other.tenant, other.subject, other.key)
        and alert.first_at <= other.last_at
        and other.first_at <= alert.last_at
    )


def alerts_of(published: Iterable[bytes], rule: str | None = None) -> Iterator[Alert]:
    """Alerts from their bytes; with `rule` those of this rule alone."""
    alerts = (Alert.model_validate_json(raw) for raw in published)
    return (alert for alert in alerts if rule is None or alert.rule.id == rule)


def judged_side_by_side(
    events: Iterable[SessionEvent],
    rulesets: Sequence[Ruleset],
    locator: Locator,
    *,
    progress: Callable[[int], None] | None = None,
) -> list[list[Alert]]:
    """The alerts of each rule set over the same events, sorted by time, which are read once."""
    engines = [Engine(ruleset, locator) for ruleset in rulesets]
    found: list[dict[str, bytes]] = [{} for _ in engines]
    incoming = iter(events)
    while batch := list(itertools.islice(incoming, BATCH_EVENTS)):
        for engine, alerts in zip(engines, found, strict=True):
            alerts.update(_bytes_of(engine.process(batch)))
        if progress is not None:
            progress(len(batch))
    for engine, alerts in zip(engines, found, strict=True):
        alerts.update(_bytes_of(engine.finish()))
    return [sorted(alerts_of(alerts.values()), key=lambda alert: (alert.first_at, alert.id)) for alerts in found]


def _bytes_of(published: Mapping[str, tuple[str, str, object, bytes]]) -> dict[str, bytes]:
    return {alert_id: publication[3] for alert_id, publication in published.items()}


def _without_like(alerts: Sequence[Alert], others: Sequence[Alert]) -> Iterator[Alert]:
    by_matter: dict[tuple[str, str, str, str, str], list[Alert]] = {}
    for other in others:
        by_matter.setdefault(_matter(other), []).append(other)
    for alert in alerts:
        if not any(same_matter(alert, other) for other in by_matter.get(_matter(alert), ())):
            yield alert


def _matter(alert: Alert) -> tuple[str, str, str, str, str]:
    return (alert.rule.id, alert.tenant, alert.subject.by, alert.subject.value, alert.key)
