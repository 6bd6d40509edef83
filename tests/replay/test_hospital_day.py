"""The example day, replayed: every staged attack is told by its rule, and nobody honest is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def alerts(example_day: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the bundled rules say of the example."""
    out = tmp_path_factory.mktemp("out")
    command = [Path(sys.executable).with_name("sessionwatch"), "replay", *sorted(example_day.glob("*.jsonl.gz"))]
    done = subprocess.run(
        [*command, "--alerts", out / "alerts.jsonl", "--dead-letter", out / "dead-letter.jsonl"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert len((out / "dead-letter.jsonl").read_text().splitlines()) == 2
    return [json.loads(line) for line in (out / "alerts.jsonl").read_text().splitlines()]


def staged(root: Path) -> dict[str, Any]:
    """What is staged."""
    found: dict[str, Any] = json.loads((root / "examples" / "hospital-day" / "staged.json").read_text())
    return found


ATTACKS = staged(Path(__file__).parent.parent.parent)["attacks"]
TRAPS = staged(Path(__file__).parent.parent.parent)["traps"]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack['rule']}-{attack['user'].split('@')[0]}")
def test_staged_attack_is_told(attack: dict[str, Any], alerts: list[dict[str, Any]]) -> None:
    """By its rule, on its person, in its time."""
    assert [
        alert
        for alert in alerts
        if alert["rule"]["id"].startswith(attack["rule"])
        and alert["user"] == attack["user"]
        and attack["from"] <= alert["at"] <= attack["to"]
    ], [alert["rule"]["id"] for alert in alerts if alert["user"] == attack["user"]]


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap["user"].split("@")[0])
def test_honest_person_is_left_alone(trap: dict[str, Any], alerts: list[dict[str, Any]]) -> None:
    """Whatever looks like trouble there, it is none."""
    assert [(alert["rule"]["id"], alert["summary"]) for alert in alerts if alert["user"] == trap["user"]] == []


def test_nobody_else_is_told_of(alerts: list[dict[str, Any]]) -> None:
    """Fifteen ordinary days and a whole staff give no alert."""
    attacked = {attack["user"] for attack in ATTACKS}
    assert [
        (alert["rule"]["id"], alert["user"], alert["summary"]) for alert in alerts if alert["user"] not in attacked
    ] == []


@pytest.mark.parametrize("user", ["amara.okafor", "ben.hale"], ids=["honest-user-first", "thief-first"])
def test_the_right_session_is_the_candidate(user: str, alerts: list[dict[str, Any]]) -> None:
    """Whichever signed in first, only the thief's session has a place that is unfamiliar."""
    attack = next(one for one in ATTACKS if one["user"].startswith(user))
    alert = next(
        one for one in alerts if one["user"] == attack["user"] and one["rule"]["id"].startswith("impossible_travel")
    )
    unfamiliar = {candidate["session"]: candidate["unfamiliar"] for candidate in alert["candidates"]}
    assert "place" in unfamiliar[attack["session"]]
    assert not unfamiliar.get(attack["honest_session"])
