"""The example day, replayed: the same alerts, byte for byte, every attack that was staged, nobody who is honest.

`SESSIONWATCH_GOLDEN=write` writes the golden file anew; look at the difference before it is committed.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.replay.command import Ended, alerts_in, sessionwatch

GOLDEN = Path(__file__).parent / "hospital-day.alerts.jsonl"
TOLD_AFTER_MAX = timedelta(hours=1)
"""How long after a staged attack has ended its alert may still bear its first time."""


@pytest.fixture(scope="module")
def replayed(example_day: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    """The example day, replayed once for all."""
    alerts = tmp_path_factory.mktemp("golden") / "alerts.jsonl"
    ended = sessionwatch(
        "replay", example_day / "warm-up.jsonl.gz", example_day / "day.jsonl.gz", "--alerts", alerts, "--json"
    )
    return ended, alerts


@pytest.fixture(scope="module")
def staged(example_day: Path) -> dict[str, Any]:
    """What was staged."""
    return json.loads((example_day / "staged.json").read_text())


def test_the_alerts_are_those_of_the_golden_file(replayed: tuple[Ended, Path]) -> None:
    """Byte for byte; whoever changes a rule or a detector sees here what that changes."""
    if os.environ.get("SESSIONWATCH_GOLDEN") == "write":
        GOLDEN.write_bytes(replayed[1].read_bytes())
    assert replayed[1].read_bytes() == GOLDEN.read_bytes()


def test_every_staged_attack_is_found_by_its_rule(replayed: tuple[Ended, Path], staged: dict[str, Any]) -> None:
    """Each attack has an alert of its rule, for its user, in its time."""
    alerts = alerts_in(replayed[1])
    missed = []
    for attack in staged["attacks"]:
        begin, end = datetime.fromisoformat(attack["from"]), datetime.fromisoformat(attack["to"]) + TOLD_AFTER_MAX
        found = any(
            alert["user"] == attack["user"]
            and alert["rule"]["id"] == attack["rule"]
            and begin <= datetime.fromisoformat(alert["at"]) <= end
            for alert in alerts
        )
        if not found:
            missed.append((attack["user"], attack["rule"]))
    assert missed == []


def test_nobody_honest_is_accused(replayed: tuple[Ended, Path], staged: dict[str, Any]) -> None:
    """Every alert is about somebody who was attacked."""
    attacked = {attack["user"] for attack in staged["attacks"]}
    assert {alert["user"] or alert["subject"]["value"] for alert in alerts_in(replayed[1])} <= attacked


def test_the_thief_is_named_whoever_came_first(replayed: tuple[Ended, Path], staged: dict[str, Any]) -> None:
    """Thief first and honest user first: the thief's session is the only candidate with anything unfamiliar."""
    travels = [attack for attack in staged["attacks"] if attack["rule"] == "impossible_travel"]
    assert len(travels) == 2
    for attack in travels:
        (alert,) = [
            alert
            for alert in alerts_in(replayed[1])
            if alert["rule"]["id"] == "impossible_travel" and alert["user"] == attack["user"]
        ]
        unfamiliar = {one["session"] for one in alert["candidates"] if one["unfamiliar"]}
        assert {one["session"] for one in alert["candidates"]} == {attack["session"], attack["honest_session"]}
        assert unfamiliar == {attack["session"]}


def test_the_account_of_the_day_adds_up(replayed: tuple[Ended, Path]) -> None:
    """Every record is mapped, dropped or in the dead letter; every event is distinct or a duplicate."""
    summary = replayed[0].summary
    assert replayed[0].code == 3
    assert summary["dead_letter"] == 2
    assert summary["records_read"] == summary["mapped"] + sum(summary["dropped"].values()) + summary["dead_letter"]
    assert summary["events_made"] == summary["events"] + summary["duplicates"]
    assert summary["duplicates"] > 0


def test_the_alerts_add_up_to_what_the_rules_found(replayed: tuple[Ended, Path]) -> None:
    """Every finding that may alert is counted in exactly one alert."""
    counted: Counter[str] = Counter()
    for alert in alerts_in(replayed[1]):
        counted[alert["rule"]["id"]] += alert["count"]
    assert counted == replayed[0].summary["fired"]
