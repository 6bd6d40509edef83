"""Batches over a store: whatever is read back, rolled back or begun anew, the alerts are those of the run in order."""

from __future__ import annotations

import random
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.locator import Locator
from models.events import SessionEvent
from models.instants import MINUTE_US
from sessionwatch.engine.notices import NoticeRecord
from sessionwatch.live.judging import Judged, LiveJudge
from tests.property.sketch_rules import ruleset
from tests.property.stores import MemoryStore
from tests.property.test_disorder import GAPS_S, highest, in_order
from tests.property.worlds import arrivals, lateness, world


def lived(arriving: list[SessionEvent], fold_us: int, seed: int) -> tuple[dict[str, bytes], LiveJudge]:
    """What a consumer holds after a run with few subjects in memory, failed writes, clock ticks and restarts."""
    r = random.Random(seed)
    store = MemoryStore()

    def begun() -> LiveJudge:
        return LiveJudge(ruleset(fold_us), Locator(), lateness(slow=True), store, loaded_max=r.choice([0, 1, 100]))

    judge = begun()
    end_us = max(event.order[0] for event in arriving)
    notices: list[NoticeRecord] = []

    def write(judged: Judged) -> None:
        assert not judged.late
        notices.extend(judged.notices)
        store.write(judged.changed)

    while arriving:
        size = r.randrange(1, 9)
        batch, arriving = arriving[:size], arriving[size:]
        judged = judge.judge(batch)
        if r.random() < 0.2:
            judge.roll_back()
            judged = judge.judge(batch)
        write(judged)
        if r.random() < 0.2:
            # Not beyond the last event: what a clock fires after that stands, and a run in order ends there.
            write(judge.fire(min(judge.stream.newest_us + r.randrange(10 * MINUTE_US), end_us)))
        if r.random() < 0.2:
            judge = begun()
    write(judge.finish())
    return highest(notices), judge


@pytest.mark.parametrize("fold_us", [0, 5 * MINUTE_US, 60 * MINUTE_US])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=3, deadline=None)
def test_batches_over_a_store_give_the_alerts_of_the_run_in_order(fold_us: int, seed: int) -> None:
    """Subjects that leave memory and come back, batches judged twice, timers fired by a clock: the same bytes."""
    arriving = arrivals(world(seed, GAPS_S[1], slow=True), seed, slow=True)
    found, judge = lived(arriving, fold_us, seed)
    assert found == in_order(arriving, fold_us)
    counted = next(lane.counts for lane in judge.engine.lanes if lane.program.by == "user")
    assert counted.events >= len({event.id for event in arriving if event.user})


def test_only_what_changed_is_written() -> None:
    """A batch about one person rewrites that person, and nobody else."""
    events = sorted(world(1, GAPS_S[1], slow=False), key=lambda one: one.order)
    store = MemoryStore()
    judge = LiveJudge(ruleset(0), Locator(), lateness(slow=False), store)
    store.write(judge.judge(events).changed)
    last = next(one for one in reversed(events) if one.user == "u1" and one.kind == "export")
    again = judge.judge([last])
    assert [entry[:3] for entry in again.changed if entry.kind == "user"] == []
    assert len({entry.value for entry in store.held.values() if entry.kind == "user"}) == 3


def test_whom_the_watermark_passes_in_silence_is_not_written_again() -> None:
    """What a step writes grows with who acted in it, not with who acted before."""
    events = sorted(world(1, GAPS_S[1], slow=False), key=lambda one: one.order)
    ann = next(one for one in events if one.user == "u1" and one.kind == "export")
    later = ann.at + timedelta(hours=3)
    bo = next(msgspec.structs.replace(one, at=later) for one in events if one.user == "u2" and one.kind == "export")
    store = MemoryStore()
    judge = LiveJudge(ruleset(0), Locator(), lateness(slow=False), store)
    store.write(judge.judge([ann]).changed)
    changed = judge.judge([bo]).changed
    assert judge.stream.watermark_us > ann.order[0]
    assert [entry.value for entry in changed if entry.kind == "user"] == ["u2"]
