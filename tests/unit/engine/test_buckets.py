"""Rules by tenant judge closed buckets: order and copies inside a bucket do not matter."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from detectors.detector import BucketDetector, Detector, DetectorState
from geo.locator import Locator
from models.events import PlacedEvent
from models.findings import Finding, Verdict
from models.instants import HOUR_US, MINUTE_US
from sessionwatch.engine.buckets import share
from sessionwatch.engine.disorder import DisorderEngine
from sessionwatch.engine.in_order import Engine
from sessionwatch.engine.lateness import Lateness
from tests.property.sketch_rules import Measured, NoParams, rule
from tests.unit.engine.story import alerts_of, event, rules


class Many(Detector[NoParams, "Many.State"], BucketDetector):
    """More than three events of a tenant in ten minutes."""

    kind = "sketch_many"
    Params = NoParams
    Evidence = Measured
    subjects = frozenset({"tenant"})
    bucket_us = 10 * MINUTE_US

    class State(DetectorState):
        """How many."""

        seen: int = 0

    def judge(self, event: PlacedEvent, state: State) -> Verdict:
        """Only buckets are judged."""
        return None

    def learn(self, event: PlacedEvent, state: State, *, suspect: bool) -> None:
        """Only buckets learn."""

    def add(self, event: PlacedEvent, state: Any) -> None:
        """One more."""
        state.seen += 1

    def close(self, start_us: int, state: Any) -> Finding | None:
        """Too many."""
        return Finding(evidence=Measured(value=state.seen)) if state.seen > 3 else None

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """How many."""
        return f"{evidence['value']} sign-ins at {who}"


MANY = rule("many", Many(NoParams()), {"login"}, HOUR_US, by="tenant")
STORY = [
    event(f"e{i}", minute, tenant="clinic", user=f"u{i}") for i, minute in enumerate((0, 1, 2, 9.9, 10, 11, 12, 35))
]


def test_a_closed_bucket_is_judged_whole_and_once() -> None:
    """The first ten minutes hold four, the next only three; the last bucket never closes."""
    (alert,) = alerts_of(Engine(rules(MANY), Locator()), STORY)
    assert alert["subject"] == {"by": "tenant", "value": "clinic"}
    assert (alert["first_at"][11:16], alert["last_at"][11:16]) == ("00:00", "00:10")
    assert alert["summary"] == "4 sign-ins at clinic."
    assert alert["user"] == ""


def test_disorder_copies_and_restarts_change_nothing() -> None:
    """Any order within the bound, the same event twice, a restart in the middle: the same bytes."""
    bound = Lateness.of({"fast": timedelta(minutes=5)}, mode="all")
    want = [p[3] for p in Engine(rules(MANY), Locator()).process(STORY).values()]
    for seed in range(30):
        r = random.Random(seed)
        arriving = sorted([*STORY, *STORY], key=lambda e: (e.order[0] + r.randrange(0, 5 * MINUTE_US), r.random()))
        engine = DisorderEngine(rules(MANY), Locator(), bound)
        notices = engine.feed(arriving[:9], 0) + engine.advance(20)
        restarted = DisorderEngine(rules(MANY), Locator(), bound)
        restarted.restore(engine.snapshot())
        notices += restarted.feed(arriving[9:], 30) + restarted.advance(60, engine.newest_us)
        notices += restarted.advance(61, STORY[-1].order[0])
        assert [bytes(n.alert) for n in notices] == want


def test_a_bucket_goes_to_one_worker() -> None:
    """Shared among workers, a tenant is judged by exactly one."""
    shared = [alerts_of(Engine(rules(MANY), Locator(), owns=share(i, 3)), STORY) for i in range(3)]
    assert sorted(map(len, shared)) == [0, 0, 1]


def test_an_event_for_a_closed_bucket_is_counted_late() -> None:
    """It teaches nothing and is not lost from the count."""
    engine = DisorderEngine(rules(MANY), Locator(), Lateness())
    engine.feed(STORY, 0)
    assert json.loads(bytes(engine.advance(50)[0].alert))["rule"]["id"] == "many"
    engine.feed([event("late", 3, tenant="clinic")], 60)
    assert engine.counts.rules["many"].late == 1
