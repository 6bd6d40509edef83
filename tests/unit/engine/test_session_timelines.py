"""Whose session it is under disorder: late owners, copies, tenants' buckets, and bounds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from datetime import timedelta

import pytest

from detectors.threshold import Threshold, ThresholdParams
from geo.locator import Locator
from models.events import SessionEvent
from models.instants import HOUR_US
from sessionwatch.engine.disorder import DisorderEngine
from sessionwatch.engine.in_order import Engine
from sessionwatch.engine.lateness import Lateness
from sessionwatch.engine.session_timelines import TIMELINE_MAX, SessionTimelines
from sessionwatch.ruleset.compiled import CompiledRule
from tests.property.sketch_rules import Export, Idle, NoParams, rule
from tests.unit.engine.story import event, rules

BOUND = Lateness.of({"fast": timedelta(hours=1)}, mode="all")
EXPORTS = (
    rule("export", Export(NoParams()), {"export"}, HOUR_US),
    rule("export_by_ip", Export(NoParams()), {"export"}, HOUR_US, by="ip"),
)
PEOPLE = Threshold(ThresholdParams(measure="distinct", field="user", at_least=3, window=timedelta(minutes=10)))


def replayed(story: Sequence[SessionEvent], *compiled: CompiledRule) -> set[bytes]:
    """The alerts of the run in order."""
    engine = Engine(rules(*compiled), Locator())
    published = engine.process(sorted(story, key=lambda one: one.at)) | engine.finish()
    return {publication[3] for publication in published.values()}


def live(story: Sequence[SessionEvent], *compiled: CompiledRule) -> set[bytes]:
    """What stands when the story came in this order."""
    engine = DisorderEngine(rules(*compiled), Locator(), BOUND)
    standing: dict[str, bytes] = {}
    for notice in [*engine.feed(story, 1), *engine.finish(99)]:
        alert = bytes(notice.alert)
        standing[json.loads(alert)["id"]] = b"" if notice.change == "withdrawn" else alert
    return set(standing.values()) - {b""}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_fuller_copy_that_names_its_user_stays_when_an_owner_comes_late(order: tuple[int, ...]) -> None:
    """Bare copy, fuller copy and login in any order: what a replay finds."""
    given = {"ip": "198.51.100.7", "session": "s"}
    story = [
        event("in", 0, **given),
        event("x", 1, "export", user="", count=0, **given),
        event("x", 1, "export", count=2000, reason="r", app="x", **given),
    ]
    want = replayed(story, *EXPORTS)
    assert len(want) == 2
    assert live([story[i] for i in order], *EXPORTS) == want


def test_tenants_buckets_know_whose_sessions_were_ended() -> None:
    """Three people's kills come before their logins: the bucket counts three people all the same."""
    by_tenant = rule("people", PEOPLE, {"logout"}, HOUR_US, by="tenant")
    logins = [event(f"in{n}", n / 10, user=f"u{n}", session=f"s{n}", tenant="clinic") for n in range(3)]
    kills = [event(f"out{n}", 2 + n / 10, "logout", user="", session=f"s{n}", tenant="clinic") for n in range(3)]
    end = event("end", 30, user="eve", session="s9", tenant="clinic")
    want = replayed([*logins, *kills, end], by_tenant)
    assert len(want) == 1
    assert live([*kills, *logins, end], by_tenant) == want


def test_counts_never_fall_when_more_comes_after_an_end() -> None:
    """The end of an input tells open folds; a late event after it starts from there."""
    engine = DisorderEngine(rules(EXPORTS[0]), Locator(), BOUND)
    story = [event(f"x{i}", i, "export", count=600) for i in range(5)]
    notices = engine.feed(story, 1) + engine.finish(50)
    notices += engine.feed([event("y", 70, "export", count=1), event("z", 65, "export", count=1)], 60) + engine.finish(
        99
    )
    counts = [json.loads(bytes(notice.alert))["count"] for notice in notices]
    assert counts == sorted(counts)


def test_one_session_cannot_grow_without_end() -> None:
    """Beyond the bound the oldest stay as they are, and none is lost from the count."""
    timelines = SessionTimelines()
    locate = Locator().locate
    for i in range(1000):
        timelines.place(locate(event(f"k{i}", i / 100, "activity", user="")))
        timelines.place(locate(event(f"o{i}", i / 100 + 0.001, session="other")))
    state = timelines.snapshot()
    assert max(len(timeline.ownerless) for _, _, timeline in state.sessions) == TIMELINE_MAX
    assert max(len(timeline.owners) for _, _, timeline in state.sessions) == TIMELINE_MAX
    assert len(timelines.settle(2**61)) == 1000


def test_sessions_forgotten_for_want_of_room_are_counted() -> None:
    """The session longest not seen goes, its events with it, and they are told at the next watermark."""
    timelines = SessionTimelines(sessions_max=2)
    for name in ("a", "b", "c"):
        timelines.place(Locator().locate(event(name, 0, "activity", user="", session=name)))
    assert [one.id for one in timelines.settle(-(2**61))] == ["a"]


def test_a_kill_in_time_is_its_users_in_any_order() -> None:
    """Idle sessions that were ended are not idle."""
    idle = rule("idle", Idle(NoParams()), {"login"}, HOUR_US)
    story = [event("in", 0), event("out", 5, "logout", user=""), event("end", 40, user="bob", session="s2")]
    for arriving in itertools.permutations(story):
        assert live(arriving, idle) == replayed(story, idle)
