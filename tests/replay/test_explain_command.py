"""`explain` and `compare` as people type them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.replay.command import sessionwatch

GOLDEN = Path(__file__).parent / "hospital-day.alerts.jsonl"


def test_the_story_without_logs_as_json() -> None:
    """A machine gets what a person reads; what needs logs is null."""
    ended = sessionwatch("explain", "b138", "--alerts", GOLDEN, "--json")
    told = json.loads(ended.out)
    assert ended.code == 0
    assert told["rule"] == "impossible_travel"
    assert (told["baseline"], told["silencing"]) == (None, None)
    assert {one["name"]: one["over"] for one in told["measures"]}["speed that takes, at least"] is True
    assert [one["rests"] for one in told["timeline"]] == [True, True]
    assert "the likely wrong one" in told["verdict"]


def test_lines_that_are_no_alerts_are_told_and_end_with_3(tmp_path: Path) -> None:
    """The alert that was asked for is explained all the same."""
    alerts = tmp_path / "alerts.jsonl"
    alerts.write_text("{broken\n" + GOLDEN.read_text())
    ended = sessionwatch("explain", "b138", "--alerts", alerts)
    assert ended.code == 3
    assert "! a line is no alert and was passed over: line 1:" in ended.out
    assert "ben.hale" in ended.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("explain", "zzzz", "--alerts", GOLDEN), "no alert has an id"),
        (("explain", "", "--alerts", GOLDEN), "no alert has an id"),
        (("explain", "b138", "--alerts", "nowhere.jsonl"), "nowhere.jsonl cannot be read"),
        (("compare", GOLDEN), "nothing is changed"),
        (("compare", GOLDEN, "--set", "impossible_travel=3"), "is no setting"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(words: tuple[str | Path, ...], said: str) -> None:
    """What, and what to do; exit code 2."""
    ended = sessionwatch(*words)
    assert ended.code == 2
    assert said in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_alerts_of_other_detectors_have_a_story_too() -> None:
    """With the numbers that theirs broke."""
    for line in GOLDEN.read_text().splitlines():
        alert = json.loads(line)
        if alert["rule"]["id"] in {"mass_export", "concurrent_sessions"}:
            ended = sessionwatch("explain", alert["id"], "--alerts", GOLDEN)
            assert ended.code == 0
            assert alert["rule"]["title"] in ended.out
            assert " reached" in ended.out
