"""What the pack makes of a month: which alerts are false, which attacks are found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from bench.quality.attacks.scene import Attack, Scene
from bench.quality.attacks.staging import stage
from bench.quality.families import BY_DESIGN, FAMILIES
from bench.quality.log import DAYS, month
from bench.quality.staff import WHOLE
from bench.quality.world import harmless_month
from models.events import SessionEvent
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.ruleset.compiled import Ruleset
from streams.replay import Window, replay
from streams.sorting import EventSorter

NETWORKS: Final = Path(__file__).with_name("site_networks.yaml")
AFTERMATH: Final = timedelta(hours=24)
"""So long after an attack its traces still raise alerts on those it touched; these are neither found nor false."""

COUNTED: Final = frozenset({"medium", "high", "critical"})
"""Severities that ask a person to look. `low` and `info` are for reading, and counted apart."""


class Month(NamedTuple):
    """Events as they arrive, what is staged in them, and how large the world is."""

    seed: str
    events: list[SessionEvent]
    attacks: list[Attack]
    users: int
    days: int


class Judged(NamedTuple):
    """One alert: which rule, on whom, from when to when, how grave, and what it was in truth."""

    rule: str
    severity: str
    names: frozenset[str]
    first_at: datetime
    last_at: datetime
    truth: str
    summary: str


@dataclass(frozen=True)
class Score:
    """The figures of one month. `truth` of an alert: attack, aftermath, by_design, low, or false."""

    seed: str
    user_days: int
    events: int
    alerts: list[Judged]
    found: dict[Attack, frozenset[str]]
    rules: frozenset[str]

    @property
    def false_per_1000(self) -> float:
        """False alerts a thousand user-days."""
        return 1000 * sum(alert.truth == "false" for alert in self.alerts) / self.user_days

    def recall(self) -> dict[str, tuple[int, int]]:
        """By family: found, and staged."""
        families: dict[str, tuple[int, int]] = {}
        for attack, by in self.found.items():
            found, staged = families.get(attack.family, (0, 0))
            families[attack.family] = (found + bool(by), staged + 1)
        return families

    def missed(self) -> list[Attack]:
        """The attacks that no rule of their family found."""
        return [attack for attack, by in self.found.items() if not by]


def staged_month(seed: str, *, size: int = WHOLE, days: int = DAYS, every: int = 1) -> Month:
    """The month with its attacks: of each family's variants the first of each `every`."""
    log, staff = harmless_month(seed, size=size, days=days)
    attacks = stage(Scene(log, staff, month()[:days], every=every))
    return Month(seed, log.arrivals(), attacks, len(staff), days)


def judged(plan: EnginePlan, events: Iterable[SessionEvent]) -> list[dict[str, Any]]:
    """The alerts of a replay of `events`, in order of time, as objects."""
    with EventSorter() as sorter:
        sorter.add(list(events))
        result = replay(sorter, plan.engine(), Window())
    alerts = [msgspec.json.decode(raw) for raw in result.alerts.values()]
    return sorted(alerts, key=lambda alert: (alert["first_at"], alert["id"]))


def score(staged: Month, rules: Sequence[Path]) -> Score:
    """Judge a month by the rules of these files or folders."""
    plan = EnginePlan(tuple(rules), networks=(NETWORKS,), bundled=False)
    shadow = shadow_rules(plan.ruleset())
    alerts = [
        _alert(alert, staged.attacks) for alert in judged(plan, staged.events) if alert["rule"]["id"] not in shadow
    ]
    found = {attack: frozenset(_finders(attack, alerts)) for attack in staged.attacks}
    ids = frozenset(rule.id for rule in plan.ruleset().rules)
    return Score(staged.seed, staged.users * staged.days, len(staged.events), alerts, found, ids)


def shadow_rules(ruleset: Ruleset) -> frozenset[str]:
    """Rules that judge and tell nobody."""
    return frozenset(rule.id for rule in ruleset.rules if rule.mode == "shadow")


def _alert(alert: dict[str, Any], attacks: Sequence[Attack]) -> Judged:
    names = frozenset({alert["subject"]["value"], alert["user"], alert["session"]} - {""})
    first_at, last_at = datetime.fromisoformat(alert["first_at"]), datetime.fromisoformat(alert["last_at"])
    truth = _truth(alert, names, (first_at, last_at), attacks)
    return Judged(alert["rule"]["id"], alert["severity"], names, first_at, last_at, truth, alert["summary"])


def _truth(
    alert: dict[str, Any], names: frozenset[str], span: tuple[datetime, datetime], attacks: Sequence[Attack]
) -> str:
    touching = [attack for attack in attacks if names & attack.touched]
    if any(_overlaps(span, attack, timedelta()) for attack in touching):
        return "attack"
    if any(_overlaps(span, attack, AFTERMATH) for attack in touching):
        return "aftermath"
    if alert["rule"]["id"] in BY_DESIGN:
        return "by_design"
    return "false" if alert["severity"] in COUNTED else "low"


def _overlaps(span: tuple[datetime, datetime], attack: Attack, after: timedelta) -> bool:
    return span[0] <= attack.end + after and attack.begin <= span[1]


def _finders(attack: Attack, alerts: Sequence[Judged]) -> Iterable[str]:
    """The rules of the attack's family that named its subject while it lasted, at a severity that counts."""
    rules = FAMILIES[attack.family]
    for alert in alerts:
        same = alert.severity in COUNTED and alert.rule in rules and alert.names & attack.subjects
        if same and _overlaps((alert.first_at, alert.last_at), attack, timedelta()):
            yield alert.rule
