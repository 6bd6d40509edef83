"""The bound on a subject's state: kept as it is learned, whoever floods it, and the same live as in a replay."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

from geo.locator import Locator
from models.events import KINDS, SessionEvent
from models.places import Place
from sessionwatch.engine.in_order import Engine
from sessionwatch.engine.lateness import Lateness
from sessionwatch.engine.notices import NoticeRecord
from sessionwatch.engine.program import STATE_BYTES_MAX
from sessionwatch.live.judging import LiveJudge
from sessionwatch.ruleset.compiled import Ruleset
from sessionwatch.ruleset.loading import load_ruleset
from tests.property.stores import MemoryStore
from tests.property.test_disorder import highest
from tests.unit.engine.story import MILAN, START, TOKYO

RULES = Path(__file__).parents[2] / "rules"
TEXT = ("session", "device", "app", "role", "resource", "workstation", "action", "auth_method", "target")


@cache
def by_user() -> Ruleset:
    """The starter pack's rules by user."""
    ruleset = load_ruleset((RULES,))
    return Ruleset(tuple(rule for rule in ruleset.rules if rule.by == "user" and rule.mode != "off"), ruleset.version)


def flood(seed: int, many: int, length: int, beyond_ascii: bool) -> list[SessionEvent]:
    """Events of one person, every text in them new and as long as an adapter lets through; some are attacks."""
    r = random.Random(seed)
    events, at = [], START
    for number in range(many):
        at += timedelta(seconds=r.randrange(1, 120))
        filler = ("\u00e9" if beyond_ascii else "x") * length
        place: Place = r.choice([MILAN, MILAN, TOKYO])
        events.append(
            SessionEvent(
                id=f"{number:05}{filler}"[:512],
                at=at,
                kind=r.choice(KINDS),
                source="fast",
                user="ann",
                outcome=r.choice(["success", "failure"]),
                ip=f"2001:db8:{number:x}::1",
                user_agent=f"agent {number} {filler}",
                place=place,
                **{name: f"{number:05}{name}{filler}"[:length] for name in TEXT},  # type: ignore[arg-type]  # all are texts
            )
        )
    return events


@pytest.mark.parametrize(("length", "beyond_ascii"), [(1024, False), (1024, True), (150, False)])
def test_a_flood_of_long_texts_is_shed_as_it_is_learned(length: int, beyond_ascii: bool) -> None:
    """After every event the state is within its bound, without being written; what was given up is counted."""
    engine = Engine(by_user(), Locator())
    (lane,) = engine.lanes
    largest = 0
    for event in flood(1, 200, length, beyond_ascii):
        engine.process([event])
        for state in lane.subjects.values():
            largest = max(largest, len(lane.program.encode(state)))
    assert STATE_BYTES_MAX // 2 < largest <= STATE_BYTES_MAX
    assert sum(counts.shed + counts.crowded for counts in engine.counts.rules.values()) > 0


@pytest.mark.parametrize("seed", [1, 2])
def test_live_sheds_what_a_replay_sheds(seed: int) -> None:
    """Through a store, with restarts and the subject read back for each batch: the same alerts, the same counters."""
    events = flood(seed, 120, 400, beyond_ascii=False)
    engine = Engine(by_user(), Locator())
    alerts = {key: told[3] for key, told in (engine.process(events) | engine.finish()).items()}
    store, r = MemoryStore(), random.Random(seed)
    lateness = Lateness.of({"fast": timedelta(minutes=2)})
    judge = LiveJudge(by_user(), Locator(), lateness, store, kinds=("user",), loaded_max=0)
    notices: list[NoticeRecord] = []
    while events:
        size = r.randrange(1, 9)
        judged = judge.judge(events[:size])
        events = events[size:]
        notices += judged.notices
        store.write(judged.changed)
        if r.random() < 0.3:
            judge = LiveJudge(by_user(), Locator(), lateness, store, kinds=("user",), loaded_max=0)
    notices += judge.finish().notices
    assert highest(notices) == alerts
    (lane,) = judge.engine.lanes
    shed = {rule: (counts.shed, counts.crowded) for rule, counts in engine.counts.rules.items()}
    assert {rule: (counts.shed, counts.crowded) for rule, counts in lane.counts.rules.items()} == shed
    assert any(times for times, _ in shed.values())
