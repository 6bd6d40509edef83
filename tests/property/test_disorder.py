"""The alerts of a run under disorder are, byte for byte, those of the run in order."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.locator import Locator
from models.events import SessionEvent
from models.instants import MINUTE_US, SECOND_US
from sessionwatch.engine.buckets import share
from sessionwatch.engine.disorder import DisorderEngine
from sessionwatch.engine.in_order import Engine
from sessionwatch.engine.notices import NoticeRecord
from sessionwatch.ruleset.compiled import Ruleset
from tests.property.sketch_rules import ruleset
from tests.property.worlds import arrivals, lateness, world

FOLDS_US = (0, 30 * SECOND_US, 5 * MINUTE_US, 60 * MINUTE_US)
GAPS_S = ((5, 60, 600, 7200), (5, 20, 60, 600), (1, 2, 5, 30))


def in_order(
    events: Iterable[SessionEvent], fold_us: int, chunk: int = 10**9, workers: int = 1, rules: Ruleset | None = None
) -> dict[str, bytes]:
    """The alerts of the in-order engine, by id, at their last notice point."""
    ordered = sorted(events, key=lambda e: e.order)
    alerts: dict[str, bytes] = {}
    newest_us = ordered[-1].order[0]
    for worker in range(workers):
        engine = Engine(rules or ruleset(fold_us), Locator(), owns=share(worker, workers) if workers > 1 else None)
        for start in range(0, len(ordered), chunk):
            alerts.update({i: p[3] for i, p in engine.process(ordered[start : start + chunk]).items()})
        alerts.update({i: p[3] for i, p in engine.finish(newest_us).items()})
    return alerts


def highest(notices: Iterable[NoticeRecord]) -> dict[str, bytes]:
    """What a consumer holds in the end: each alert at its highest revision, the withdrawn left out."""
    latest: dict[str, NoticeRecord] = {}
    for notice in notices:
        alert_id = json.loads(bytes(notice.alert))["id"]
        before = latest.get(alert_id)
        assert before is None or before.revision < notice.revision, "a revision must rise"
        if before is not None:
            assert (notice.change == "raised") == (before.change == "withdrawn"), (before.change, notice.change)
            assert before.change != "resolved", "a resolved alert must not change"
        else:
            assert notice.change == "raised"
        latest[alert_id] = notice
    return {i: bytes(n.alert) for i, n in latest.items() if n.change != "withdrawn"}


def disordered(
    arriving: list[SessionEvent],
    fold_us: int,
    *,
    slow: bool,
    seed: int,
    restarts: float = 0.0,
    rules: Ruleset | None = None,
) -> dict[str, bytes]:
    """The alerts of the engine under disorder, with watermarks now and then, and restarts from its bytes."""
    r = random.Random(seed)
    late: list[object] = []

    def fresh() -> DisorderEngine:
        return DisorderEngine(rules or ruleset(fold_us), Locator(), lateness(slow=slow), on_late=late.append)

    engine = fresh()
    notices: list[NoticeRecord] = []
    offset = 0
    while offset < len(arriving):
        size = r.randrange(1, 9)
        notices += engine.feed(arriving[offset : offset + size], 2 * offset)
        offset += size
        if r.random() < 0.3:
            notices += engine.advance(2 * offset - 1)
        if r.random() < restarts:
            data = engine.snapshot()
            engine = fresh()
            engine.restore(data)
    notices += engine.finish(2 * offset + 99)
    assert not late, "within its bound no event is late"
    assert all(not lane.subjects[s].tracked or fold_us for lane in engine.lanes for s in lane.subjects)
    return highest(notices)


@pytest.mark.parametrize("fold_us", FOLDS_US)
@pytest.mark.parametrize("gaps_s", GAPS_S)
@pytest.mark.parametrize("slow", [False, True])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=4, deadline=None)
def test_any_arrival_within_the_bounds_gives_the_alerts_of_the_run_in_order(
    fold_us: int, gaps_s: tuple[int, ...], slow: bool, seed: int
) -> None:
    """Late, shuffled, doubled and fuller copies, ties, timers, slow sources: the same bytes."""
    events = world(seed, gaps_s, slow=slow)
    arriving = arrivals(events, seed, slow=slow)
    assert disordered(arriving, fold_us, slow=slow, seed=seed) == in_order(arriving, fold_us)


@pytest.mark.parametrize("fold_us", [0, 60 * MINUTE_US])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=8, deadline=None)
def test_a_restart_between_any_two_events_changes_nothing(fold_us: int, seed: int) -> None:
    """The late layer goes to bytes and back without a doubled, lost or stale notice."""
    events = world(seed, GAPS_S[1], slow=True)
    arriving = arrivals(events, seed, slow=True)
    assert disordered(arriving, fold_us, slow=True, seed=seed, restarts=0.3) == in_order(arriving, fold_us)


@given(seed=st.integers(0, 2**32), chunk=st.integers(1, 40), workers=st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_chunks_and_workers_change_nothing(seed: int, chunk: int, workers: int) -> None:
    """However the input is cut and shared, the alerts are the same."""
    events = world(seed, GAPS_S[0], slow=False)
    assert in_order(events, FOLDS_US[3], chunk, workers) == in_order(events, FOLDS_US[3])


@given(seed=st.integers(0, 2**32), cut=st.integers(0, 149))
@settings(max_examples=15, deadline=None)
def test_the_in_order_engine_goes_on_from_its_bytes(seed: int, cut: int) -> None:
    """A snapshot between any two events, restored elsewhere, ends in the same alerts."""
    events = sorted(world(seed, GAPS_S[2], slow=False), key=lambda e: e.order)
    first, second = Engine(ruleset(FOLDS_US[1]), Locator()), Engine(ruleset(FOLDS_US[1]), Locator())
    alerts = first.process(events[:cut])
    second.restore(first.snapshot())
    alerts |= second.process(events[cut:])
    alerts |= second.finish()
    assert {i: p[3] for i, p in alerts.items()} == in_order(events, FOLDS_US[1])
