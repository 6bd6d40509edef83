"""Decisions about the alerts of a state file: each change once, by its chain, and never against emergency access."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.actions import Instruction
from models.policies import PolicyAlert, PolicyCandidate
from sessionwatch.errors import StateError
from sessionwatch.live.alert_feed import AlertFeed
from sessionwatch.live.state_file import StateFile
from sessionwatch.responses.policy import Policy
from sessionwatch.responses.policy_reading import alert_of, bundled_policy, load_policy

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
WRITTEN = load_policy(bundled_policy()).written
STRANGE = (PolicyCandidate(session="s1", unfamiliar=("place",)), PolicyCandidate(session="s2"))
MODES = {"impossible_travel": "enforce", "emergency_access": "alert"}


class State:
    """A state file with alerts put into it by hand."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "watch.db"
        StateFile(self.path).close()
        self._revision = 0

    def put(self, id_: str, change: str = "raised", supersedes: str | None = None, **alert: Any) -> None:
        """An alert as it stands after a step."""
        at = alert.pop("at", AT)
        said = alert_of(PolicyAlert(**{"rule": "impossible_travel", "candidates": STRANGE, **alert}))
        line = said.model_copy(update={"id": id_, "at": at, "first_at": at, "last_at": at}).to_json()
        self._revision += 1
        with sqlite3.connect(self.path) as db:
            values = (id_, self._revision, 0, change, supersedes, line)
            db.execute("INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, ?, ?, ?)", values)

    def feed(self, mode: str = "enforce") -> AlertFeed:
        """Whoever reads it."""
        return AlertFeed(self.path, Policy(WRITTEN, "v", None, mode), MODES)  # type: ignore[arg-type] # modes they are


def short(instructions: list[Instruction]) -> list[tuple[str, str, str]]:
    """What, whose alert, and which verb."""
    return [(one.what, one.alert, "" if one.action is None else one.action.verb) for one in instructions]


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A state file without alerts."""
    return State(tmp_path)


def test_each_change_is_decided_once(state: State) -> None:
    """Whoever remembers the position sees nothing twice and misses nothing, also when begun again."""
    state.put("a1")
    feed = state.feed()
    first = feed.decided("", 100)
    assert short(first.instructions) == [("act", "a1", "kill_session")]
    assert feed.decided(first.position, 100).instructions == []
    state.put("a2", user="bo")
    state.put("a1", "resolved")
    feed.close()
    feed = state.feed()
    second = feed.decided(first.position, 1)
    third = feed.decided(second.position, 100)
    assert short(second.instructions + third.instructions) == [("act", "a2", "kill_session"), ("settle", "a1", "")]
    assert len(first.entries + second.entries + third.entries) == 3
    feed.close()


def test_an_alert_that_takes_anothers_place_is_of_its_chain(state: State) -> None:
    """What was done for the first is not done again, and it is asked for before the first is cancelled."""
    state.put("a1")
    feed = state.feed()
    before = feed.decided("", 100)
    state.put("a1", "withdrawn")
    state.put("a2", supersedes="a1")
    after = feed.decided(before.position, 100)
    assert short(after.instructions) == [("act", "a2", "kill_session"), ("cancel", "a1", "")]
    actions = [one.action for one in (*before.instructions, *after.instructions) if one.action is not None]
    assert len({one.id for one in actions}) == 1
    assert {one.chain for one in actions} == {"a1"}
    feed.close()


@pytest.mark.parametrize(("hours", "verb"), [(1, "notify"), (13, "kill_session")])
def test_whoever_broke_the_glass_is_left_alone_for_a_while(state: State, hours: int, verb: str) -> None:
    """Also by a reader that began after it; and others are not spared for it."""
    state.put("g1", rule="emergency_access", candidates=())
    feed = state.feed()
    broken = feed.decided("", 100)
    assert [(one.what, one.user, one.at) for one in broken.instructions] == [("spare", "ann", AT + timedelta(hours=12))]
    position = broken.position
    feed.close()
    state.put("a1", at=AT + timedelta(hours=hours))
    state.put("a2", at=AT + timedelta(hours=hours), user="bo")
    feed = state.feed()
    told = short(feed.decided(position, 100).instructions)
    assert told == [("act", "a1", verb), ("act", "a2", "kill_session")]
    feed.close()


def test_an_observing_policy_asks_for_nothing_and_says_what_it_would(state: State) -> None:
    """Its decisions stand in the log."""
    state.put("a1")
    feed = state.feed("observe")
    decided = feed.decided("", 100)
    assert decided.instructions == []
    assert decided.entries[0].data["withheld"][0]["verb"] == "kill_session"
    feed.close()


def test_factors_and_how_far_the_feed_has_come_are_told(state: State) -> None:
    """Each factor once."""
    with sqlite3.connect(state.path) as db:
        db.execute("INSERT INTO factors (tenant, user, at_us) VALUES ('default', 'ann', 5000000)")
    feed = state.feed()
    told = feed.decided("", 100)
    assert [(one.what, one.user) for one in told.instructions] == [("passed", "ann")]
    state.put("a1", user="bo")
    assert [one.what for one in feed.decided(told.position, 100).instructions] == ["act"]
    feed.close()


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    """And what is none is told as well."""
    with pytest.raises(StateError, match="watch --state"):
        AlertFeed(tmp_path / "none.db", Policy(WRITTEN, "v"), {})
    other = tmp_path / "other.db"
    sqlite3.connect(other).execute("CREATE TABLE x (y)")
    with pytest.raises(StateError, match="alerts"):
        AlertFeed(other, Policy(WRITTEN, "v"), {})
