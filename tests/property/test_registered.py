"""Every registered detector under disorder, restarts and other cuts: the alerts of the run in order."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.registry import detector_kinds
from models.instants import MINUTE_US
from sessionwatch.engine.in_order import SUBJECT_KINDS
from sessionwatch.ruleset.compiled import CompiledRule, Ruleset
from tests.property.sketch_rules import rule
from tests.property.test_disorder import disordered, in_order
from tests.property.worlds import arrivals, world


@cache
def registered(fold_us: int) -> Ruleset:
    """One rule for every registered detector and subject kind it serves, with its default parameters."""
    made: list[CompiledRule] = []
    for kind, detector in sorted(detector_kinds().items()):
        for by in SUBJECT_KINDS:
            if by in detector.subjects:
                kinds = {"login", "export", "activity", "account_change"}
                made.append(rule(f"{kind}_{by}", detector(detector.Params()), kinds, fold_us, by=by))
    return Ruleset(rules=tuple(made), version="1")


@pytest.mark.parametrize("fold_us", [0, 5 * MINUTE_US, 60 * MINUTE_US])
@pytest.mark.parametrize("slow", [False, True])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=6, deadline=None)
def test_every_detector_gives_the_same_alerts_however_events_arrive(fold_us: int, slow: bool, seed: int) -> None:
    """Late, doubled, cut and restarted: the bytes of the run in order."""
    events = world(seed, (5, 60, 600, 7200), slow=slow, changes=True)
    arriving = arrivals(events, seed, slow=slow)
    rules = registered(fold_us)
    want = in_order(arriving, fold_us, rules=rules)
    assert disordered(arriving, fold_us, slow=slow, seed=seed, restarts=0.2, rules=rules) == want


def test_the_worlds_make_the_detectors_speak() -> None:
    """The property above would hold of silence too; here it is seen that there is something to compare."""
    rules = registered(0)
    spoken = {
        alert.split(b'"rule":{"id":"')[1].split(b'"')[0].decode()
        for seed in range(12)
        for alert in in_order(world(seed, (5, 60, 600), slow=False), 0, rules=rules).values()
    }
    assert {"impossible_travel_user", "device_change_user"} <= spoken
