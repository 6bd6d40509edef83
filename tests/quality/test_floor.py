"""The short form of `make quality`: a change to rules or detectors that loses attacks or raises false alerts fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.quality.families import FAMILIES
from bench.quality.page import FALSE_MAX, text
from bench.quality.scoring import Score, score, staged_month


@pytest.fixture(scope="module")
def short(root: Path) -> Score:
    """A month of a fifth of the people, with a fifth of the attacks, judged by the bundled rules."""
    return score(staged_month("short", size=100, days=30, every=5), [root / "rules"])


def test_every_family_has_a_rule(short: Score) -> None:
    """A family that no loaded rule answers for is measured by nobody."""
    assert not [family for family, rules in FAMILIES.items() if not set(rules) & short.rules]


def test_every_family_is_found(short: Score) -> None:
    """Each staged attack is found by a rule of its family: on the right subject, in time, at a severity that counts."""
    assert len(short.found) == 30
    assert [attack.story for attack in short.missed()] == []


def test_false_alerts_stay_under_the_floor(short: Score) -> None:
    """Harmless people are asked no more than the floor allows."""
    false = [f"{alert.rule}: {alert.summary}" for alert in short.alerts if alert.truth == "false"]
    assert short.false_per_1000 <= FALSE_MAX, false


def test_the_page_has_every_family_and_rule(short: Score) -> None:
    """Nothing that was measured is left out of what is told."""
    told = text([short, short])
    assert all(f"| {family} |" in told for family in FAMILIES)
    assert all(f"| `{rule}` |" in told for rule in short.rules)
