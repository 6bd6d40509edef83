"""The cap on recent events: nothing changes in order, and in disorder only for subjects counted as capped."""

from __future__ import annotations

import json
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from geo.locator import Locator
from models.events import SessionEvent
from models.instants import MINUTE_US
from sessionwatch.engine.disorder import DisorderEngine
from tests.property.sketch_rules import ruleset
from tests.property.test_disorder import highest, in_order
from tests.property.worlds import arrivals, lateness, world

FOLD_US = 5 * MINUTE_US


def capped_run(arriving: list[SessionEvent], recent_max: int) -> tuple[dict[str, bytes], set[str]]:
    """What stands in the end under a cap, and the subjects that it touched."""
    engine = DisorderEngine(ruleset(FOLD_US), Locator(), lateness(slow=False))
    for lane in engine.lanes:
        lane.recent_max = recent_max
    notices = engine.feed(arriving, 0) + engine.finish(10**6)
    capped = {value for lane in engine.lanes for (_, value), s in lane.subjects.items() if s.capped}
    return highest(notices), capped


def by_subject(alerts: dict[str, bytes]) -> dict[str, set[bytes]]:
    """Alerts by whom they are about."""
    told: dict[str, set[bytes]] = defaultdict(set)
    for alert in alerts.values():
        told[json.loads(alert)["subject"]["value"]].add(alert)
    return told


@given(seed=st.integers(0, 2**32), recent_max=st.integers(1, 12))
@settings(max_examples=20, deadline=None)
def test_in_order_the_cap_changes_nothing(seed: int, recent_max: int) -> None:
    """However small."""
    events = sorted(world(seed, (1, 2, 5, 30), slow=False), key=lambda e: e.order)
    alerts, capped = capped_run(events, recent_max)
    assert capped
    assert alerts == in_order(events, FOLD_US)


@given(seed=st.integers(0, 2**32), recent_max=st.integers(8, 20))
@settings(max_examples=20, deadline=None)
def test_in_disorder_only_capped_subjects_differ(seed: int, recent_max: int) -> None:
    """Whoever stayed under the cap has the alerts of the run in order."""
    crowded = world(seed, (1, 2, 5), slow=False, users=2)
    sparse = [event for event in world(seed + 1, (60, 600, 7200), slow=False, users=4) if event.user in {"u2", "u3"}]
    arriving = arrivals(crowded + sparse, seed, slow=False)
    alerts, capped = capped_run(arriving, recent_max)
    want, got = by_subject(in_order(arriving, FOLD_US)), by_subject(alerts)
    free = {"u0", "u1", "u2", "u3"} - capped
    assert {"u2", "u3"} & free
    assert {user: got[user] for user in free} == {user: want[user] for user in free}
